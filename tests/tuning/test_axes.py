"""What a sweep can vary: on a machine that was never built, and for the starter on this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import DeviceUnavailable, InvalidRequest, ModelNotFound
from openarc_ui.tuning import axes as axes_module
from openarc_ui.tuning.axes import AxisOffer, check_axes, offers, refusals, thread_counts
from openarc_ui.tuning.configurations import combine
from openarc_ui.tuning.requests import Axis
from tests.conftest import write_script
from tests.engine.devices.machines import big_machine


def by_field(found: list[AxisOffer]) -> dict[str, AxisOffer]:
    return {each.field: each for each in found}


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    write_script(tmp_path / "models" / "script")
    write_script(tmp_path / "models" / "other")
    return make_engine(device_layer=big_machine)


@pytest.fixture
def real(starter_folder: Path) -> Engine:
    return Engine(starter_folder.parent)


def test_model_backend_and_device_come_first(engine: Engine) -> None:
    found = offers(engine, LoadRequest(model_path="script"))
    assert [each.field for each in found[:3]] == ["model_path", "backend", "device"]
    model, backend, device = found[:3]
    assert model.values == ("script",)
    assert set(model.choices) == {"script", "other"}
    assert backend.values == ("scripted",)
    assert device.values == ("CPU", "GPU.0", "GPU.1", "NPU")
    assert not model.is_suggested and not backend.is_suggested


def test_every_field_is_one_that_an_axis_and_a_load_take(engine: Engine) -> None:
    base = LoadRequest(model_path="script")
    for each in offers(engine, base):
        for value in each.values:
            combine(base, {each.field: value})
        if each.values:
            Axis(field=each.field, values=each.values)
        assert each.help and each.group and each.label


def test_a_device_offers_its_own_properties(engine: Engine) -> None:
    gpu = by_field(offers(engine, LoadRequest(model_path="script", device="GPU.0")))
    cpu = by_field(offers(engine, LoadRequest(model_path="script", device="CPU")))
    assert "ov_config.GPU_QUEUE_PRIORITY" in gpu
    assert "ov_config.GPU_QUEUE_PRIORITY" not in cpu
    assert gpu["ov_config.GPU_QUEUE_PRIORITY"].choices == ("LOW", "MEDIUM", "HIGH")
    assert gpu["ov_config.KV_CACHE_PRECISION"].values == ("f16", "u8")


def test_what_does_not_exist_is_refused(engine: Engine) -> None:
    with pytest.raises(ModelNotFound):
        offers(engine, LoadRequest(model_path="missing"))
    with pytest.raises(DeviceUnavailable):
        offers(engine, LoadRequest(model_path="script", device="GPU.7"))


@pytest.mark.parametrize(
    ("logical", "physical", "counts"), [(2, 2, (1, 2)), (16, 8, (1, 4, 8, 16)), (1, None, (1,)), (8, 8, (1, 4, 8))]
)
def test_threads_are_one_half_and_all(
    logical: int, physical: int | None, counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = {True: logical, False: physical}
    monkeypatch.setattr(axes_module.psutil, "cpu_count", lambda logical=True: cores[logical])
    assert thread_counts() == counts


@pytest.mark.parametrize(
    "axis",
    [
        Axis(field="scheduler.max_num_seq", values=(1,)),
        Axis(field="scheduler.cache_eviction_config", values=(1,)),
        Axis(field="model_path", values=("a", None)),
    ],
)
def test_an_axis_that_no_load_has_is_refused(axis: Axis) -> None:
    with pytest.raises(InvalidRequest):
        check_axes([axis])


def test_every_axis_that_is_offered_passes_the_check(engine: Engine) -> None:
    found = offers(engine, LoadRequest(model_path="script"))
    check_axes([Axis(field=each.field, values=each.values or (1,)) for each in found])


@pytest.mark.model
def test_the_starter_offers_what_is_worth_trying(real: Engine, starter_folder: Path) -> None:
    found = by_field(offers(real, LoadRequest(model_path=starter_folder.name)))
    assert found["backend"].values == ("genai", "optimum")
    assert found["ov_config.PERFORMANCE_HINT"].values == ("LATENCY", "THROUGHPUT")
    assert found["ov_config.INFERENCE_NUM_THREADS"].values == thread_counts()
    assert found["ov_config.KV_CACHE_PRECISION"].values == ("f16", "u8"), "a u4 cache that grows is refused"
    assert found["ov_config.DYNAMIC_QUANTIZATION_GROUP_SIZE"].values == (0, 32, 64, 128)
    assert found["scheduler.enable_prefix_caching"].values == (True, False)
    suggested = {each.field for each in found.values() if each.is_suggested}
    wanted = {"backend", "ov_config.PERFORMANCE_HINT", "ov_config.KV_CACHE_PRECISION"}
    assert wanted <= suggested <= {*wanted, "model_path", "ov_config.INFERENCE_NUM_THREADS"}


@pytest.mark.model
def test_the_base_s_own_value_is_among_the_values(real: Engine, starter_folder: Path) -> None:
    base = LoadRequest(
        model_path=starter_folder.name,
        ov_config={"KV_CACHE_PRECISION": "bf16", "INFERENCE_NUM_THREADS": 1},
        scheduler={"max_num_batched_tokens": 300},  # type: ignore[arg-type]
    )
    found = by_field(offers(real, base))
    assert found["ov_config.KV_CACHE_PRECISION"].values == ("bf16", "f16", "u8")
    assert found["ov_config.INFERENCE_NUM_THREADS"].values == thread_counts()
    assert found["scheduler.max_num_batched_tokens"].values == (300, 128, 256, 512, 1024)


@pytest.mark.model
def test_optimum_is_offered_no_scheduler_and_a_cache_that_only_it_takes(real: Engine, starter_folder: Path) -> None:
    found = by_field(offers(real, LoadRequest(model_path=starter_folder.name, backend="optimum")))
    assert not any(field.startswith("scheduler.") for field in found)
    assert "ov_config.ATTENTION_BACKEND" not in found
    assert "u4" in found["ov_config.KV_CACHE_PRECISION"].values


@pytest.mark.model
def test_other_weights_of_the_same_model_are_its_variants(
    real: Engine, starter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter = real.catalogue.details(starter_folder.name)
    others = [
        replace(starter, name="int8", precision="i8"),
        replace(starter, name="with-scales", parameters=int((starter.parameters or 0) * 1.01)),
        replace(starter, name="larger", parameters=(starter.parameters or 0) * 3),
        replace(starter, name="other-context", context_length=4096),
        replace(starter, name="other-architecture", architecture="Other"),
        replace(starter, name="broken", backends=()),
    ]
    monkeypatch.setattr(real.catalogue, "all_details", lambda: [starter, *others])
    model = by_field(offers(real, LoadRequest(model_path=starter.name)))["model_path"]
    assert model.values == (starter.name, "int8", "with-scales")
    assert model.choices == (
        starter.name,
        "int8",
        "with-scales",
        "larger",
        "other-context",
        "other-architecture",
    )
    assert model.is_suggested


def test_own_values_that_can_not_be_loaded_are_told_with_the_reason_and_the_others_are_not(real: Engine) -> None:
    base = LoadRequest(model_path="SmolLM2-135M-Instruct-int4")
    axes = (
        Axis(field="backend", values=("genai", "vllm")),
        Axis(field="device", values=("CPU", "GPU.9")),
        Axis(field="ov_config.KV_CACHE_PRECISION", values=("u8", "nope", "u4")),
        Axis(field="ov_config.INFERENCE_NUM_THREADS", values=(2, "abc")),
    )
    found = {(each.field, each.value): each.words for each in refusals(real, base, axes)}
    assert set(found) == {
        ("backend", "vllm"),
        ("device", "GPU.9"),
        ("ov_config.KV_CACHE_PRECISION", "nope"),
        ("ov_config.KV_CACHE_PRECISION", "u4"),
        ("ov_config.INFERENCE_NUM_THREADS", "abc"),
    }
    assert "cache_size" in found["ov_config.KV_CACHE_PRECISION", "u4"]


def test_choices_that_are_known_to_fail_are_not_offered(real: Engine) -> None:
    found = by_field(offers(real, LoadRequest(model_path="SmolLM2-135M-Instruct-int4")))
    assert not {"u3", "u4"} & set(found["ov_config.KV_CACHE_PRECISION"].choices)
    assert {"u8", "f16"} <= set(found["ov_config.KV_CACHE_PRECISION"].choices)
