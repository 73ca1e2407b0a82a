"""The command line: what it makes of its arguments, and real processes of it that end, are killed, and go on."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError, SettingsError, TuningBusy
from openarc_ui.tuning.command.arguments import parse
from openarc_ui.tuning.command.asked import Request, request_of, value_of
from openarc_ui.tuning.command.doing import act
from openarc_ui.tuning.command.progress import ProgressLine, progress_words
from openarc_ui.tuning.requests import Axis, BenchRequest, ComparisonRequest, SweepRequest
from openarc_ui.tuning.results import Progress, RunState
from openarc_ui.tuning.runs import TuningRuns
from tests.conftest import write_script

ROOT = Path(__file__).parent.parent.parent
REPLIES = [{"text": "one two three four", "token_seconds": 0.001, "prefill_seconds": 0.002}]
ENDLESS = [{"text": "word " * 4000, "token_seconds": 0.02}]
SHORT = ("-p", "8", "-n", "4", "-r", "1")


def asked(*arguments: str) -> Request:
    return request_of(parse(arguments))


def test_a_bench_like_llama_benchs() -> None:
    made = asked(
        *("bench", "m", "-p", "128,512", "-n", "64", "-d", "0,512", "-c", "1,4", "-r", "5"),
        *("--ov", "KV_CACHE_PRECISION=u8", "--ov", "NUM_STREAMS=1", "--backend", "genai", "--loads", "2"),
        *("--scheduler", "enable_prefix_caching=false", "--seed", "7", "--name", "mine", "--quality"),
    )
    assert isinstance(made, BenchRequest)
    assert made.configuration.ov_config == {"KV_CACHE_PRECISION": "u8", "NUM_STREAMS": 1}
    assert (made.configuration.backend, made.configuration.scheduler.enable_prefix_caching) == ("genai", False)
    assert (made.repetitions, made.loads, made.seed, made.name) == (5, 2, 7, "mine")
    assert made.quality.is_wanted
    sizes = {
        (each.prompt_tokens, each.generated_tokens, each.depth_tokens, each.concurrent_requests)
        for each in made.workloads
    }
    assert sizes == {(p, 64, d, c) for p in (128, 512) for d in (0, 512) for c in (1, 4)}
    assert len({each.name for each in made.workloads}) == 8


def test_what_is_not_said_is_the_requests_own_default() -> None:
    made = asked("bench", "m")
    plain = BenchRequest(configuration=made.configuration)
    assert made.model_dump(exclude={"workloads"}) == plain.model_dump(exclude={"workloads"})
    assert made.workloads[0].model_dump(exclude={"name"}) == plain.workloads[0].model_dump(exclude={"name"})
    axes = (Axis(field="ov_config.NUM_STREAMS", values=(1,)),)
    sweep = asked("sweep", "m", "--axis", "ov_config.NUM_STREAMS=1")
    assert isinstance(sweep, SweepRequest)
    assert sweep.model_dump(exclude={"workload"}) == SweepRequest(base=sweep.base, axes=axes).model_dump(
        exclude={"workload"}
    )
    compare = asked("compare", "m")
    assert isinstance(compare, ComparisonRequest)
    plain_one = ComparisonRequest(a=compare.a, b=compare.b)
    assert compare.model_dump(exclude={"workload"}) == plain_one.model_dump(exclude={"workload"})


def test_a_sweep_with_axes_objectives_and_a_limit() -> None:
    made = asked(
        *("sweep", "m", "--axis", "ov_config.INFERENCE_NUM_THREADS=1,2,default", "--axis", "backend=genai,optimum"),
        *("--axis", "device=CPU;HETERO:GPU.0,CPU", "--objective", "ttft_seconds,memory_bytes", "--minutes", "5"),
        *("--most", "9", "--memory-limit-megabytes", "700", "--sampler", "tpe", "--tightness", "4", "--preset", "chat"),
    )
    assert isinstance(made, SweepRequest)
    assert [(axis.field, axis.values) for axis in made.axes] == [
        ("ov_config.INFERENCE_NUM_THREADS", (1, 2, None)),
        ("backend", ("genai", "optimum")),
        ("device", ("CPU", "HETERO:GPU.0,CPU")),
    ]
    assert made.objectives == ("ttft_seconds", "memory_bytes") and made.budget_minutes == 5
    assert (made.most_configurations, made.memory_limit_bytes, made.sampler) == (9, 700_000_000, "tpe")
    assert (made.tightness_percent, made.workload.name) == (4, "chat")


def test_a_comparison_differs_where_it_is_said() -> None:
    made = asked(
        *("compare", "m", "--ov", "NUM_STREAMS=1", "--a", "ov_config.KV_CACHE_PRECISION=u8", "--b", "backend=optimum"),
        *("--b", "ov_config.NUM_STREAMS=default", "--least-rounds", "4", "--most-rounds", "5"),
    )
    assert isinstance(made, ComparisonRequest)
    assert made.a.ov_config == {"NUM_STREAMS": 1, "KV_CACHE_PRECISION": "u8"}
    assert (made.b.ov_config, made.b.backend) == ({}, "optimum")
    assert (made.least_rounds, made.most_rounds) == (4, 5)


def test_own_prompts_are_a_workload() -> None:
    made = asked("bench", "m", "--prompt", "Why?", "--prompt", "How?", "--turns", "2")
    assert isinstance(made, BenchRequest)
    assert [(each.prompts, each.turns) for each in made.workloads] == [(("Why?", "How?"), 2)]


def test_a_length_of_prompts_beside_own_prompts_is_refused() -> None:
    for command in (("bench", "m"), ("sweep", "m", "--axis", "backend=genai,optimum"), ("compare", "m")):
        with pytest.raises(SettingsError, match="--prompt-tokens has no use beside them") as caught:
            asked(*command, "--prompt", "Why?", "-p", "128")
        assert caught.value.hint == "Leave out -p, or --prompt."


def test_a_request_can_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    made = asked("compare", "m", "--b", "device=GPU")
    file.write_text(made.model_dump_json())
    assert asked("compare", "--request", str(file)) == made
    file.write_text('{"kind": "comparison", "a": {"model_pth": "m"}, "b": {"model_path": "m"}}')
    with pytest.raises(OpenArcError) as caught:
        asked("compare", "--request", str(file))
    assert "model_pth" in caught.value.message and "model_path" in caught.value.hint
    file.write_text(made.model_dump_json())
    with pytest.raises(SettingsError, match="asks for a comparison"):
        asked("bench", "--request", str(file))
    with pytest.raises(SettingsError, match="which model"):
        asked("compare", "m", "--request", str(file))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("swep m", "'sweep'"),
        ("bench", "Which model"),
        ("bench m n", "one word too many"),
        ("bench m --repetitons 3", "'--repetitions'"),
        ("bench m --preset chatt", "'chat'"),
        ("bench m --preset chat -p 4", "says all of a workload"),
        ("bench m --backend genay", "'genai'"),
        ("bench m --scheduler cashe_size=1", "'cache_size'"),
        ("bench m --ov NUM_STREAMS", "NAME=VALUE"),
        ("bench m -p many", "whole number"),
        ("bench m -p 0", "prompt_tokens"),
        ("bench m -p 100000 -n 100000", "131072"),
        ("bench m -r", "expected one argument"),
        ("bench m -r 0", "repetitions"),
        ("bench m --format yaml", "json"),
        ("bench m --request nothing.json", "which model"),
        ("bench --request nothing.json", "nothing.json can't be read"),
        ("sweep m", "What varies"),
        ("sweep m --axis bakend=genai", "'backend'"),
        ("sweep m --axis NUM_STREAMS=1", "'ov_config.NUM_STREAMS'"),
        ("sweep m --axis ovconfig.NUM_STREAMS=1", "'ov_config'"),
        ("sweep m --axis scheduler.cash_size=1", "'scheduler.cache_size'"),
        ("sweep m --axis backend=", "no name and value"),
        ("sweep m --axis backend=genai,genai", "has a value twice"),
        ("sweep m --axis backend=genai --objective tftt_seconds", "'ttft_seconds'"),
        ("sweep m --axis backend=genai -p 8,16", "one workload"),
        ("compare m --a bakend=genai", "'backend'"),
        ("compare m --least-rounds 9 --most-rounds 4", "least_rounds is more than most_rounds"),
        ("show", "run_id|RUN"),
    ],
)
def test_what_is_misspelt_is_refused_with_what_was_meant(arguments: str, words: str) -> None:
    with pytest.raises(OpenArcError) as caught:
        asked(*arguments.split())
    told = f"{caught.value.message} {caught.value.hint}"
    assert any(word in told for word in words.split("|")), told


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-1", -1), ("0.5", 0.5), ("true", True), ("FALSE", False), ("u8", "u8"), ("1x", "1x")],
)
def test_a_value_has_the_type_it_looks_like(text: str, value: Any) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_on_a_terminal_and_few_lines_elsewhere() -> None:
    progress = Progress("Exploring", "2 threads · Loading", 3, 8, 65.0, 3700.0)
    assert progress_words(progress, "sweep") == "[1:05]  Exploring  3/8  at most 1:01:40 left  2 threads · Loading"
    for kind in ("bench", "comparison"):
        assert "  about 1:01:40 left  " in progress_words(progress, kind), "only a sweep ends with its time"
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        line = ProgressLine(stream)
        for stage in ("Loading", "Warming up", "Repetition 1"):
            line.show(Progress("Exploring", f"2 threads · {stage}", 3, 8, 65.0, None))
        line.say("Done.")
    assert "\n" not in terminal.getvalue().removesuffix("Done.\n") and terminal.getvalue().count("\r") == 4
    assert pipe.getvalue().count("\n") == 2


# Real runs, on the scripted backend.


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    write_script(tmp_path / "models" / "script", replies=REPLIES)
    return {
        "OPENARC_MODEL_FOLDER": str(tmp_path / "models"),
        "OPENARC_TUNING_FOLDER": str(tmp_path / "tuning"),
        "OPENARC_CACHE_FOLDER": str(tmp_path / "cache"),
        "OPENARC_HOST": "0.0.0.0",
    }


def begun(places: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "openarc_ui.tuning", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENARC_")}
    return subprocess.Popen(
        command, cwd=ROOT, env={**environment, **places}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def done(places: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    process = begun(places, *arguments)
    try:
        output, errors = process.communicate(timeout=180)
    finally:
        process.kill()
    return process.returncode, output, errors


def until_measured(places: dict[str, str], visits: int) -> Path:
    """The run's folder once so many visits are kept."""
    folder, deadline = Path(places["OPENARC_TUNING_FOLDER"]), time.monotonic() + 90
    while time.monotonic() < deadline:
        for file in folder.glob("*/visits.jsonl"):
            if file.read_bytes().count(b"\n") >= visits:
                return file.parent
        time.sleep(0.02)
    raise TimeoutError


def test_a_bench_from_begin_to_export(places: dict[str, str], tmp_path: Path) -> None:
    code, output, errors = done(places, "bench", "script", *SHORT, "--name", "mine")
    assert code == 0, errors
    assert output.startswith("# mine") and "| " in output
    assert "Run " in errors and "Loading" in errors
    _, listed, _ = done(places, "list")
    run_id = listed.split()[0]
    assert listed.split()[1:4] == ["bench", "finished", "mine"]
    assert json.loads(done(places, "export", run_id, "--format", "json")[1])["head"]["name"] == "mine"
    rows = list(csv.DictReader(io.StringIO(done(places, "export", "last", "--format", "csv")[1])))
    assert len(rows) == 1 and float(rows[0]["ttft_median_seconds"]) > 0
    assert done(places, "show", "last")[1] == output
    assert done(places, "delete", "last")[0] == 2
    assert done(places, "delete", run_id)[:2] == (0, "")
    assert done(places, "show", "last")[0] == 2
    assert str(tmp_path) not in output + errors


def test_a_model_that_cant_be_loaded_is_a_failure_in_one_line(places: dict[str, str]) -> None:
    code, output, errors = done(places, "bench", "skript", *SHORT)
    assert (code, output) == (2, "")
    assert errors == "openarc: No model 'skript' in the model folder. Did you mean 'script'?\n"
    write_script(Path(places["OPENARC_MODEL_FOLDER"]) / "script", load_error="The script does not load.")
    code, output, errors = done(places, "bench", "script", *SHORT)
    assert code == 3 and "nothing could be measured: The script does not load." in errors
    assert "does not load" in output


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(places: dict[str, str]) -> None:
    write_script(Path(places["OPENARC_MODEL_FOLDER"]) / "script", replies=ENDLESS)
    process = begun(places, "bench", "script", "-p", "8", "-n", "3000", "-r", "1")
    try:
        assert process.stderr is not None
        run_id = process.stderr.readline().split()[1]
        while "Loading" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert f"resume {run_id}" in errors and "Traceback" not in errors
    assert done(places, "list")[1].split()[2] == "interrupted"
    write_script(Path(places["OPENARC_MODEL_FOLDER"]) / "script", replies=[{"text": "word", "token_seconds": 0.0}])
    code, output, errors = done(places, "resume", "last")
    assert code == 0 and output.startswith("# script on CPU"), errors


def test_a_sweep_that_was_killed_goes_on_and_measures_nothing_twice(places: dict[str, str]) -> None:
    axis = "ov_config.INFERENCE_NUM_THREADS=1,2"
    flags = (*SHORT, "--axis", axis, "--minutes", "3", "--tightness", "100", "--no-quality", "--most", "2")
    # Slow, so that it does not end by itself before it is killed; and then quick, for whoever waits for its end. One
    # of the two is the best beyond doubt, so that it ends by itself before its time is over.
    model, speeds = (
        Path(places["OPENARC_MODEL_FOLDER"]) / "script",
        [{"when": {axis.partition("=")[0]: 2}, "factor": 0.1}],
    )
    write_script(model, replies=[{**REPLIES[0], "token_seconds": 0.25}], speeds=speeds)
    process = begun(places, "sweep", "script", *flags)
    try:
        folder = until_measured(places, 3)
        process.kill()
        write_script(model, replies=[{**REPLIES[0], "token_seconds": 0.02}], speeds=speeds)
        process.communicate(timeout=20)
    finally:
        process.kill()
    before = (folder / "visits.jsonl").read_bytes()
    assert done(places, "list")[1].split()[2] == "interrupted"
    worked = json.loads((folder / "run.json").read_text())["sittings"][0]["worked_seconds"]
    assert worked > 0
    code, output, errors = done(places, "resume", folder.name)
    assert code == 0, errors
    after = (folder / "visits.jsonl").read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1]) and len(after) > len(before)
    visits = [json.loads(line) for line in after.splitlines()]
    made = [(visit["configuration_id"], visit["round_number"]) for visit in visits]
    assert len(made) == len(set(made))
    kept = json.loads((folder / "run.json").read_text())
    assert kept["state"] == "finished" and len(kept["sittings"]) == 2
    assert "INFERENCE_NUM_THREADS" in output


def test_a_server_and_the_command_line_leave_each_others_runs_alone(
    places: dict[str, str], make_engine: Callable[..., Engine]
) -> None:
    write_script(Path(places["OPENARC_MODEL_FOLDER"]) / "script", replies=ENDLESS)
    server = TuningRuns(make_engine(), Path(places["OPENARC_TUNING_FOLDER"]))
    process = begun(places, "bench", "script", "-p", "8", "-n", "3000", "-r", "1")
    try:
        assert process.stderr is not None
        run_id = process.stderr.readline().split()[1]
        assert server.heads()[0].state is RunState.RUNNING
        for do in (server.resume, server.cancel, server.delete):
            with pytest.raises(TuningBusy, match="Another process"):
                do(run_id)
        code, _, errors = done(places, "resume", run_id)
        assert code == 2 and "Another process works on this run" in errors
        with pytest.raises(TuningBusy, match="The bench 'script on CPU' measures in another process, and only one"):
            server.start(BenchRequest(configuration=LoadRequest(model_path="script")))
        code, _, errors = done(places, "bench", "script", *SHORT)
        assert code == 2 and "The bench 'script on CPU' measures in another process" in errors
        process.kill()
        process.communicate(timeout=20)
        assert server.heads()[0].state is RunState.INTERRUPTED
        assert server.cancel(run_id).state is RunState.CANCELLED
    finally:
        process.kill()
        server.close()


def test_a_reader_that_has_seen_enough_is_no_mistake(places: dict[str, str]) -> None:
    assert done(places, "bench", "script", *SHORT)[0] == 0
    process = begun(places, "export", "last", "--format", "json")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_folders_are_flags_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_script(tmp_path / "models" / "script", replies=REPLIES)
    folders = [f"--{name}-folder={tmp_path / name}s" for name in ("model",)]
    folders += [f"--tuning-folder={tmp_path / 'runs'}", f"--cache-folder={tmp_path / 'cache'}"]
    assert act(parse(["bench", "script", *SHORT, *folders]), {"OPENARC_TUNING_FOLDER": "/nonexistent"}) == 0
    assert act(parse(["list", "--format", "json", *folders]), {}) == 0
    told = capsys.readouterr().out
    assert json.loads(told[told.index("[\n") :])[0]["state"] == "finished"
    assert len(list((tmp_path / "runs").glob("*/run.json"))) == 1


def test_what_it_writes_names_no_folder_of_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_script(tmp_path / "models" / "script", replies=REPLIES)
    folders = [f"--model-folder={tmp_path / 'models'}", f"--tuning-folder={tmp_path / 'runs'}"]
    assert act(parse(["bench", str(model), *SHORT, "--name", f"in {model}", *folders]), {}) == 0
    for form in ("markdown", "csv", "json", "html"):
        assert act(parse(["export", "last", "--format", form, *folders]), {}) == 0
    for form in ("text", "json"):
        assert act(parse(["list", "--format", form, *folders]), {}) == 0
    told = capsys.readouterr().out
    assert str(tmp_path) not in told and told.count("in model folder/script") >= 6
