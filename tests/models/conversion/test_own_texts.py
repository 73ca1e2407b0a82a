"""Own texts as data of a conversion: found in the model folder, bounded, really looked at, and told to nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.conversion import calibration
from openarc_ui.models.conversion.calibration import Texts, read_texts, texts_files, texts_note
from openarc_ui.models.conversion.own_texts import forget_texts, main
from openarc_ui.models.conversion.unpack import unpack
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.work.planning import ConversionPlan, plan_conversion
from tests.models.conversion.tiny_gguf import tiny_model, write_gguf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
"""Of PyTorch, at every trace of every model."""
SECRET = "a sentence that nobody else should read"
OPTIONS = {"weight-format": "int4", "group-size": 32, "scale-estimation": True}


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """One tiny GGUF and two files with texts; beside them what is none."""
    folder = tmp_path / "models"
    (folder / "below").mkdir(parents=True)
    write_gguf(tiny_model("llama"), "llama", folder / "tiny.gguf")
    (folder / "mine.txt").write_text(f"One text.\nIts second line.\n\n \n{SECRET}\n", encoding="utf-8")
    (folder / "lines.jsonl").write_text('"one"\n\n{"text": "two", "label": 1}\n', encoding="utf-8")
    (folder / "below" / "deep.txt").write_text("x")
    (folder / ".hidden.txt").write_text("x")
    (tmp_path / "outside.txt").write_text("x")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    return folder


@pytest.fixture
def plan(model_folder: Path, make_engine: Callable[..., Engine]) -> Callable[..., ConversionPlan]:
    engine = make_engine()
    return lambda **more: plan_conversion(engine, ConversionRequest(source="tiny.gguf", options={**OPTIONS, **more}))


def test_texts_are_parted_by_empty_lines_or_are_one_json_a_line(model_folder: Path) -> None:
    assert texts_files(model_folder) == ("lines.jsonl", "mine.txt")
    assert read_texts(model_folder / "mine.txt").texts == ("One text.\nIts second line.", SECRET)
    assert read_texts(model_folder / "lines.jsonl").texts == ("one", "two")


def test_what_is_too_much_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MOST_TEXTS", 3)
    monkeypatch.setattr(calibration, "MOST_CHARACTERS", 5)
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join(("123456", "12345", "é" * 6, "4", "5")), encoding="utf-8")
    found = read_texts(path)
    assert found == Texts(("12345", "12345", "ééééé"), 2, 2)
    said = "It looks at 3 of the 5 texts in a.txt; 2 texts are cut to 5 characters."
    assert texts_note("a.txt", found, None) == said
    assert texts_note("a.txt", Texts(("1", "2")), 1) == "It looks at 1 of the 2 texts in a.txt."
    assert texts_note("a.txt", Texts(("1",), cut=1), 9).startswith("It looks at 1 text in a.txt; 1 text is cut")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "a.txt holds no text"),
        ("a.txt", b" \n\n\t\n", "a.txt holds no text"),
        ("a.txt", b"x\xff", "a.txt is not UTF-8: byte 1 begins no character"),
        ("a.jsonl", b'"x"\n{"text": 1}\n', 'line 2 of a.jsonl is no JSON text and no object with a "text"'),
        ("a.jsonl", b'["x"]', "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", b"x", "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", b"[" * 100_000, "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", b'{"text": ""}', "a.jsonl holds no text"),
    ],
    ids=str,
)
def test_what_can_not_be_read_is_said_when_it_is_planned(
    name: str, content: bytes, says: str, model_folder: Path, plan: Callable[..., ConversionPlan]
) -> None:
    (model_folder / name).write_bytes(content)
    with pytest.raises(InvalidRequest, match="The texts can't be used") as refused:
        plan(dataset=name)
    assert says in refused.value.message


def test_a_file_that_is_too_large_is_not_opened(
    model_folder: Path, plan: Callable[..., ConversionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "MOST_FILE_BYTES", 10)
    with pytest.raises(InvalidRequest, match=r"mine\.txt has 0\.0 MB, and at most"):
        plan(dataset="mine.txt")


@pytest.mark.parametrize(
    "name", ["gone.txt", "../outside.txt", "below/deep.txt", ".hidden.txt", "link.txt", "/etc/x.txt"]
)
def test_only_files_of_the_model_folder_itself_are_read(name: str, plan: Callable[..., ConversionPlan]) -> None:
    with pytest.raises(InvalidRequest, match="There is no file"):
        plan(dataset=name)


def test_the_command_names_the_module_that_gives_them_and_the_notes_how_many(
    plan: Callable[..., ConversionPlan],
) -> None:
    told = plan(dataset="mine.txt", **{"num-samples": 1})
    assert told.export[:4] == ("python", "-m", "openarc_ui.models.conversion.own_texts", "mine.txt")
    assert "--dataset" not in told.export and "--scale-estimation" in told.export
    assert told.options["dataset"] == "mine.txt"
    assert told.notes[-1] == "It looks at 1 of the 2 texts in mine.txt."


def test_the_shown_command_looks_at_the_texts_and_leaves_none_of_them(
    model_folder: Path, plan: Callable[..., ConversionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimum.intel.openvino.quantization import OVCalibrationDatasetBuilder

    told = plan(dataset="mine.txt")
    unpack(model_folder / "tiny.gguf", model_folder / told.first_step[-1])
    looked_at: list[Any] = []
    look = OVCalibrationDatasetBuilder._prepare_causal_lm_calibration_data

    def noted(builder: Any, config: Any) -> Any:
        looked_at.append(config.dataset)
        return look(builder, config)

    monkeypatch.setattr(OVCalibrationDatasetBuilder, "_prepare_causal_lm_calibration_data", noted)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(model_folder)
    assert main(told.export[3:]) == 0
    assert looked_at == [["One text.\nIts second line.", SECRET]]
    files = [each for each in (model_folder / told.name).rglob("*") if each.is_file()]
    assert {"openvino_model.xml", "openvino_model.bin"} <= {each.name for each in files}
    assert not any(SECRET.encode() in each.read_bytes() for each in files)


def test_only_the_list_of_texts_is_forgotten(tmp_path: Path) -> None:
    said = {"quantization_config": {"dataset": ["x", "y"], "more": [{"dataset": "auto"}]}, "dtype": "int4"}
    (tmp_path / "openvino_config.json").write_text(json.dumps(said))
    forget_texts(tmp_path, "a.txt")
    kept = json.loads((tmp_path / "openvino_config.json").read_text())
    assert kept == {"quantization_config": {"dataset": "a.txt", "more": [{"dataset": "auto"}]}, "dtype": "int4"}
    forget_texts(tmp_path / "gone", "a.txt")


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--model", "x"), 2), (("gone.txt", "--model"), 1)])
def test_without_texts_nothing_begins(
    arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code and capsys.readouterr().err
