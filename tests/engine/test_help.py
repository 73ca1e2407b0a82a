"""The help texts: complete, well formed, and about properties that exist."""

from __future__ import annotations

import re
from pathlib import Path

import openvino
import pytest

from openarc_ui.engine.help import device_help, property_help, traps

TRAP_IDS = {
    "negative_group_size",
    "kv_cache_precision",
    "key_value_precision",
    "switch_not_number",
    "npu_limits",
    "composite_swallows_unknown",
    "cumulative_throughput",
    "growing_u4_cache",
    "cpu_reservation",
    "f16_becomes_bf16",
    "threads_are_clipped",
    "accuracy_turns_kv_to_f32",
    "throughput_streams",
    "cache_dir_outside",
    "paths_outside",
    "older_names",
    "hyper_threading",
    "core_type",
    "precision_dynamic",
}
CORE_LEVEL = {"CACHE_DIR", "CACHE_MODE", "ENABLE_MMAP", "DEVICE_PROPERTIES"}
OF_GENAI = {"ATTENTION_BACKEND", "MAX_PROMPT_LEN", "MIN_RESPONSE_LEN", "PREFILL_HINT", "GENERATE_HINT"}


def plugin_properties(device: str) -> dict[str, str]:
    return dict(openvino.Core().get_property(device, "SUPPORTED_PROPERTIES"))


@pytest.mark.parametrize("device", ["CPU", "NPU", "AUTO", "HETERO", "MULTI", "BATCH"])
def test_every_property_a_plugin_lists_is_explained(device: str) -> None:
    listed = plugin_properties(device)
    assert listed
    assert set(listed) - set(property_help()) == set()


def test_what_no_plugin_lists_but_openvino_or_genai_takes_is_explained() -> None:
    assert set(property_help()) >= CORE_LEVEL | OF_GENAI


def test_every_help_is_one_short_sentence() -> None:
    for name, known in property_help().items():
        assert known.help.endswith("."), name
        assert 10 <= len(known.help) <= 100, name
        assert "\n" not in known.help, name


def test_every_common_property_says_what_it_does_when_it_helps_and_when_it_hurts() -> None:
    for name, known in property_help().items():
        if not known.is_common:
            assert known.text == "", f"{name} has a text that nobody is shown"
            continue
        parts = re.findall(r"^\*\*(.+?)\.\*\* ", known.text, re.MULTILINE)
        assert parts == ["What it does", "When it helps an LLM", "When it hurts"], name
        assert 60 <= len(known.text.split()) <= 140, name


def test_about_a_dozen_properties_of_the_cpu_are_common() -> None:
    texts = property_help()
    common = [name for name in plugin_properties("CPU") if texts[name].is_common]
    assert 8 <= len(common) <= 14


def test_read_only_properties_say_so_and_no_other_does() -> None:
    texts = property_help()
    for device in ("CPU", "NPU"):
        for name, access in plugin_properties(device).items():
            if access == "RO" and name != "MODEL_PTR":
                assert texts[name].help.startswith("Read only:"), name
    for name, access in plugin_properties("CPU").items():
        assert access == "RO" or not texts[name].help.startswith("Read only:"), name


def test_values_that_have_words_are_values_the_cpu_plugin_takes() -> None:
    core = openvino.Core()
    listed = dict(core.get_property("CPU", "SUPPORTED_PROPERTIES"))
    refused = []
    for name, known in property_help().items():
        for value in known.values if "W" in listed.get(name, "") else ():
            try:
                core.set_property("CPU", {name: value})
            except RuntimeError:
                refused.append((name, value))
    assert refused == [
        ("KV_CACHE_PRECISION", "undefined"),
        ("MODEL_DISTRIBUTION_POLICY", "PIPELINE_PARALLEL"),
    ], "the first is for GPUs, the second for HETERO"


def test_every_device_names_properties_that_are_explained() -> None:
    texts = property_help()
    for kind, known in device_help().items():
        assert set(known.properties) <= set(texts), kind
        assert len(known.properties) == len(set(known.properties)), kind


def test_every_kind_of_device_has_a_card() -> None:
    cards = device_help()
    assert set(cards) == {"CPU", "GPU", "NPU", "AUTO", "HETERO", "MULTI", "BATCH"}
    assert {kind for kind, known in cards.items() if known.not_run} == {"GPU", "NPU"}
    for kind, known in cards.items():
        assert 2 <= len(re.findall(r"\.(?: |$)", known.good_for)) <= 3, kind
        assert known.limits, kind
        assert all(sentence.endswith(".") for sentence in known.limits), kind


def test_a_card_claims_nothing_that_only_some_processors_have() -> None:
    cpu = device_help()["CPU"]
    said = " ".join([cpu.good_for, *cpu.limits])
    assert "Xeon" not in said and "On CPUs with AMX" in said
    assert "Two sockets" not in said and "on such machines" in said


def test_every_trap_has_a_title_and_two_to_four_sentences() -> None:
    known = traps()
    assert set(known) == TRAP_IDS
    for name, trap in known.items():
        assert not trap.title.endswith("."), name
        assert 2 <= len(re.findall(r"\.(?: |$)", trap.text)) <= 4, name


def test_no_text_needs_another_host() -> None:
    texts = [known.text + known.help for known in property_help().values()]
    texts += [known.good_for + "".join(known.limits) for known in device_help().values()]
    texts += [trap.text for trap in traps().values()]
    assert [text for text in texts if "://" in text] == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (
            "properties.toml",
            '[NUM_STREAMS]\ngroup = "performance"\ncommon = false\nhelp = "Streams."\nhlep = "Streams."\n',
        ),
        ("properties.toml", '[NUM_STREAMS]\ngroup = "speed"\ncommon = false\nhelp = "Streams."\n'),
        ("devices.toml", '[CPU]\ntitle = "a"\ngood_for = "b"\nproperties = []\nlimits = []\nnot_ran = true\n'),
        ("traps.toml", '[a]\ntitle = "a"\ntext = "b"\nlink = "c"\n'),
        ("traps.toml", "[a\n"),
    ],
)
def test_a_key_or_group_nobody_knows_is_an_error(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    read = {"properties.toml": property_help, "devices.toml": device_help, "traps.toml": traps}[file]
    with pytest.raises(ValueError):
        read(tmp_path)
