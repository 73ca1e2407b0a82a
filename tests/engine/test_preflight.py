"""What is said of a load before it is started, and what a load refuses: the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.catalogue.catalogue import Catalogue
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.preflight import Preflight
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import DeviceUnavailable, DoesNotFit, InvalidRequest, OpenArcError, PropertyRejected
from tests.conftest import ask, write_script
from tests.engine.devices.machines import ScriptedMachine, big_machine

TINY_CONFIG = '{"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 64, "max_position_embeddings": 1024, "vocab_size": 9}'


@pytest.fixture
def machine() -> ScriptedMachine:
    return big_machine()


@pytest.fixture
def preflight(tmp_path: Path, machine: ScriptedMachine) -> Preflight:
    """Over a folder with an IR that both backends can run, and a script."""
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    for name in ("openvino_tokenizer.xml", "openvino_detokenizer.xml", "tokenizer.json"):
        (model / name).write_text("<net></net>" if name.endswith("xml") else "{}")
    constant = '<layer type="Const"><data element_type="f16" shape="64,64" offset="0" size="8192"/></layer>'
    (model / "openvino_model.xml").write_text(f"<net><layers>{constant}</layers></net>")
    (model / "openvino_model.bin").write_bytes(bytes(8192))
    (model / "config.json").write_text(TINY_CONFIG)
    write_script(tmp_path / "models" / "script")
    return Preflight(Catalogue(tmp_path / "models"), tmp_path / "cache", lambda: machine)


def fields(found: list[Finding]) -> set[str]:
    return {each.field for each in found}


def test_every_mistake_stands_at_its_own_field(preflight: Preflight) -> None:
    assert fields(preflight.check({"model_path": "tny"})) == {"model_path"}
    assert "tiny" in preflight.check({"model_path": "tny"})[0].hint
    assert fields(preflight.check({"model_path": "tiny", "device": "GPU.7"})) == {"device"}
    assert fields(preflight.check({"model_path": "tiny", "ov_config": {"NUM_STREAM": 1}})) == {"ov_config.NUM_STREAM"}
    assert fields(preflight.check({"model_path": "script", "backend": "genai"})) >= {"backend"}
    assert preflight.check({"model_path": "script"}) == []


def test_a_field_that_does_not_exist_gets_the_nearest_right_name(preflight: Preflight) -> None:
    (found,) = preflight.check({"model_path": "tiny", "scheduler": {"cache_sze": 1}})
    assert (found.field, found.hint) == ("scheduler.cache_sze", "Did you mean 'cache_size'?")
    (found,) = preflight.check({"model_path": "tiny", "modl_path": "x"})
    assert "model_path" in found.hint
    (found,) = preflight.check(
        {"model_path": "tiny", "scheduler": {"cache_eviction_config": {"start_size": 5}, "use_cache_eviction": True}}
    )
    assert found.field == "scheduler.cache_eviction_config.start_size"


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [
        ({"cache_size": 1, "num_kv_blocks": 5}, "both limit"),
        ({"cache_eviction_config": {}}, "no effect"),
        (
            {
                "use_cache_eviction": True,
                "cache_eviction_config": {"start_size": 320, "recent_size": 320, "max_cache_size": 640},
            },
            "more than",
        ),
    ],
)
def test_scheduler_options_that_do_not_go_together_are_refused(
    preflight: Preflight, scheduler: dict[str, Any], says: str
) -> None:
    (found,) = preflight.check({"model_path": "tiny", "scheduler": scheduler})
    assert says in found.message and found.field.startswith("scheduler")


def test_a_scheduler_is_refused_where_none_runs(preflight: Preflight) -> None:
    wanted = {"model_path": "tiny", "scheduler": {"max_num_seqs": 2}}
    assert preflight.check(wanted) == []
    assert "scheduler" in preflight.check({**wanted, "backend": "optimum"})[0].message
    stateful = preflight.check({**wanted, "ov_config": {"ATTENTION_BACKEND": "SDPA"}})
    assert stateful[0].field == "scheduler" and "no scheduler" in stateful[0].message
    assert (
        "ATTENTION_BACKEND"
        in preflight.check({"model_path": "tiny", "backend": "optimum", "ov_config": {"ATTENTION_BACKEND": "SDPA"}})[
            0
        ].message
    )


def test_an_older_name_is_a_warning_at_the_name_that_was_written(preflight: Preflight) -> None:
    (found,) = preflight.check({"model_path": "tiny", "device": "GPU.0", "ov_config": {"PRECISION_HINT": "fp16"}})
    assert (found.field, found.severity, found.trap) == ("ov_config.PRECISION_HINT", "warning", "older_names")
    found = preflight.check({"model_path": "tiny", "device": "GPU.0", "ov_config": {"PRECISION_HINT": "zz"}})[-1]
    assert found.field == "ov_config.PRECISION_HINT" and found.is_error


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"device": "GPU.7"}, DeviceUnavailable),
        ({"ov_config": {"NUM_STREAM": 1}}, PropertyRejected),
        ({"ov_config": {"ATTENTION_BACKEND": "SDPA"}, "scheduler": SchedulerOptions(max_num_seqs=2)}, InvalidRequest),
    ],
)
def test_a_load_refuses_what_the_check_calls_an_error(
    preflight: Preflight, values: dict[str, Any], error: type[OpenArcError]
) -> None:
    request = LoadRequest(model_path="tiny", **values)
    assert any(each.is_error for each in preflight.findings(request))
    with pytest.raises(error):
        preflight.plan(request)


def test_a_property_that_is_refused_is_named_to_programs(preflight: Preflight) -> None:
    with pytest.raises(PropertyRejected) as caught:
        preflight.plan(LoadRequest(model_path="tiny", ov_config={"NUM_STREAMS": "banana"}))
    assert caught.value.properties == ("NUM_STREAMS",)


def test_what_is_worth_knowing_becomes_a_warning_of_the_load(preflight: Preflight) -> None:
    plan = preflight.plan(LoadRequest(model_path="tiny", ov_config={"PERFORMANCE_HINT": "THROUGHPUT"}))
    assert plan.backend == "genai" and "streams" in plan.warnings[0]


def test_paths_are_made_whole_inside_their_folders(preflight: Preflight, tmp_path: Path) -> None:
    plan = preflight.plan(LoadRequest(model_path="tiny", backend="optimum", ov_config={"CACHE_DIR": "mine"}))
    assert plan.request.ov_config["CACHE_DIR"] == "mine"
    assert plan.paths == {"CACHE_DIR": str(tmp_path / "cache" / "mine")}
    with pytest.raises(PropertyRejected, match="cache folder"):
        preflight.plan(LoadRequest(model_path="tiny", ov_config={"CACHE_DIR": str(tmp_path)}))
    for outside in (".", "../x", "a" * 5000):
        with pytest.raises(PropertyRejected, match="cache folder"):
            preflight.plan(LoadRequest(model_path="tiny", ov_config={"CACHE_DIR": outside}))


def test_a_model_that_does_not_fit_is_refused_until_the_request_insists(
    preflight: Preflight, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        available, total = 1000, 2000

    monkeypatch.setattr("psutil.virtual_memory", lambda: Small())
    with pytest.raises(DoesNotFit, match="too little") as caught:
        preflight.plan(LoadRequest(model_path="tiny"))
    assert "allow_overcommit" in caught.value.hint
    preflight.plan(LoadRequest(model_path="tiny", allow_overcommit=True))


def test_memory_that_an_unload_gives_back_counts_as_free(
    preflight: Preflight, tmp_path: Path, machine: ScriptedMachine
) -> None:
    back = Preflight(Catalogue(tmp_path / "models"), None, lambda: machine, lambda name: 10**12 * (name == "tiny"))
    before, after = (each.fit(LoadRequest(model_path="tiny")) for each in (preflight, back))
    assert before.free_bytes is not None and after.free_bytes is not None
    assert after.free_bytes - before.free_bytes > 9 * 10**11


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"dynamic_shapes": False}, "dynamic_shapes"),
        ({"backend": "genai", "use_cache": False}, "use_cache"),
        ({"backend": "genai", "bos_token_id": 1}, "bos_token_id"),
        ({"backend": "optimum", "scheduler": {"max_num_seqs": 1}}, "scheduler"),
    ],
)
def test_an_option_that_a_backend_lacks_stands_at_that_option(
    preflight: Preflight, values: dict[str, Any], field: str
) -> None:
    (found,) = preflight.check({"model_path": "tiny", **values})
    assert found.field == field and "choose the " + values.get("backend", "") not in found.hint


def test_a_model_with_a_cache_built_in_is_not_loaded_without(preflight: Preflight, tmp_path: Path) -> None:
    request = LoadRequest(model_path="tiny", backend="optimum", use_cache=False)
    assert preflight.findings(request) == []
    xml = tmp_path / "models" / "tiny" / "openvino_model.xml"
    xml.write_text(xml.read_text().replace("</layers>", '<layer type="ReadValue"/></layers>'))
    (found,) = preflight.findings(request)
    assert found.field == "use_cache" and found.is_error
    with pytest.raises(InvalidRequest, match="key-value cache"):
        preflight.plan(request)


def test_what_would_not_run_is_not_estimated(preflight: Preflight) -> None:
    with pytest.raises(PropertyRejected, match="NUM_STREAM"):
        preflight.fit(LoadRequest(model_path="tiny", ov_config={"NUM_STREAM": 1}))


def test_a_refresh_finds_a_new_device(tmp_path: Path, machine: ScriptedMachine) -> None:
    present = {"CPU": machine.devices["CPU"]}
    preflight = Preflight(Catalogue(tmp_path), None, lambda: ScriptedMachine(present))
    assert [device.name for device in preflight.devices()] == ["CPU"]
    present["GPU"] = machine.devices["GPU.0"]
    with pytest.raises(DeviceUnavailable):
        preflight.options("GPU")
    preflight.refresh()
    assert [device.name for device in preflight.devices()] == ["CPU", "GPU"]
    assert preflight.options("GPU").ov_config


def test_the_settings_of_a_device_are_asked_of_the_plugin_once(preflight: Preflight, machine: ScriptedMachine) -> None:
    preflight.options("GPU.0")
    tried = len(machine.tried)
    preflight.options("GPU.0")
    assert len(machine.tried) == tried > 0


def test_one_device_or_composite_is_described(preflight: Preflight) -> None:
    assert preflight.device("GPU.1").kind == "GPU"
    assert preflight.device("AUTO").kind == "AUTO"
    assert preflight.device("HETERO:GPU.0,CPU").kind == "HETERO"
    with pytest.raises(DeviceUnavailable):
        preflight.device("GPU.9")


def test_sampling_defaults_of_a_load_come_before_the_models(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", generation_config={"temperature": 0.25, "top_p": 0.5})
    request = LoadRequest.model_validate(
        {"model_path": "script", "sampling_defaults": {"temperature": 0.75, "max_new_tokens": 3}}
    )
    engine = make_engine()
    info = engine.load(request)
    assert (info.generation_defaults["temperature"], info.generation_defaults["top_p"]) == (0.75, 0.5)
    assert engine.submit(ask("hello")).result(timeout=30).report.generated_tokens == 3
