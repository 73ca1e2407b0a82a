"""What the forms offer: bases in the order in which they are likely meant, and requests that can be started as they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.engine.findings import Finding
from openarc_ui.engine.types import LoadRequest, ModelState
from openarc_ui.errors import DeviceUnavailable
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.tuning import axes
from openarc_ui.tuning.axes import AxisOffer
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, SweepRequest
from openarc_ui.tuning.runs import MODEL_NAME
from openarc_ui.ui.tune.offers import offers

SUGGESTED = AxisOffer("ov_config.KV_CACHE_PRECISION", "KV cache precision", "", "CPU", ("f16", "u8"), (), True)
OTHER = AxisOffer("ov_config.NUM_STREAMS", "Streams", "", "CPU", (1, 2), (), False)


NO_DEVICE = Finding("device", "error", "rules", "This machine has no device 'GPU.9'.", "Known names: CPU.")


class Seen:
    """An engine with models in the folder and some of them loaded."""

    def __init__(self, *loaded: str, folder: tuple[str, ...] = ("first", "second")) -> None:
        models = [
            SimpleNamespace(
                name=name,
                state=ModelState.READY,
                request=LoadRequest(model_path=name, name="served", allow_overcommit=True),
            )
            for name in loaded
        ]
        self._status = SimpleNamespace(models=models, default_model=loaded[-1] if loaded else None)
        self._entries = [
            SimpleNamespace(name=name, backends=("genai",), size_bytes=1, ov_config={"KV_CACHE_PRECISION": "f16"})
            for name in folder
        ]
        self.preflight = SimpleNamespace(
            devices=lambda: [SimpleNamespace(name="CPU", full_name="Some CPU")],
            findings=lambda load: [NO_DEVICE] if load.device != "CPU" else [],
        )

    def status(self) -> Any:
        return self._status

    def catalog(self) -> Any:
        return self._entries


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles")


@pytest.fixture(autouse=True)
def suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axes, "offers", lambda engine, base: [SUGGESTED, OTHER])


def told(engine: Seen, profiles: ProfileStore | None, wanted: LoadRequest | None = None) -> dict[str, Any]:
    return offers(engine, profiles, wanted)  # type: ignore[arg-type]


def test_the_loaded_model_is_the_base_under_its_own_name_and_is_warned_of(profiles: ProfileStore) -> None:
    answer = told(Seen("second"), profiles)
    assert answer["base"]["model_path"] == "second" and answer["loaded"] == ["second"]
    assert answer["base"]["name"] is None and answer["base"]["allow_overcommit"] is False


def test_without_one_it_is_the_first_of_the_folder_as_it_is_recommended(profiles: ProfileStore) -> None:
    answer = told(Seen(), profiles)
    assert answer["base"]["model_path"] == "first" and answer["base"]["ov_config"] == {"KV_CACHE_PRECISION": "f16"}


def test_profiles_are_bases_too_and_what_a_run_loads_itself_is_none(profiles: ProfileStore) -> None:
    profiles.save(Profile(name="mine", load=LoadRequest(model_path="second")))
    answer = told(Seen(MODEL_NAME), profiles)
    assert [(base["group"], base["label"]) for base in answer["bases"]] == [
        ("Profile", "mine"),
        ("Model", "first"),
        ("Model", "second"),
    ]
    assert answer["loaded"] == []


def test_a_key_for_use_is_told_of_no_profile(profiles: ProfileStore) -> None:
    profiles.save(Profile(name="secret", load=LoadRequest(model_path="second")))
    assert "secret" not in str(told(Seen(), None))


def test_each_request_can_be_started_as_it_is(profiles: ProfileStore) -> None:
    requests = told(Seen("first"), profiles)["requests"]
    sweep = SweepRequest.model_validate(requests["sweep"])
    assert [axis.field for axis in sweep.axes] == [SUGGESTED.field] and sweep.axes[0].values == ("f16", "u8")
    assert (sweep.workload.name, sweep.budget_minutes, sweep.objectives) == ("chat", 10.0, ("total_seconds",))
    BenchRequest.model_validate(requests["bench"])
    ComparisonRequest.model_validate(requests["comparison"])


def test_a_base_that_can_not_be_loaded_is_told_and_the_rest_is_still_offered(
    profiles: ProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(engine: Any, base: LoadRequest) -> list[AxisOffer]:
        raise DeviceUnavailable("This machine has no device 'GPU'.", "Known names: CPU.")

    monkeypatch.setattr(axes, "offers", refuse)
    answer = told(Seen(), profiles, LoadRequest(model_path="first", device="GPU"))
    assert (
        answer["problem"]["code"] == "device_unavailable" and answer["axes"] == [] and "sweep" not in answer["requests"]
    )
    assert [model["name"] for model in answer["models"]] == ["first", "second"]


def test_a_base_whose_device_is_not_there_is_told_though_its_settings_can_be_listed(profiles: ProfileStore) -> None:
    answer = told(Seen(), profiles, LoadRequest(model_path="first", device="GPU.9"))
    assert answer["problem"] == {
        "message": "This machine has no device 'GPU.9'.",
        "hint": "Known names: CPU.",
        "code": "device_unavailable",
    }
    assert answer["axes"]


def test_an_empty_folder_has_no_base_and_no_request(profiles: ProfileStore) -> None:
    answer = told(Seen(folder=()), profiles)
    assert answer["base"] is None and answer["requests"] == {}
