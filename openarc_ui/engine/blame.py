"""Which property of an ov_config is to blame for a load that failed, as far as the message tells.

Pure. The sentences are OpenVINO's own, as version 2026.4 writes them; where none fits, nobody is blamed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from openarc_ui.engine.types import PropertyValue
from openarc_ui.errors import ModelLoadFailed, OpenArcError, PropertyRejected

CACHE_PRECISIONS = ("KV_CACHE_PRECISION", "KEY_CACHE_PRECISION", "VALUE_CACHE_PRECISION")
COMPUTE_PRECISIONS = ("INFERENCE_PRECISION_HINT", "EXECUTION_MODE_HINT")
CORE_CHOICES = ("ENABLE_CPU_RESERVATION", "SCHEDULING_CORE_TYPE", "ENABLE_HYPER_THREADING")
SUSPECTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"expect kvcache type \w+, current:"), (*CACHE_PRECISIONS, *COMPUTE_PRECISIONS)),
    (re.compile(r"key_cache_type \w+ with value_cache_type \w+ is not support"), CACHE_PRECISIONS),
    (re.compile(r"PageAttn key value cache compression doesn't support"), CACHE_PRECISIONS),
    (re.compile(r"supports key/value cache precision .* but gets"), CACHE_PRECISIONS),
    (re.compile(r"key state \d+ cannot be divided by group size"), ("KEY_CACHE_GROUP_SIZE",)),
    (re.compile(r"value state \d+ cannot be divided by group size"), ("VALUE_CACHE_GROUP_SIZE",)),
    (
        re.compile(r"cache head_size \d+ ?cannot be divided by group_size"),
        ("KEY_CACHE_GROUP_SIZE", "VALUE_CACHE_GROUP_SIZE"),
    ),
    (re.compile(r"proc_type_table is empty"), CORE_CHOICES),
    (re.compile(r"cumulative model doesn't support stateful model"), ("PERFORMANCE_HINT",)),
)
"""What OpenVINO says, and the properties that bring it about when they are set."""
HARMLESS = (("EXECUTION_MODE_HINT", "PERFORMANCE"),)
"""The default, which changes nothing."""


def properties_to_blame(message: str, ov_config: Mapping[str, PropertyValue]) -> tuple[str, ...]:
    """Names of `ov_config` that a message of OpenVINO is about, in its order; () where that can't be told.

    A name that stands in the message is to blame; else the suspects of the sentence that were set. What is set for one
    member inside DEVICE_PROPERTIES is blamed as DEVICE_PROPERTIES.
    """
    names = {name: {name, *_inner_names(value)} for name, value in ov_config.items()}
    named = tuple(name for name, each in names.items() if any(_stands_in(inner, message) for inner in each))
    if named:
        return named
    suspects = {name for sentence, set_names in SUSPECTS if sentence.search(message) for name in set_names}
    return tuple(name for name, each in names.items() if each & suspects and (name, ov_config[name]) not in HARMLESS)


def with_blame(error: OpenArcError, ov_config: Mapping[str, PropertyValue]) -> OpenArcError:
    """The error of a failed load, with the properties to blame; looked for in all the errors that led to it."""
    if error.properties or not isinstance(error, (ModelLoadFailed, PropertyRejected)):
        return error
    properties = properties_to_blame("\n".join(_messages(error)), ov_config)
    if not properties:
        return error
    hint = f"Change {' or '.join(properties)}, or leave {'it' if len(properties) == 1 else 'them'} out."
    blaming = type(error)(error.message, hint, properties)
    blaming.__cause__ = error.__cause__
    return blaming


def _inner_names(value: PropertyValue) -> set[str]:
    return {name for inner in value.values() for name in inner} if isinstance(value, dict) else set()


def _stands_in(name: str, message: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message) is not None


def _messages(error: BaseException | None) -> list[str]:
    messages = []
    while error is not None:
        messages.append(str(error))
        error = error.__cause__
    return messages
