"""The options are the installed version's own, wrong ones are said before anything runs, and the command is what is run."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

import pytest
from optimum.commands.export.openvino import parse_args_openvino

from openarc_ui.errors import InvalidRequest
from openarc_ui.models.conversion.combinations import NAMED_DATASETS, checked
from openarc_ui.models.conversion.command import command_of, export_words
from openarc_ui.models.conversion.options import NOT_OFFERED, TASK, ConversionOptions, conversion_options


@pytest.fixture(scope="module")
def options() -> ConversionOptions:
    return conversion_options()


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    """The real one."""
    parser = argparse.ArgumentParser()
    parse_args_openvino(parser)
    return parser


def test_every_option_of_the_installed_version_is_offered_or_says_why_not(
    options: ConversionOptions, parser: argparse.ArgumentParser
) -> None:
    theirs = {text[2:] for action in parser._actions for text in action.option_strings if text.startswith("--")}
    offered = {option.name for option in options.options}
    assert offered | set(options.not_offered) == (theirs - {"help"}) | {"output"}
    assert offered.isdisjoint(NOT_OFFERED)
    assert all(options.not_offered.values())


def test_choices_kinds_and_help_are_the_parsers(options: ConversionOptions, parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        option = options.find(next((text[2:] for text in action.option_strings if text.startswith("--")), ""))
        if option is None or option.name == "task":
            continue
        assert option.text == " ".join((action.help or "").replace("%%", "%").split())
        if action.choices:
            assert [choice.value for choice in option.choices] == list(action.choices)
        assert (option.kind == "switch") == (action.nargs == 0), option.name
        assert option.help
    assert options.versions["optimum-intel"]


def test_a_choice_that_only_the_help_lists_is_a_choice(options: ConversionOptions) -> None:
    metric = options.find("sensitivity-metric")
    assert metric is not None
    assert metric.kind == "choice"
    assert "weight_quantization_error" in {choice.value for choice in metric.choices}


def test_the_task_is_text_generation_with_a_cache(options: ConversionOptions) -> None:
    assert checked(options, {}) == {"task": TASK}
    assert checked(options, {"task": "text-generation"}) == {"task": "text-generation"}


def test_four_bits_say_their_groups_in_full(options: ConversionOptions) -> None:
    assert checked(options, {"weight-format": "int4"}) == {
        "task": TASK,
        "weight-format": "int4",
        "group-size": 128,
        "group-size-fallback": "adjust",
    }
    assert checked(options, {"weight-format": "int4", "group-size": -1}) == {
        "task": TASK,
        "weight-format": "int4",
        "group-size": -1,
    }
    chosen = checked(options, {"weight-format": "int4", "group-size": 64, "group-size-fallback": "ignore"})
    assert chosen["group-size-fallback"] == "ignore"
    assert checked(options, {"weight-format": "int8"}) == {"task": TASK, "weight-format": "int8"}


@pytest.mark.parametrize("mode", ["int4_f8e4m3", "int4_f8e5m2", "cb4_f8e4m3"])
def test_four_bit_weights_with_small_activations_say_their_groups_too(options: ConversionOptions, mode: str) -> None:
    given = {"quant-mode": mode, "dataset": "auto"}
    assert checked(options, given) == {"task": TASK, **given, "group-size": 128, "group-size-fallback": "adjust"}
    assert "group-size" not in checked(options, {**given, "quant-mode": "f8e4m3"})


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"wieght-format": "int4"}, "no option 'wieght-format'", "weight-format"),
    ({"weight_format": "int4"}, "no option 'weight_format'", "weight-format"),
    ({"--sym": True}, "no option '--sym'", "sym"),
    ({"trust-remote-code": True}, "can't be set", "not run"),
    ({"trust_remote_code": True}, "can't be set", "not run"),
    ({"cache_dir": "/tmp"}, "can't be set", "downloaded"),
    ({"model": "x/y"}, "can't be set", "source"),
    ({"output": "elsewhere"}, "can't be set", "model folder"),
    ({"model-kwargs": "{}"}, "can't be set", "paths"),
    ({"quantization-statistics-path": "x"}, "can't be set", "outside"),
    ({"weight-format": "int5"}, "can't be 'int5'", "int4"),
    ({"weight-format": True}, "no switch", ""),
    ({"weight-format": "int4", "sym": "yes"}, "is a switch", "true"),
    ({"weight-format": "int4", "group-size": "64"}, "whole number", ""),
    ({"weight-format": "int4", "group-size": 64.5}, "whole number", ""),
    ({"weight-format": "int4", "group-size": 0}, "larger than 0", ""),
    ({"weight-format": "int4", "group-size": -2}, "at least -1", ""),
    ({"weight-format": "int4", "ratio": 1.5}, "at most 1", ""),
    ({"weight-format": "int4", "ratio": 0}, "taken for 1", "int8"),
    ({"weight-format": "int4", "ratio": float("nan")}, "a number", ""),
    ({"ratio": 0.8}, "needs a weight format", "int4"),
    ({"weight-format": "int8", "ratio": 0.8}, "no meaning with weight-format int8", "int4"),
    ({"weight-format": "int8", "group-size": 64}, "no meaning", "int4"),
    ({"weight-format": "int8", "awq": True}, "no meaning", "int4"),
    ({"weight-format": "int8", "dataset": "auto"}, "without data", ""),
    ({"weight-format": "fp16", "sym": True}, "no meaning with weight-format fp16", ""),
    ({"weight-format": "int4", "quant-mode": "int8"}, "can't both", ""),
    ({"quant-mode": "int8"}, "needs data", "auto"),
    ({"quant-mode": "int8", "dataset": "auto", "awq": True}, "no meaning with quant-mode", ""),
    ({"weight-format": "int4", "smooth-quant-alpha": 0.5}, "for quant-mode", ""),
    ({"weight-format": "int4", "gptq": True}, "'gptq' needs data", "auto"),
    ({"weight-format": "int4", "scale-estimation": True}, "needs data", "auto"),
    ({"weight-format": "int4", "sensitivity-metric": "hessian_input_activation"}, "needs data", "auto"),
    ({"weight-format": "int4", "num-samples": 8}, "dataset's texts", "auto"),
    ({"weight-format": "int4", "gptq": True, "dataset": "wikitext2"}, "wikitext2 is fetched from the Hub", "auto"),
    ({"weight-format": "int4", "gptq": True, "dataset": "c4:seq_len=64"}, "c4 is fetched from the Hub", "--dataset c4"),
    ({"weight-format": "int4", "gptq": True, "dataset": "auto:seq_len=64"}, "passes over 'seq_len=64'", "auto alone"),
    ({"weight-format": "int4", "gptq": True, "dataset": "alice"}, "no dataset 'alice'", "auto"),
    ({"weight-format": "int4", "dataset": "auto", "gptq": True, "lora-correction": True}, "together", ""),
    ({"weight-format": "mxfp4", "awq": True}, "mxfp4", ""),
    ({"weight-format": "mxfp4", "group-size": 64}, "groups of 32, not 64", "Leave"),
    ({"weight-format": "mxfp4", "group-size-fallback": "adjust"}, "can't be adjusted", "ignore"),
    ({"pad-token-id": 0}, "can't be set", "text classification"),
    ({"weight-format": "nf4", "sym": True}, "no meaning with weight-format nf4", ""),
    ({"weight-format": "cb4", "sym": True}, "no meaning with weight-format cb4", ""),
    ({"weight-format": "int4", "dataset": "auto"}, "nothing of the conversion looks at data", "awq"),
    ({"weight-format": "int4", "dataset": "auto", "num-samples": 4}, "nothing of the conversion looks", "awq"),
    (
        {
            "weight-format": "int4",
            "dataset": "auto",
            "ratio": 0.8,
            "sensitivity-metric": "weight_quantization_error",
        },
        "nothing of the conversion looks at data",
        "awq",
    ),
    ({"weight-format": "int4", "sensitivity-metric": "weight_quantization_error"}, "with ratio 1 none does", "0.8"),
    (
        {"weight-format": "int4", "ratio": 1, "sensitivity-metric": "weight_quantization_error"},
        "with ratio 1 none does",
        "0.8",
    ),
    ({"weight-format": "int4", "group-size": -1, "group-size-fallback": "ignore"}, "fits every row", "Leave"),
    ({"quant-mode": "int8", "dataset": "auto", "smooth-quant-alpha": 1.5}, "at most 1", ""),
    ({"quant-mode": "int8", "dataset": "auto", "smooth-quant-alpha": -2}, "at least -1", ""),
    ({"quant-mode": "int8", "dataset": "auto", "smooth-quant-alpha": -0.5}, "can't be -0.5", "larger than 0"),
    ({"quant-mode": "int8", "dataset": "auto", "smooth-quant-alpha": 0}, "passes over 0", "larger than 0"),
    ({"task": "text-to-image"}, "can't be 'text-to-image'", TASK),
]


@pytest.mark.parametrize(("given", "message", "hint"), WRONG, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_said_before_anything_runs(
    options: ConversionOptions, given: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked(options, given)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_datasets_that_are_refused_are_those_that_optimum_knows() -> None:
    from optimum.intel.openvino.utils import PREDEFINED_CAUSAL_LANGUAGE_DATASETS

    assert {*NAMED_DATASETS, "auto"} == PREDEFINED_CAUSAL_LANGUAGE_DATASETS


def test_what_optimum_takes_is_taken(options: ConversionOptions) -> None:
    for given in (
        {"weight-format": "int4", "awq": True},
        {"weight-format": "int4", "awq": True, "scale-estimation": True, "dataset": "auto", "num-samples": 4},
        {"weight-format": "int4", "ratio": 0.8, "sym": True, "backup-precision": "none", "all-layers": True},
        {"weight-format": "int4", "gptq": True, "dataset": "auto"},
        {"weight-format": "fp16", "disable-stateful": True},
        {"quant-mode": "int8", "dataset": "auto", "smooth-quant-alpha": 0.9},
        {"weight-format": "int8", "sym": False},
        {"quant-mode": "int8", "dataset": "auto", "smooth-quant-alpha": -1},
        {"weight-format": "int4", "ratio": 0.8, "dataset": "auto"},
        {"weight-format": "int4", "ratio": 0.8, "sensitivity-metric": "weight_quantization_error"},
        {"weight-format": "mxfp4", "group-size": 32, "group-size-fallback": "ignore"},
        {"weight-format": "mxfp4"},
        {"weight-format": "nf4", "sym": False},
    ):
        assert checked(options, given)


COMMANDS: list[dict[str, Any]] = [
    {},
    {"weight-format": "fp16"},
    {"weight-format": "int8", "sym": True},
    {"weight-format": "int4", "group-size": -1, "ratio": 0.8, "all-layers": True},
    {"weight-format": "int4", "awq": True, "dataset": "auto", "num-samples": 4},
    {"weight-format": "int4", "disable-stateful": True, "backup-precision": "int8_sym"},
]


@pytest.mark.parametrize("given", COMMANDS, ids=str)
def test_optimums_own_parser_reads_the_command_as_it_was_meant(
    options: ConversionOptions, parser: argparse.ArgumentParser, given: dict[str, Any]
) -> None:
    wanted = checked(options, given)
    command = command_of("my models/it's one", False, wanted, "result")
    words = shlex.split(command.text)
    assert tuple(words) == command.export
    assert words[:3] == ["optimum-cli", "export", "openvino"]
    assert tuple(words[3:]) == export_words("my models/it's one", wanted, "result")
    read = parser.parse_args(words[3:])
    assert (read.model, str(read.output)) == ("my models/it's one", "result")
    for name, value in wanted.items():
        assert getattr(read, name.replace("-", "_")) == value, name
    untouched = {name for name in vars(read) if name.replace("_", "-") not in wanted} - {"model", "output"}
    assert {name: parser.get_default(name) for name in untouched} == {name: getattr(read, name) for name in untouched}


def test_a_gguf_is_unpacked_first(options: ConversionOptions) -> None:
    command = command_of("a b.gguf", True, checked(options, {}), "result")
    first, second = command.text.splitlines()
    assert shlex.split(first) == [
        *("python", "-m", "openarc_ui.models.conversion.unpack"),
        "a b.gguf",
        "result-unpacked",
    ]
    assert "--model result-unpacked" in second
