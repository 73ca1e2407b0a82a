"""A conversion from beginning to end, and every way it can end early: a whole model with its card, or nothing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy
import psutil
import pytest
from pydantic import TypeAdapter

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import (
    ConversionFailed,
    DoesNotFit,
    InvalidRequest,
    ModelFolderUnusable,
    ModelNotFound,
    OpenArcError,
)
from openarc_ui.models.conversion import conversion as module
from openarc_ui.models.conversion import needs
from openarc_ui.models.conversion.check import not_measured, quick_check
from openarc_ui.models.conversion.conversion import Conversion
from openarc_ui.models.conversion.needs import ConversionNeeds, needs_of, no_room_to_measure, require_room
from openarc_ui.models.conversion.order import COMPRESSING, TRACING, ConversionOrder
from openarc_ui.models.conversion.process import Refused, refuse_own_code
from openarc_ui.models.conversion.result import carry_side_files, name_the_source
from openarc_ui.models.conversion.watching import MemoryWatch
from openarc_ui.models.progress import Failed
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.results import ConversionCard, TaskProgress
from openarc_ui.models.work.planning import plan_conversion
from openarc_ui.models.work.worker import TaskStopped
from tests.conftest import ask
from tests.engine.catalogue.test_details import NO_TENSORS
from tests.models.conversion.tiny_gguf import tiny_model, write_gguf


@dataclass
class Ran:
    """What a run told."""

    progress: list[TaskProgress] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, conversion: Conversion, folder: Path, when: Callable[[str], None] = lambda stage: None) -> Any:
        folder.mkdir(parents=True, exist_ok=True)

        def say(progress: TaskProgress) -> None:
            is_new = not self.progress or progress.stage != self.progress[-1].stage
            self.progress.append(progress)
            if is_new:
                when(progress.stage)

        return conversion.run(folder, say, self.log.append, self.stopping)

    @property
    def stages(self) -> list[str]:
        return list(dict.fromkeys(progress.stage for progress in self.progress))


def processes_for(folder: Path) -> list[psutil.Process]:
    """Converting and measuring processes that this test process started."""
    return [
        each
        for each in psutil.Process().children(recursive=True)
        if any("openarc_ui.models.conversion" in word for word in each.cmdline())
    ]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tiny GGUF."""
    folder = tmp_path_factory.mktemp("models")
    write_gguf(tiny_model("llama"), "llama", folder / "tiny.gguf")
    return folder


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[Engine]:
    with Engine(model_folder) as engine:
        yield engine


def conversion(engine: Engine, *, check: bool = False, **options: Any) -> Conversion:
    given = {name.replace("_", "-"): value for name, value in options.items()}
    return Conversion(ConversionRequest(source="tiny.gguf", options=given, check=check), engine)


@pytest.fixture(scope="module")
def converted(engine: Engine, model_folder: Path) -> tuple[Path, ConversionCard, Ran]:
    """The tiny model in INT4, and its task's folder."""
    ran, folder = Ran(), model_folder / ".tasks" / "one"
    (folder / "result").mkdir(parents=True)
    (folder / "result" / "left_from_before").write_text("x")
    card = ran.run(conversion(engine, check=True, weight_format="int4", group_size=64), folder)
    return folder, card, ran


def test_the_result_is_a_whole_model_and_nothing_else_is_left(converted: tuple[Path, ConversionCard, Ran]) -> None:
    folder, _, _ = converted
    assert [each.name for each in folder.iterdir()] == ["result"]
    assert {each.name for each in (folder / "result").iterdir()} == {
        *("openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.xml", "openvino_tokenizer.bin"),
        *("openvino_detokenizer.xml", "openvino_detokenizer.bin", "openvino_config.json"),
        *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
        *("openarc_conversion.json", "openarc_files.json"),
    }


def test_the_card_tells_what_was_done(converted: tuple[Path, ConversionCard, Ran], engine: Engine) -> None:
    folder, card, _ = converted
    assert (card.source, card.source_kind) == ("tiny.gguf", "gguf")
    assert card.source_bytes == (engine.model_folder / "tiny.gguf").stat().st_size
    assert card.options == {
        "task": "text-generation-with-past",
        "weight-format": "int4",
        "group-size": 64,
        "group-size-fallback": "adjust",
    }
    assert card.command == conversion(engine, weight_format="int4", group_size=64).command
    assert "u4 in groups of 64" in card.weights
    assert card.notes == ("Groups of 64 don't divide some layers: theirs are smaller.",)
    assert 10_000_000 < card.peak_memory_bytes < 5_000_000_000
    assert card.seconds > 1
    kept = json.loads((folder / "result" / "openarc_conversion.json").read_text())
    assert kept["command"] == list(card.command)
    assert kept["result_check"]["runtime"] == "OpenVINO, CPU"
    assert kept["notes"] == list(card.notes)
    del kept["notes"]
    assert TypeAdapter(ConversionCard).validate_python(kept).notes == ()  # of a version that had none


def test_source_and_result_are_measured_alike(converted: tuple[Path, ConversionCard, Ran]) -> None:
    _, card, _ = converted
    source, result = card.source_check, card.result_check
    assert source is not None
    assert result is not None
    assert (source.problem, result.problem) == ("", "")
    assert source.runtime == "PyTorch, float32"
    # A random model knows nothing, whatever its weights are rounded to: about as many choices as its vocabulary has.
    for each in (source, result):
        assert each.perplexity == pytest.approx(267, rel=0.3)
        assert each.decode_tokens_per_second is not None
        assert each.decode_tokens_per_second > 0
    assert source.tokens == result.tokens == 256 - 48
    assert source.generated_tokens == result.generated_tokens == 48


def test_every_file_is_noted_with_its_hash(converted: tuple[Path, ConversionCard, Ran]) -> None:
    result = converted[0] / "result"
    told = json.loads((result / "openarc_files.json").read_text())
    assert told["source"] == {"kind": "conversion", "model": "tiny.gguf"}
    assert set(told["files"]) == {each.name for each in result.iterdir()} - {"openarc_files.json"}
    for name, noted in told["files"].items():
        content = (result / name).read_bytes()
        assert noted == {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_no_path_of_this_machine_is_told(converted: tuple[Path, ConversionCard, Ran], model_folder: Path) -> None:
    folder, _, ran = converted
    for path in (folder / "result").rglob("*"):
        if path.suffix in (".json", ".xml", ".jinja"):
            assert str(model_folder) not in path.read_text(encoding="utf-8"), path.name
    assert not [line for line in ran.log if str(model_folder) in line or str(Path.home()) in line]


def test_progress_only_grows_and_tells_memory(converted: tuple[Path, ConversionCard, Ran]) -> None:
    _, _, ran = converted
    fractions = [progress.fraction or 0.0 for progress in ran.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    wanted = [
        *("Reading the GGUF", "Writing the weights in 16 bits", "Reading the checkpoint", TRACING),
        *("Converting the tokenizer", "Compressing the weights", "Looking at the result"),
        *("Measuring the source", "Measuring the result", "Finished"),
    ]
    assert [stage for stage in ran.stages if stage in wanted] == wanted
    assert any(progress.detail.startswith("Applying Weight Compression") for progress in ran.progress)
    assert max(progress.memory_bytes or 0 for progress in ran.progress) > 100_000_000
    assert any(line.startswith(f"{TRACING}: ") and line.endswith(" s") for line in ran.log)


def test_both_backends_run_it(converted: tuple[Path, ConversionCard, Ran], engine: Engine, model_folder: Path) -> None:
    shutil.copytree(converted[0] / "result", model_folder / "tiny-int4")
    assert engine.catalogue.details("tiny-int4").problems == ()
    for backend in ("genai", "optimum"):
        engine.load(LoadRequest(model_path="tiny-int4", backend=backend))
        assert engine.submit(ask("the", max_new_tokens=4)).result(timeout=60).report.generated_tokens > 0
        engine.unload()


def test_stopped_in_the_middle_it_ends_at_once_leaves_nothing_and_can_begin_anew(
    engine: Engine, tmp_path: Path
) -> None:
    ran = Ran()
    stopped_at: list[float] = []

    def stop(stage: str) -> None:
        if stage == "Writing the weights in 16 bits":
            ran.stopping.set()
            stopped_at.append(time.monotonic())

    with pytest.raises(TaskStopped):
        ran.run(conversion(engine, weight_format="fp16"), tmp_path, stop)
    assert time.monotonic() - stopped_at[0] < 20
    assert processes_for(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_stopped_before_it_began_it_starts_nothing_for_long(engine: Engine, tmp_path: Path) -> None:
    ran = Ran()
    ran.stopping.set()
    with pytest.raises(TaskStopped):
        ran.run(conversion(engine), tmp_path)
    assert processes_for(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_told_with_what_to_do(engine: Engine, tmp_path: Path) -> None:
    def kill(stage: str) -> None:
        if stage == "Reading the GGUF":
            for each in processes_for(tmp_path):
                each.kill()

    with pytest.raises(ConversionFailed, match="signal 9") as caught:
        Ran().run(conversion(engine), tmp_path, kill)
    assert "memory" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_what_the_libraries_refuse_is_told_in_a_sentence(engine: Engine, model_folder: Path, tmp_path: Path) -> None:
    write_gguf(tiny_model("llama"), "llama", model_folder / "odd.gguf", pre="viking")
    odd = Conversion(ConversionRequest(source="odd.gguf", check=False), engine)
    ran = Ran()
    with pytest.raises(ConversionFailed, match=r"can't be converted: .*\(viking\) is not known") as caught:
        ran.run(odd, tmp_path)
    assert caught.value.hint
    assert str(model_folder) not in caught.value.message
    assert list(tmp_path.iterdir()) == []


class _Ended:
    """A converting process that said one last thing, or died with its last words."""

    process_id = os.getpid()

    def __init__(self, report: Failed | None, words: str = "") -> None:
        self._report, self._words = report, words

    def next_report(self) -> Failed | None:
        return self._report

    def reason_of_death(self, what: str) -> str:
        return f"{what} ended with exit code 1: {self._words}"


def failure(folder: Path, stage: str, report: Failed | None, words: str = "") -> OpenArcError:
    """What is raised where the process ends so in this stage."""
    run = module._Run(folder, lambda said: None, lambda line: line, lambda line: None, threading.Event())
    run.tell(stage, 0.1)
    ended: Any = _Ended(report, words)
    with pytest.raises(OpenArcError) as caught:
        run._follow(ended)
    return caught.value


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (None, "safetensors_rust.SafetensorError: I/O error: No space left on device (os error 28)"),
        (Failed("OSError: [Errno 28] No space left on device: 'x'.", ""), ""),
    ],
)
def test_a_disk_that_fills_is_the_model_folders(tmp_path: Path, report: Failed | None, words: str) -> None:
    error = failure(tmp_path, "Writing the weights in 16 bits", report, words)
    assert (error.code, error.message) == ("model_folder_unusable", "The disk of the model folder is full.")
    assert "Make room" in error.hint


def test_a_disk_without_room_is_the_reason_whatever_a_library_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    assert failure(tmp_path, COMPRESSING, Failed("RuntimeError: odd.", "")).code == "model_folder_unusable"
    assert failure(tmp_path, COMPRESSING, Failed("own code.", "Choose another.")).code == "conversion_failed"


def test_a_write_of_openvino_that_failed_is_most_likely_the_disks(tmp_path: Path) -> None:
    error = failure(tmp_path, COMPRESSING, Failed("RuntimeError: basic_ios::clear: iostream error.", ""))
    assert error.code == "model_folder_unusable" and "most likely the disk" in error.message


def test_a_full_disk_in_the_main_process_is_the_model_folders_too(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: OSError) -> Any:
        def raise_it(*_: Any) -> None:
            raise error

        monkeypatch.setattr(module.Conversion, "_convert", raise_it)
        with pytest.raises(OpenArcError) as caught:
            Ran().run(conversion(engine), tmp_path)
        return caught.value

    assert fail(OSError(errno.ENOSPC, "No space left on device")).message == "The disk of the model folder is full."
    ours = fail(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "result")))
    assert ours.message == "The model folder can't be written: Permission denied."
    other = fail(OSError(errno.EIO, "Input/output error", "/elsewhere/model.safetensors"))
    assert (other.code, other.hint) == ("conversion_failed", module.HINT)


def test_another_weight_format_is_advised_only_where_the_options_decide(tmp_path: Path) -> None:
    said = Failed("RuntimeError: odd.", "")
    for stage in (TRACING, COMPRESSING):
        assert "another weight format" in failure(tmp_path, stage, said).hint
    for stage in ("Reading the GGUF", "Reading the checkpoint", "Converting the tokenizer"):
        assert failure(tmp_path, stage, said).hint == "The task's log says more."
        assert failure(tmp_path, stage, None, "odd").hint == "The task's log says more."
    assert failure(tmp_path, COMPRESSING, Failed("no.", "Choose another.")).hint == "Choose another."


def test_a_model_with_its_own_python_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}')
    with pytest.raises(Refused, match="own code is not run") as caught:
        refuse_own_code(tmp_path)
    assert "Choose another model" in caught.value.hint


def test_a_source_that_is_none_is_refused_at_once(engine: Engine, model_folder: Path) -> None:
    with pytest.raises(ModelNotFound):
        Conversion(ConversionRequest(source="nothing"), engine)
    with pytest.raises(ModelNotFound, match="outside"):
        Conversion(ConversionRequest(source="../elsewhere"), engine)
    checkpoint = model_folder / "lone"
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes(NO_TENSORS)
    with pytest.raises(InvalidRequest, match=r"config\.json is missing"):
        Conversion(ConversionRequest(source="lone"), engine)
    (checkpoint / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"tokenizer_file": "/etc/passwd"}))
    with pytest.raises(InvalidRequest, match="leads out"):
        Conversion(ConversionRequest(source="lone"), engine)
    (model_folder / "cut.gguf").write_bytes((model_folder / "tiny.gguf").read_bytes()[:2000])
    with pytest.raises(InvalidRequest, match=r"cut\.gguf"):
        Conversion(ConversionRequest(source="cut.gguf"), engine)


@pytest.mark.parametrize("architecture", ["falcon", "bloom", "mamba", "nemotron"])
def test_a_gguf_of_an_unknown_architecture_is_refused_when_it_is_planned(
    engine: Engine, model_folder: Path, architecture: str
) -> None:
    path = model_folder / f"{architecture}.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tensor("token_embd.weight", numpy.zeros((4, 32), numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InvalidRequest, match=rf"its architecture is {architecture}; these can be converted: .*llama"):
        plan_conversion(engine, ConversionRequest(source=path.name))


def test_why_nothing_was_measured_names_no_path_of_this_machine(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = f"{engine.model_folder}/tiny is broken: /opt/secret/place is missing."
    monkeypatch.setattr(module, "quick_check", lambda folder, runtime, *_: not_measured(runtime, problem))
    monkeypatch.setattr(module, "no_room_to_measure", lambda needs: "")
    run = module._Run(tmp_path, lambda said: None, engine.places.hidden_output, lambda line: None, threading.Event())
    checks = conversion(engine, check=True)._measured(run, tmp_path, ConversionNeeds(1, 1, 1))
    assert [each.problem for each in checks if each] == ["model folder/tiny is broken: … is missing."] * 2


def test_too_little_disk_is_said_before_anything_starts(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 1000))
    with pytest.raises(ModelFolderUnusable, match="on disk"):
        Ran().run(conversion(engine), tmp_path)


def test_too_little_memory_is_refused_and_tight_memory_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ConversionNeeds(weights_bytes=4_000_000_000, memory_bytes=7_300_000_000, disk_bytes=1)

    def free(size_bytes: int) -> None:
        room = needs.system_room()
        monkeypatch.setattr(
            needs, "system_room", lambda: type(room)("CPU", size_bytes, size_bytes, True, "system memory")
        )

    free(9_000_000_000)
    assert require_room(wanted, tmp_path) is None
    assert no_room_to_measure(wanted) == ""
    free(6_000_000_000)
    tight = require_room(wanted, tmp_path)
    assert tight is not None
    assert "7.3 GB of memory, and 6.0 GB are free" in tight.words
    assert "it needed 7.3 GB, and 6.0 GB were free" in tight.note
    assert "needs about 8.8 GB" in no_room_to_measure(wanted)
    free(4_500_000_000)
    with pytest.raises(DoesNotFit, match=r"7\.3 GB"):
        require_room(wanted, tmp_path)


def test_tight_memory_is_in_the_log_and_among_the_notes(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = needs.TightMemory(3_000_000_000, 2_000_000_000, "system memory")
    monkeypatch.setattr(module, "require_room", lambda needs, folder: tight)
    log: list[str] = []
    run = module._Run(tmp_path, lambda said: None, lambda line: line, log.append, threading.Event())
    conversion(engine)._require_room(run)
    assert run.notes == [tight.note]
    assert log == [f"{tight.words}: it may be ended by the system."]


def test_needs_count_a_gguf_as_it_is_unpacked(engine: Engine) -> None:
    wanted = needs_of(engine.catalogue.find("tiny.gguf"), {"weight-format": "fp16"})
    parameters = engine.catalogue.details("tiny.gguf").parameters
    assert parameters is not None
    assert wanted.weights_bytes == 2 * parameters
    assert wanted.disk_bytes == 3 * 2 * parameters
    with_data = needs_of(engine.catalogue.find("tiny.gguf"), {"weight-format": "int4", "dataset": "auto"})
    assert with_data.memory_bytes > wanted.memory_bytes


def test_a_model_that_cannot_be_measured_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    check = quick_check(tmp_path, "openvino", MemoryWatch(), lambda line: None, threading.Event(), limit_seconds=0.2)
    assert check.perplexity is None
    assert "minutes" in check.problem


def test_side_files_come_along_where_optimum_wrote_none(tmp_path: Path) -> None:
    checkpoint, result = tmp_path / "checkpoint", tmp_path / "result"
    for folder in (checkpoint, result):
        folder.mkdir()
    for name in ("LICENSE", "NOTICE.txt", "generation_config.json", "openarc_profile.json", "README.md", "secret.key"):
        (checkpoint / name).write_text(name)
    (result / "generation_config.json").write_text("theirs")
    (checkpoint / "COPYING").symlink_to(os.devnull)
    carry_side_files(checkpoint, result)
    assert {each.name for each in result.iterdir()} == {
        *("LICENSE", "NOTICE.txt", "generation_config.json", "openarc_profile.json")
    }
    assert (result / "generation_config.json").read_text() == "theirs"  # neither is JSON, so nothing is told by them


def test_the_sampling_defaults_of_the_source_stand_beside_what_optimum_added(tmp_path: Path) -> None:
    checkpoint, result = tmp_path / "checkpoint", tmp_path / "result"
    for folder in (checkpoint, result):
        folder.mkdir()
    said = {"do_sample": False, "temperature": 0.2, "eos_token_id": [1, 2], "made_up": "é"}
    (checkpoint / "generation_config.json").write_text(json.dumps(said), encoding="utf-8")
    (result / "generation_config.json").write_text('{"do_sample": true, "transformers_version": "5.5.4"}')
    carry_side_files(checkpoint, result)
    kept = json.loads((result / "generation_config.json").read_text(encoding="utf-8"))
    assert kept == {**said, "transformers_version": "5.5.4"}


def test_a_noted_path_becomes_the_sources_name(tmp_path: Path) -> None:
    (tmp_path / "openvino_config.json").write_text(json.dumps({"a": [{"tokenizer": "/x y/model/"}], "b": 1}))
    name_the_source(tmp_path, Path("/x y/model"), "tiny.gguf")
    assert json.loads((tmp_path / "openvino_config.json").read_text()) == {"a": [{"tokenizer": "tiny.gguf/"}], "b": 1}


def test_a_process_whose_server_is_gone_ends(model_folder: Path, tmp_path: Path) -> None:
    order = ConversionOrder(str(model_folder / "tiny.gguf"), str(tmp_path / "unpacked"), (), str(tmp_path / "r"), True)
    command = [sys.executable, "-m", "openarc_ui.models.conversion.process"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(order)) + "\n")
        process.stdin.flush()
        assert "Reading the GGUF" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert not (tmp_path / "unpacked").exists()
