"""The property to blame, from messages that OpenVINO 2026.4 really gave for the starter model on a CPU."""

from __future__ import annotations

import itertools
import pickle

import pytest

from openarc_ui.engine.blame import properties_to_blame, with_blame
from openarc_ui.engine.types import PropertyValue
from openarc_ui.errors import GenerationFailed, ModelLoadFailed, OpenArcError, PropertyRejected

PREFIX = "Exception from src/inference/src/cpp/core.cpp:117:\nException from src/inference/src/dev/plugin.cpp:54:\n"
EXPECTS_BF16 = (
    PREFIX + "Check 'key_cache_type == ov::element::bf16 && value_cache_type == ov::element::bf16' failed at "
    "src/executor_pa.cpp:2847:\nexpect kvcache type bf16, current: {} , {}\n\n\n"
)
UNSUPPORTED_OPERATION = (
    PREFIX + "Check 'newNode' failed at src/plugins/intel_cpu/src/node.cpp:1626:\n"
    "Unsupported operation of type: PagedAttentionExtension name: PagedAttentionExtension_28927\nDetails:\n"
    "Exception from src/plugins/intel_cpu/src/nodes/paged_attn.cpp:91:\nNot Implemented:\n"
    "PageAttn key value cache compression doesn't support key cache prec u3 value cache prec u8\n\n"
)
NODE_GETS_U3 = (
    PREFIX + "ScaledDotProductAttentionWithKVCache node with name 'ScaledDotProductAttention_576' supports "
    "key/value cache precision f32, f16, bf16, u8, u4 but gets u3\n\n\n"
)
GROUP_SIZE = (
    PREFIX
    + "ScaledDotProductAttention AttentionExecutor creation fails {} state 64 cannot be divided by group size 7\n"
)
NO_CORES = PREFIX + "proc_type_table is empty. No CPU resources available!\n\n\n"


@pytest.mark.parametrize(
    ("message", "ov_config", "blamed"),
    [
        (EXPECTS_BF16.format("u3", "u3"), {"NUM_STREAMS": 1, "KV_CACHE_PRECISION": "u3"}, ("KV_CACHE_PRECISION",)),
        (EXPECTS_BF16.format("f32", "f32"), {"KV_CACHE_PRECISION": "f32"}, ("KV_CACHE_PRECISION",)),
        (EXPECTS_BF16.format("bf16", "u8"), {"KEY_CACHE_PRECISION": "f16"}, ("KEY_CACHE_PRECISION",)),
        (
            "expect kvcache type f32, current: bf16 , bf16",
            {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "bf16"},
            ("INFERENCE_PRECISION_HINT", "KV_CACHE_PRECISION"),
        ),
        (
            EXPECTS_BF16.format("f32", "f32"),
            {"EXECUTION_MODE_HINT": "ACCURACY", "INFERENCE_PRECISION_HINT": "bf16"},
            ("EXECUTION_MODE_HINT", "INFERENCE_PRECISION_HINT"),
        ),
        (
            EXPECTS_BF16.format("u3", "u3"),
            {"EXECUTION_MODE_HINT": "PERFORMANCE", "KV_CACHE_PRECISION": "u3"},
            ("KV_CACHE_PRECISION",),
        ),
        (
            PREFIX + "make_pa_executor: key_cache_type u8 with value_cache_type bf16 is not support\n\n\n",
            {"VALUE_CACHE_PRECISION": "f16", "PERFORMANCE_HINT": "LATENCY"},
            ("VALUE_CACHE_PRECISION",),
        ),
        (UNSUPPORTED_OPERATION, {"KEY_CACHE_PRECISION": "u3"}, ("KEY_CACHE_PRECISION",)),
        (NODE_GETS_U3, {"KV_CACHE_PRECISION": "u3"}, ("KV_CACHE_PRECISION",)),
        (GROUP_SIZE.format("key"), {"KEY_CACHE_GROUP_SIZE": 7, "VALUE_CACHE_GROUP_SIZE": 7}, ("KEY_CACHE_GROUP_SIZE",)),
        (GROUP_SIZE.format("value"), {"VALUE_CACHE_GROUP_SIZE": 7}, ("VALUE_CACHE_GROUP_SIZE",)),
        (NO_CORES, {"ENABLE_CPU_RESERVATION": True, "NUM_STREAMS": 1}, ("ENABLE_CPU_RESERVATION",)),
        (
            NODE_GETS_U3,
            {"DEVICE_PROPERTIES": {"CPU": {"KV_CACHE_PRECISION": "u3"}}, "NUM_STREAMS": 1},
            ("DEVICE_PROPERTIES",),
        ),
        ("NotFound: Unsupported property MAX_PROMPT_LEN by CPU plugin.", {"MAX_PROMPT_LEN": 9}, ("MAX_PROMPT_LEN",)),
        (
            "Wrong value zz for property key KV_CACHE_PRECISION. Supported values: u8, u4",
            {"CACHE_PRECISION": "u8", "KV_CACHE_PRECISION": "zz"},
            ("KV_CACHE_PRECISION",),
        ),
    ],
)
def test_the_message_tells_which_property_is_to_blame(
    message: str, ov_config: dict[str, PropertyValue], blamed: tuple[str, ...]
) -> None:
    assert properties_to_blame(message, ov_config) == blamed


@pytest.mark.parametrize("message", ["Incorrect weights in bin file!", NODE_GETS_U3])
def test_nobody_is_blamed_without_a_reason(message: str) -> None:
    assert properties_to_blame(message, {"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}) == ()


def chain(*errors: Exception) -> Exception:
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[0]


def test_the_reason_is_found_below_the_errors_of_ours() -> None:
    failed = chain(
        ModelLoadFailed("Its first token failed."), GenerationFailed("It failed."), RuntimeError(NODE_GETS_U3)
    )
    assert isinstance(failed, OpenArcError)
    blaming = with_blame(failed, {"KV_CACHE_PRECISION": "u3"})
    assert isinstance(blaming, ModelLoadFailed) and blaming.message == failed.message
    assert blaming.properties == ("KV_CACHE_PRECISION",)
    assert blaming.hint == "Change KV_CACHE_PRECISION, or leave it out."


def test_an_error_that_blames_already_or_can_not_stays_as_it_is() -> None:
    rejected = PropertyRejected("NUM_STREAMS is wrong.", "Correct it.", ("NUM_STREAMS",))
    assert with_blame(rejected, {"NUM_STREAMS": 0}) is rejected
    failed = ModelLoadFailed("Incorrect weights in bin file!", "Copy it again.")
    assert with_blame(failed, {"NUM_STREAMS": 1}) is failed


def test_the_blame_crosses_the_pipe() -> None:
    failed = pickle.loads(pickle.dumps(ModelLoadFailed("Failed.", "Try again.", ("NUM_STREAMS",))))
    assert (failed.message, failed.hint, failed.properties) == ("Failed.", "Try again.", ("NUM_STREAMS",))
