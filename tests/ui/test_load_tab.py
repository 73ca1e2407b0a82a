"""What the load form does, called as functions: no browser, no Gradio server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest, SamplingParameters
from openarc_ui.errors import InvalidRequest, ModelLoadFailed
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.devices_panel import composed, composed_note
from openarc_ui.ui.fit_view import verdict
from openarc_ui.ui.folder_panel import folder_html
from openarc_ui.ui.load_actions import NO_FAILURE, Actions, Newest
from openarc_ui.ui.load_form import FORM_FIELDS, FormValues, read_object, values_of
from openarc_ui.ui.loading import findings_of, load
from openarc_ui.ui.option_form import GROUP_TITLES, shown_findings, spec_of
from openarc_ui.ui.profile_actions import ProfileActions
from tests.conftest import write_script

FORM = FormValues(
    model="script", backend="auto", device="CPU", ov_config={"NUM_STREAMS": 1}, ov_config_text='{"NUM_STREAMS": 1}',
    scheduler={}, scheduler_text="", sampling_defaults={}, sampling_defaults_text="", name="", use_cache=True,
    dynamic_shapes=True, export_model=False, bos_token_id="", eos_token_id="2", pad_token_id="", allow_overcommit=False,
)  # fmt: skip
PAGE: Any = SimpleNamespace(request=None, headers={})
"""The request of a page without a guard in front."""


def listed(form: FormValues) -> list[Any]:
    """The values as Gradio hands them over."""
    return [getattr(form, name) for name in FORM_FIELDS]


@pytest.fixture
def actions(scripted: Engine, tmp_path: Path) -> Actions:
    return Actions(scripted, ProfileStore(tmp_path / "profiles"), needs_key=False)


def test_the_form_becomes_a_request() -> None:
    request = FORM.as_request()
    assert (request.ov_config, request.name, request.eos_token_id) == ({"NUM_STREAMS": 1}, None, 2)
    nested = replace(FORM, scheduler={"use_cache_eviction": True, "cache_eviction_config.start_size": 64})
    eviction = nested.as_request().scheduler.cache_eviction_config
    assert eviction is not None and eviction.start_size == 64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": None}, "No model"),
        ({"ov_config_text": "{1"}, "line 1"),
        ({"scheduler_text": "[]"}, "braces"),
        ({"eos_token_id": "x"}, "eos_token_id"),
        ({"device": ""}, "device"),
        ({"scheduler": {"max_num_seqs": 0}}, "max_num_seqs"),
        ({"sampling_defaults": {"top_p": 2}}, "top_p"),
        ({"ov_config_text": '{"A": 1, "A": 2}'}, "twice"),
    ],
)
def test_a_mistake_in_the_form_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        replace(FORM, **change).as_request()


def test_a_request_fills_the_form_that_makes_it_again() -> None:
    request = LoadRequest(
        model_path="script",
        device="AUTO:CPU",
        ov_config={"NUM_STREAMS": 0, "PERF_COUNT": False},
        scheduler=SchedulerOptions.model_validate(
            {"use_cache_eviction": True, "cache_eviction_config": {"start_size": 64}}
        ),
        sampling_defaults=SamplingParameters(temperature=0, stop=("END",)),
        eos_token_id=0,
    )
    assert values_of(request).as_request() == request


def test_json_that_can_not_be_read_says_where(actions: Actions) -> None:
    assert actions.note_on_text("scheduler")('{"cache_eviction_config": {"start_size": 64}}') == ""
    assert "line 1, column 17" in actions.note_on_text("ov_config")('{"NUM_STREAMS": }')
    assert "nested too deeply" in actions.note_on_text("ov_config")("[" * 100_000)


OUTPUTS = (
    "ov_config", "scheduler", "sampling_defaults", "device", "backend", "recommend", "fit", "verdict", "overcommit", "code",
    "profile", "saved",
)  # fmt: skip


def ahead(
    actions: Actions, form: FormValues, *, context: str = "", kind: str = "curl", profile: str = "", failure: Any = None
) -> dict[str, Any]:
    """What looking ahead shows, by name."""
    shown = actions.look_ahead(PAGE, *listed(form), context, "", kind, profile, failure or NO_FAILURE, Newest())
    return dict(zip(OUTPUTS, shown, strict=True))


def test_looking_ahead_says_what_is_wrong_where_it_is(actions: Actions) -> None:
    form = replace(FORM, backend="genai")
    words = ahead(actions, replace(form, scheduler={"cache_sze": 1}))["verdict"]
    assert "mistake" in words and "cache_sze" in words and "settings-scheduler" in words
    shown = ahead(actions, replace(form, ov_config={"NUM_STREAM": 1}))
    (finding,) = shown["ov_config"]["state"]["findings"]
    assert finding["name"] == "NUM_STREAM" and "NUM_STREAMS" in finding["hint"]
    assert shown["scheduler"]["state"]["findings"] == [] and shown["scheduler"]["state"]["spec"]["groups"]
    shown = ahead(actions, replace(form, device="GPU.9"))
    assert "GPU.9" in shown["device"] and 'data-goto="device"' in shown["verdict"]


def test_what_a_failed_load_blamed_stands_until_that_property_changes(actions: Actions) -> None:
    form = replace(FORM, backend="genai", ov_config={"VALUE_CACHE_GROUP_SIZE": 7})
    finding = {
        "field": "ov_config.VALUE_CACHE_GROUP_SIZE",
        "severity": "error",
        "layer": "compile",
        "message": "no",
        "hint": "",
        "trap": "",
    }
    failure = {"request": form.as_request().model_dump(), "findings": [finding]}
    edited = replace(form, ov_config={"VALUE_CACHE_GROUP_SIZE": 7, "NUM_STREAMS": 1})
    for still in (form, edited):
        shown = ahead(actions, still, failure=failure)
        assert [each["name"] for each in shown["ov_config"]["state"]["findings"]] == ["VALUE_CACHE_GROUP_SIZE"]
    for changed in (
        replace(form, ov_config={"VALUE_CACHE_GROUP_SIZE": 8}),
        replace(form, device="AUTO"),
        replace(form, ov_config={}),
    ):
        assert ahead(actions, changed, failure=failure)["ov_config"]["state"]["findings"] == []


def test_the_code_to_copy_loads_the_same_or_says_that_the_form_is_broken(actions: Actions) -> None:
    code = ahead(actions, FORM, kind="python")["code"]
    assert code["language"] == "python" and "NUM_STREAMS" in code["value"]
    compile(code["value"], "snippet", "exec")
    assert "mistake" in ahead(actions, replace(FORM, ov_config_text="{"), kind="python")["code"]["value"]


def test_a_look_ahead_that_comes_after_a_newer_one_changes_nothing(
    actions: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, later, check = Newest(), [], actions._engine.preflight.check

    def look(context: str) -> tuple[Any, ...]:
        return actions.look_ahead(PAGE, *listed(FORM), context, "", "curl", "", NO_FAILURE, newest)

    def asked_meanwhile(values: Any) -> list[Finding]:
        monkeypatch.undo()
        later.append(look("2000"))
        return check(values)

    monkeypatch.setattr(actions._engine.preflight, "check", asked_meanwhile)
    assert look("1000") == (gr.skip(),) * len(OUTPUTS)
    assert later[0][OUTPUTS.index("saved")]["planned"] == ["2000", ""]


def test_an_agreement_is_taken_back_by_a_look_that_knew_it_alone(actions: Actions) -> None:
    given = ahead(actions, replace(FORM, allow_overcommit=True))["overcommit"]
    assert (given["visible"], given["value"]) == (False, False), "it fits, so there is nothing to agree to"
    not_given = ahead(actions, FORM)["overcommit"]
    assert not_given["visible"] is False and "value" not in not_given


def test_a_look_at_the_folder_leaves_the_chosen_model_to_the_page(actions: Actions) -> None:
    model, _, _, before = actions.refresh(*listed(FORM))
    assert model["choices"] and "value" not in model and before == gr.skip()


def test_wrong_numbers_to_plan_for_are_a_mistake(actions: Actions) -> None:
    shown = ahead(actions, FORM, context="many")
    assert "many" in shown["fit"] and "1 mistake" in shown["verdict"]


def test_the_verdict_says_what_becomes_of_the_loaded_model(actions: Actions) -> None:
    assert "answers until this one is ready" in ahead(actions, FORM)["verdict"]
    assert "answers until" not in ahead(actions, replace(FORM, name="another"))["verdict"]


def test_automatic_says_which_backend_it_takes(actions: Actions) -> None:
    assert "Automatic takes Scripted" in ahead(actions, FORM)["backend"]


def test_another_model_keeps_what_was_changed_by_hand_and_follows_what_was_not(
    actions: Actions, tmp_path: Path
) -> None:
    other = write_script(tmp_path / "models" / "other")
    (other / "openarc_profile.json").write_text('{"ov_config": {"NUM_STREAMS": 2}}')
    about, backend, offered, now = actions.new_model("other", "auto", "script")
    assert "Script" in about and now == "other" and "value" not in backend
    assert offered == {"values": {"NUM_STREAMS": 2}, "instead_of": {}}, "the browser takes it where nothing was changed"
    assert actions.new_model("other", "genai", "script")[1]["value"] == "auto", "it can't run this one"
    _, backend, offered, _ = actions.new_model("other", "auto", "other")
    assert "value" not in backend and offered is None
    form = replace(FORM, model="other", ov_config={"PERF_COUNT": True})
    assert ahead(actions, form)["recommend"]["visible"] and not ahead(actions, FORM)["recommend"]["visible"]
    assert actions.take_recommended("other")[0]["value"] == {"NUM_STREAMS": 2}


def test_the_form_comes_back_as_this_browser_left_it(actions: Actions) -> None:
    saved = ahead(actions, replace(FORM, ov_config={"NUM_STREAMS": 2}, allow_overcommit=True))["saved"]
    restored = dict(zip(FORM_FIELDS, actions.restore(saved), strict=False))
    assert restored["ov_config"]["value"] == {"NUM_STREAMS": 2} and restored["allow_overcommit"]["value"] is False
    assert json.loads(restored["ov_config_text"]["value"]) == {"NUM_STREAMS": 2}, "FORM's own JSON was older"
    broken = dict(zip(FORM_FIELDS, actions.restore({**saved, "ov_config_text": '{"a'}), strict=False))
    assert broken["ov_config_text"]["value"] == '{"a', "what somebody was typing is not thrown away"
    for unusable in ({}, None, "x", {**saved, "version": 0}, {**saved, "model": "gone"}):
        assert all("value" not in each for each in actions.restore(unusable))


def test_a_page_opened_before_the_first_model_was_there_chooses_it_now(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    actions = Actions(make_engine(), ProfileStore(tmp_path / "profiles"), needs_key=False)
    empty = listed(replace(FORM, model=None))
    assert actions.refresh(*empty)[0]["value"] is None
    write_script(tmp_path / "models" / "script")
    model, _, about, _ = actions.refresh(*empty)
    assert model["value"] == "script"
    assert "Script" in about and "scripted" in about


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileActions:
    return ProfileActions(ProfileStore(tmp_path / "profiles"))


def test_a_profile_keeps_the_form_and_brings_it_back(profiles: ProfileActions, actions: Actions) -> None:
    form = replace(FORM, ov_config={"NUM_STREAMS": 2}, sampling_defaults={"temperature": 0.5})
    chosen, words, link, again = profiles.keep("my profile", False, *listed(form))
    assert chosen["value"] == "my profile" and "saved" in words and "/profiles/my%20profile/export" in link
    assert "holds what my profile says" in ahead(actions, form, profile="my profile")["profile"]
    assert "differs from my profile" in ahead(actions, FORM, profile="my profile")["profile"]
    _, words, _, again = profiles.keep("my profile", False, *listed(FORM))
    assert again["visible"] and "my profile" in words
    by_name = dict(zip(FORM_FIELDS, profiles.use("my profile"), strict=False))
    assert by_name["ov_config"]["value"] == {"NUM_STREAMS": 2}
    assert '"temperature": 0.5' in by_name["sampling_defaults_text"]["value"]
    assert "deleted" in profiles.forget("my profile")[1]
    assert "alert" in profiles.use("my profile")[-2]
    assert "first" in profiles.forget("")[1]


@pytest.mark.parametrize("name", ["", "../up", "a/b", "last good", "x" * 300])
def test_a_name_that_no_profile_can_have_is_refused_in_words(profiles: ProfileActions, name: str) -> None:
    words = profiles.keep(name, False, *listed(FORM))[1]
    assert "alert" in words and "^" not in words and len(words) < 400


def test_a_profile_is_imported_from_the_text_of_a_file(profiles: ProfileActions) -> None:
    text = '{"version": 1, "name": "given", "load": {"model_path": "script"}}'
    *form, chosen, words, _, _ = profiles.bring(text, False)
    assert "imported" in words and chosen["value"] == "given" and form[0]["value"] == "script"
    *form, _, words, _, again = profiles.bring(text, False)
    assert again["visible"] and "given" in words and all("value" not in each for each in form)
    assert "imported" in profiles.bring(text, True)[-3]
    assert "alert" in profiles.bring("\ufffd\ufffd", False)[-3]
    assert "too large" in profiles.bring(text + " " * 300_000, False)[-3]
    assert "model_path" in profiles.bring(text.replace("model_path", "model_pth"), False)[-3]


def test_a_batch_size_that_is_none_is_said_and_never_breaks_the_builder() -> None:
    assert composed("BATCH", ["CPU"], "")[0] == "BATCH:CPU"
    assert composed("BATCH", ["CPU"], "4")[0] == "BATCH:CPU(4)"
    assert composed("HETERO", ["CPU"], "0")[0] == "HETERO:CPU"
    assert "no batch size" in composed_note("BATCH", ["CPU"], "0")


def test_a_load_shows_its_stages_then_its_result_or_its_error(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "slow", load_seconds=0.5)
    write_script(tmp_path / "models" / "torn", load_error="torn in two")

    async def run(name: str) -> list[str]:
        return [text async for text, _ in load(scripted, LoadRequest(model_path=name))]

    slow = asyncio.run(run("slow"))
    assert any("Rehearsing" in text and "progressbar" in text for text in slow)
    assert "slow is ready" in slow[-1]
    torn = asyncio.run(run("torn"))
    assert "torn in two" in torn[-1] and "Traceback" not in torn[-1]


def test_a_load_that_failed_is_shown_at_the_properties_it_blames() -> None:
    error = ModelLoadFailed("expect kvcache type bf16, current: u3 , u3", "Choose another.", ("KV_CACHE_PRECISION",))
    (found,) = findings_of(error)
    assert (found.field, found.layer, found.is_error) == ("ov_config.KV_CACHE_PRECISION", "compile", True)
    assert findings_of(ModelLoadFailed("no reason", "")) == []


def test_a_model_that_fails_at_its_first_token_is_not_loaded_and_blames_the_property(
    scripted: Engine, tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "mute", replies=[{"when": "Hi", "error": "no kernel for NUM_STREAMS"}])
    with pytest.raises(ModelLoadFailed, match="its first token failed: no kernel") as caught:
        scripted.load(LoadRequest(model_path="mute", ov_config={"NUM_STREAMS": 1}))
    (found,) = findings_of(caught.value)
    assert (found.field, found.layer) == ("ov_config.NUM_STREAMS", "first_token")
    assert [model.name for model in scripted.status().models] == ["script"]


def test_findings_reach_their_own_form_only() -> None:
    found = [
        Finding("ov_config.A", "error", "rules", "no", "", "trap"),
        Finding("scheduler.B", "warning", "rules", "hm"),
    ]
    assert shown_findings(found, "ov_config", {"trap": "because"}) == [
        {"name": "A", "severity": "error", "message": "no", "hint": "", "trap": "because"}
    ]
    assert "1 mistake to correct" in verdict(found)
    assert "Ready to load · 1 warning" in verdict(found[1:])


def test_every_group_of_settings_has_a_heading(scripted: Engine) -> None:
    form = scripted.preflight.options("CPU")
    groups = {each.group for each in (*form.ov_config, *form.scheduler, *form.sampling_defaults)}
    assert groups <= set(GROUP_TITLES)
    spec = spec_of("x", "k", form.ov_config)
    assert sum(len(group["options"]) for group in spec["groups"]) == len(form.ov_config)


def test_nothing_typed_is_an_empty_object() -> None:
    assert read_object("  ", "ov_config") == {}


def test_a_broken_model_is_listed_with_what_is_wrong(scripted: Engine, tmp_path: Path) -> None:
    broken = tmp_path / "models" / "<broken>"
    broken.mkdir()
    (broken / "openvino_model.xml").write_text("<net></net>")
    shown = folder_html(scripted.catalogue.all_details())
    assert "&lt;broken&gt;" in shown and "openvino_model.bin" in shown and "<broken>" not in shown
