"""Whether a conversion's options are right, before anything runs: names, types, choices, and what goes with what.

The rules are those of optimum-intel 2.1 (`OVExportCommand.run`, `OVWeightQuantizationConfig.post_init`) and NNCF; what these
take and silently ignore is refused too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from openarc_ui.engine.options import OptionSpec
from openarc_ui.errors import InvalidRequest, nearest
from openarc_ui.models.conversion.calibration import is_own
from openarc_ui.models.conversion.options import TASK, ConversionOptions
from openarc_ui.models.requests import OptionValue

FOUR_BITS: Final = ("int4", "nf4", "mxfp4", "cb4")
GROUPED: Final = ("int4", "nf4", "cb4")
GROUPED_MODES: Final = ("cb4_f8e4m3", "int4_f8e4m3", "int4_f8e5m2")
"""Of quant-mode: 4-bit weights in groups, and activations of 8 bits."""
MXFP4_GROUP_SIZE: Final = 32
DEFAULT_GROUP_SIZE: Final = 128
"""Optimum's own (`_DEFAULT_4BIT_WQ_CONFIG`)."""
FOUR_BIT_ONLY: Final = (
    "ratio",
    "group-size",
    "group-size-fallback",
    "backup-precision",
    "all-layers",
    "sensitivity-metric",
    "awq",
    "scale-estimation",
    "gptq",
    "lora-correction",
)
INTEGERS_ONLY: Final = ("sym", "dataset", "num-samples")
NEEDS_DATA: Final = ("scale-estimation", "gptq", "lora-correction")
DATA_FREE_METRIC: Final = "weight_quantization_error"
LOCAL_DATASET: Final = "auto"
NAMED_DATASETS: Final = ("wikitext2", "c4", "c4-new", "gsm8k")
"""Of the Hub, for text models (`PREDEFINED_CAUSAL_LANGUAGE_DATASETS`)."""


def checked(options: ConversionOptions, given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """The options as they are run: of the right types, without switches that are off, with the task.

    Raises:
        InvalidRequest: an unknown name, a wrong type or choice, or options that don't go together; with what is right.
    """
    values = {name: _value(_known(options, name), value) for name, value in given.items()}
    values = {name: value for name, value in values.items() if value is not False}
    for rule in RULES:
        rule(values)
    ordered = {option.name: values[option.name] for option in options.options if option.name in values}
    return {"task": TASK} | _with_groups(options, ordered)


def _with_groups(options: ConversionOptions, values: dict[str, OptionValue]) -> dict[str, OptionValue]:
    """The group size of a 4-bit format said in full, and adjusted to layers that it does not divide.

    With no parameter at all Optimum takes a set that it knows by the folder's name, which may want a dataset of the Hub; 128
    is what it takes otherwise, and ends in an error where a layer's width is no multiple of it.
    """
    if values.get("weight-format") not in GROUPED and values.get("quant-mode") not in GROUPED_MODES:
        return values
    wanted: dict[str, OptionValue] = {"group-size": DEFAULT_GROUP_SIZE}
    if values.get("group-size") != -1:
        wanted["group-size-fallback"] = "adjust"
    missing = {name: value for name, value in wanted.items() if name not in values and options.find(name) is not None}
    return values | missing


def _known(options: ConversionOptions, name: str) -> OptionSpec:
    option = options.find(name)
    if option is not None:
        return option
    plain = name.lstrip("-").replace("_", "-")
    if name in options.not_offered or plain in options.not_offered:
        why = options.not_offered.get(name) or options.not_offered[plain]
        raise InvalidRequest(f"'{name}' can't be set for a conversion.", why)
    version = options.versions.get("optimum-intel", "")
    raise InvalidRequest(
        f"optimum-cli export openvino {version} has no option '{name}'.",
        nearest(plain, [each.name for each in options.options]),
    )


def _value(option: OptionSpec, value: OptionValue) -> OptionValue:
    name = option.name
    if option.kind == "switch":
        if not isinstance(value, bool):
            raise InvalidRequest(f"'{name}' is a switch.", "Say true, or leave it out.")
        return value
    if isinstance(value, bool):
        raise InvalidRequest(f"'{name}' is no switch; it takes {_takes(option)}.", option.help)
    if option.kind == "choice":
        known = [choice.value for choice in option.choices]
        if value not in known:
            raise InvalidRequest(f"'{name}' can't be '{value}'.", f"It takes {', '.join(known)}.")
        return value
    if option.kind in ("integer", "number"):
        return _number(option, value)
    if not isinstance(value, str) or not value or value.startswith("-"):
        raise InvalidRequest(f"'{name}' takes {_takes(option)}.", option.help)
    return value


def _number(option: OptionSpec, value: OptionValue) -> OptionValue:
    is_right = isinstance(value, int) or (option.kind == "number" and isinstance(value, float))
    if not is_right or value != value:
        raise InvalidRequest(f"'{option.name}' takes {_takes(option)}, not '{value}'.", option.help)
    number = float(value)
    too_small = option.minimum is not None and number < option.minimum
    if too_small or (option.maximum is not None and number > option.maximum):
        upper = "" if option.maximum is None else f" and at most {option.maximum:g}"
        raise InvalidRequest(f"'{option.name}' is at least {option.minimum or 0:g}{upper}, not {value}.", option.help)
    return value


def _takes(option: OptionSpec) -> str:
    return {"integer": "a whole number", "number": "a number", "text": "a text"}.get(option.kind, "a value")


Values = Mapping[str, OptionValue]


def _one_kind_of_compression(values: Values) -> None:
    if "weight-format" in values and "quant-mode" in values:
        raise InvalidRequest(
            "'weight-format' and 'quant-mode' can't both be set.",
            "weight-format compresses weights alone; quant-mode makes activations small too.",
        )
    if "weight-format" in values or "quant-mode" in values:
        return
    useless = _first(values, (*FOUR_BIT_ONLY, *INTEGERS_ONLY))
    if useless:
        raise InvalidRequest(f"'{useless}' needs a weight format.", "Set weight-format too, such as int4.")


def _four_bits(values: Values) -> None:
    weight_format = values.get("weight-format")
    if weight_format is None or weight_format in FOUR_BITS:
        return
    useless = _first(values, FOUR_BIT_ONLY)
    if useless:
        raise InvalidRequest(
            f"'{useless}' has no meaning with weight-format {weight_format}.",
            f"It is for {', '.join(FOUR_BITS)}; leave it out, or choose one of these.",
        )
    if weight_format in ("fp16", "fp32"):
        useless = _first(values, INTEGERS_ONLY)
        if useless:
            raise InvalidRequest(f"'{useless}' has no meaning with weight-format {weight_format}.", "Leave it out.")
    elif _first(values, ("dataset", "num-samples")):
        raise InvalidRequest("int8 weights are rounded without data.", "Leave dataset and num-samples out.")


def _whole_model(values: Values) -> None:
    if "quant-mode" in values and "dataset" not in values:
        raise InvalidRequest("'quant-mode' needs data to see how large activations are.", "Set dataset to auto.")
    if "smooth-quant-alpha" in values and "quant-mode" not in values:
        raise InvalidRequest("'smooth-quant-alpha' is for quant-mode.", "Leave it out, or set quant-mode.")
    alpha = float(values.get("smooth-quant-alpha", -1))
    if alpha == 0 or -1 < alpha < 0:
        raise InvalidRequest(
            f"'smooth-quant-alpha' can't be {alpha:g}: Optimum refuses numbers between -1 and 0, and passes over 0.",
            "It is larger than 0 and at most 1; -1: not applied.",
        )
    mode = values.get("quant-mode")
    useless = _first(values, FOUR_BIT_ONLY) if mode in ("int8", "f8e4m3", "f8e5m2") else ""
    if useless:
        raise InvalidRequest(f"'{useless}' has no meaning with quant-mode {mode}.", "Leave it out.")


def _data(values: Values) -> None:
    metric = values.get("sensitivity-metric", DATA_FREE_METRIC)
    needing = _first(values, NEEDS_DATA) or ("sensitivity-metric" if metric != DATA_FREE_METRIC else "")
    if needing and "dataset" not in values:
        raise InvalidRequest(f"'{needing}' needs data.", "Set dataset to auto: texts that the model writes itself.")
    if "num-samples" in values and "dataset" not in values:
        raise InvalidRequest("'num-samples' counts a dataset's texts.", "Set dataset to auto, or leave it out.")
    if "dataset" in values:
        _require_local(str(values["dataset"]))


def _require_local(dataset: str) -> None:
    """A dataset that needs neither the network nor a package that is not installed; whether a file is there is not asked here."""
    if dataset == LOCAL_DATASET or is_own(dataset):
        return
    name, _, rest = dataset.partition(":")
    if name == LOCAL_DATASET:
        raise InvalidRequest(
            f"The dataset auto takes nothing behind it: Optimum passes over '{rest}'.",
            "Use auto alone; num-samples says how many texts.",
        )
    if name not in NAMED_DATASETS:
        raise InvalidRequest(
            f"Optimum knows no dataset '{dataset}' for text models.",
            "Use auto: texts that the model writes itself; or a .txt or .jsonl file of the model folder.",
        )
    raise InvalidRequest(
        f"The dataset {name} is fetched from the Hub by the package `datasets`. OpenArc does not install it, and a conversion "
        "asks no other machine.",
        f"Use auto: texts that the model writes itself, or texts of your own in a .txt or .jsonl file of the model folder. Or, in a "
        f"terminal: pip install datasets, and optimum-cli with "
        f"--dataset {name} and the model folder's path for the result.",
    )


def _mixed(values: Values) -> None:
    """What only matters where some layers stay larger, or where somebody looks at the data."""
    is_mixed = float(values.get("ratio", 1)) < 1
    if "sensitivity-metric" in values and not is_mixed:
        raise InvalidRequest(
            "'sensitivity-metric' chooses the layers that stay int8, and with ratio 1 none does.",
            "Set a ratio below 1 too, such as 0.8.",
        )
    if "weight-format" not in values or "dataset" not in values:
        return
    looks_for_layers = is_mixed and values.get("sensitivity-metric") != DATA_FREE_METRIC
    if not looks_for_layers and not _first(values, ("awq", *NEEDS_DATA)):
        raise InvalidRequest(
            "'dataset' is set, and nothing of the conversion looks at data.",
            "Leave it out, or add awq, scale-estimation, gptq, lora-correction or a ratio below 1.",
        )


def _groups(values: Values) -> None:
    size, fallback = values.get("group-size"), values.get("group-size-fallback")
    if size == 0:
        raise InvalidRequest("'group-size' is -1 or larger than 0.", "-1: one scale a row.")
    if size == -1 and fallback is not None:
        raise InvalidRequest(
            "'group-size-fallback' has no meaning with group-size -1, which fits every row.", "Leave it out."
        )
    if values.get("weight-format") != "mxfp4":
        return
    if size not in (None, MXFP4_GROUP_SIZE):
        raise InvalidRequest(f"mxfp4 has groups of {MXFP4_GROUP_SIZE}, not {size}.", "Leave group-size out.")
    if fallback == "adjust":
        raise InvalidRequest(
            "The groups of mxfp4 can't be adjusted.", "Set group-size-fallback to ignore, or leave it out."
        )


def _pairs(values: Values) -> None:
    if "gptq" in values and "lora-correction" in values:
        raise InvalidRequest("'gptq' and 'lora-correction' can't be applied together.", "Choose one of them.")
    if values.get("weight-format") == "mxfp4":
        useless = _first(values, ("awq", "scale-estimation", "gptq", "lora-correction", "sym"))
        if useless:
            raise InvalidRequest(f"'{useless}' can't be applied to mxfp4.", "Choose int4, or leave it out.")
    if values.get("weight-format") in ("nf4", "cb4") and "sym" in values:
        raise InvalidRequest(
            f"'sym' has no meaning with weight-format {values['weight-format']}, which has no zero point.",
            "Leave it out.",
        )
    if values.get("ratio") == 0:
        raise InvalidRequest(
            "'ratio' 0 would be taken for 1 by Optimum.", "For int8 in all layers choose weight-format int8."
        )


def _first(values: Values, names: Iterable[str]) -> str:
    return next((name for name in names if name in values), "")


RULES: Final[tuple[Callable[[Values], None], ...]] = (
    *(_one_kind_of_compression, _four_bits, _whole_model),
    *(_data, _mixed, _groups, _pairs),
)
