"""The settings panel: components to settings and back, words under the fields, presets, what follows the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus, LoadRequest, SamplingParameters
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.chat import presets, sampling_form, settings_view
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.settings_panel import FIELDS, build_settings_panel, refresh, settings_of, show_seed, updates_of
from openarc_ui.ui.chat.settings_wiring import SettingsActions
from openarc_ui.ui.chat.template_view import TemplateNames
from tests.conftest import write_script

NOTHING = EngineStatus((), None, None, 32)
EVERYTHING = ChatSettings(
    model="a",
    compare_with="b",
    sampling={"temperature": 0.5, "stop": ["\n"]},
    tools="def f(): ...",
    tool_format="hermes",
    structure="regex",
    structure_text="a+",
    template_arguments="{}",
    documents="[]",
    chat_template="{{ messages }}",
    when_too_long="shorten",
)
SOMEBODY: Any = SimpleNamespace(owner="somebody-with-a-long-secret")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore(tmp_path / "conversations.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def actions(scripted: Engine, store: ConversationStore) -> SettingsActions:
    return SettingsActions(scripted, store, lambda request: request.owner)  # type: ignore[attr-defined]


def test_settings_survive_the_panel(scripted: Engine) -> None:
    with gr.Blocks():
        panel = build_settings_panel(scripted)
    assert settings_of([component.value for component in panel.inputs]) == ChatSettings()
    updates = updates_of(EVERYTHING)
    assert len(updates) == len(panel.inputs)
    assert settings_of([update["value"] for update in updates]) == EVERYTHING
    assert all(getattr(EVERYTHING, name) != ChatSettings.model_fields[name].default for name in FIELDS)


def test_a_wrong_value_in_the_panel_is_named_by_its_label() -> None:
    values = [update["value"] for update in updates_of(ChatSettings())]
    values[FIELDS.index("sampling")] = {"temperature": "hot"}
    with pytest.raises(InvalidRequest, match="Temperature: Input should be a valid number"):
        settings_of(values)


def test_a_large_seed_goes_to_the_browser_as_text_and_comes_back() -> None:
    shown = sampling_form.shown_sampling({"seed": 2**62 + 1, "top_k": 5})
    assert shown == {"seed": str(2**62 + 1), "top_k": 5}
    assert ChatSettings(sampling=shown).sampling == {"seed": 2**62 + 1, "top_k": 5}


def test_the_form_has_every_parameter_with_its_bounds_and_the_models_values() -> None:
    state = sampling_form.sampling_state({"temperature": 0.2}, "12")
    fields = {field["name"]: field for group in state["groups"] for field in group}
    assert fields.keys() == SamplingParameters.model_fields.keys()
    assert all(field["help"] and field["label"] for field in fields.values())
    assert (fields["top_p"]["minimum"], fields["top_p"]["above"], fields["top_p"]["maximum"]) == (0, True, 1)
    assert (fields["min_p"]["maximum"], fields["min_p"]["below"], fields["stop"]["most"]) == (1, True, 16)
    assert (state["defaults"]["temperature"], state["defaults"]["top_k"], state["last_seed"]) == (0.2, 50, "12")


def test_the_selectors_follow_the_engine(scripted: Engine, make_engine: Callable[..., Engine]) -> None:
    with gr.Blocks():
        panel = build_settings_panel(make_engine())
    components, updates = refresh(panel, scripted.status())
    assert components == [panel.model, panel.compare_with, panel.loaded]
    assert updates[0]["choices"] == [("script (loaded last)", ""), ("script", "script")]
    assert updates[1]["choices"] == [("No second model", ""), ("script", "script")]
    before = updates[2]
    scripted.load(LoadRequest(model_path="script"))
    assert refresh(panel, scripted.status())[1][2] != before, "a model that was loaded anew is another one"
    assert show_seed(panel, 5) == (panel.last_seed, "5")


def test_models_are_named_when_they_are_not_there(scripted: Engine) -> None:
    status = scripted.status()
    assert settings_view.models_note(status, "", "") == ""
    assert "&#x27;gone&#x27; is not loaded" in settings_view.models_note(status, "gone", "")
    assert "compared with itself" in settings_view.models_note(status, "", "script")
    assert settings_view.models_note(NOTHING, "", "") == ""


def test_what_depends_on_the_model_is_said_together(
    make_engine: Callable[..., Engine], tmp_path: Path, store: ConversationStore
) -> None:
    write_script(tmp_path / "models" / "script", generation_config={"temperature": 0.3})
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    actions = SettingsActions(engine, store, lambda request: "somebody")
    template = "{% if tools %}<tool_call>{% endif %}{{ enable_thinking }}"
    said = actions.about_model("", "", template, "9", "def f(a: int): ...", '{"enable_thinkng": 1}', "[{}]")
    note, sampling, tools, arguments, documents, formats = said
    assert note == "" and sampling["state"]["defaults"]["temperature"] == 0.3 and sampling["state"]["last_seed"] == "9"
    assert "<h4>f</h4>" in tools and "warn" not in tools
    assert (
        "never reads &#x27;enable_thinkng&#x27;" in arguments
        and "Did you mean &#x27;enable_thinking&#x27;?" in arguments
    )
    assert "no place for documents" in documents
    assert formats["choices"][0] == ("From the template (hermes)", "auto")
    engine.unload()
    note, sampling, tools, arguments, *_ = actions.about_model("", "", "", "", "", "", "")
    assert "when a model is ready" in tools and "when a model is ready" in arguments
    assert sampling["state"]["defaults"]["temperature"] == 1.0


def test_tools_are_shown_as_cards_and_escaped() -> None:
    names = TemplateNames((), has_tools=False, has_documents=False)
    source = 'def look(place: str, deep: bool = False):\n    """Look <b>there</b>.\n\n    Args:\n        place: Where.\n    """\n'
    shown = settings_view.tools_note(source, names)
    assert "has no tools" in shown and "The model will not see them" in shown
    assert "Look &lt;b&gt;there&lt;/b&gt;." in shown and "<b>" not in shown
    assert "<code>place</code>" in shown and "Where." in shown and shown.count(">optional<") == 1
    assert "line 1, column" in settings_view.tools_note("[{", None).lower()
    assert settings_view.tools_title(source) == "Tools · 1" and settings_view.tools_title("[{") == "Tools"


def test_examples_are_valid() -> None:
    for kind, example in settings_view.STRUCTURE_EXAMPLES.items():
        assert ChatSettings(structure=kind, structure_text=example).structured_output() is not None  # type: ignore[arg-type]
    tools = [
        ChatSettings(tools=text).read_tools()[0].function
        for text in (settings_view.TOOLS_JSON_EXAMPLE, settings_view.TOOLS_PYTHON_EXAMPLE)
    ]
    assert tools[0].name == tools[1].name and tools[0].description == tools[1].description
    assert tools[0].parameters["properties"].keys() == tools[1].parameters["properties"].keys()


class Strict(Engine):
    """An engine whose model takes no expression with an x."""

    def check_structure(self, structure: Any, model: str | None = None) -> None:
        if structure.regex is not None and "x" in structure.regex:
            raise InvalidRequest("There is an x.", "Take it out.")


def test_a_structure_is_checked_for_its_form_first_and_then_by_the_model(
    tmp_path: Path, store: ConversationStore
) -> None:
    engine = Strict(tmp_path)
    actions = SettingsActions(engine, store, lambda request: "somebody")

    def said(kind: str, text: str) -> list[str]:
        async def collect() -> list[str]:
            return [update[0] async for update in actions.structure_typed(kind, text, "")]

        return asyncio.run(collect())

    assert said("", "x") == [""]
    assert "There is an x." in said("regex", "x")[-1] and "There is an x." not in said("regex", "x")[0]
    assert "The model takes it" in said("regex", "y")[-1]
    first, last = said("json_schema", "{")
    assert first == last and "line 1, column 2" in first
    engine.close()


def test_a_kind_of_structure_begins_with_its_example(actions: SettingsActions) -> None:
    examples = settings_view.STRUCTURE_EXAMPLES
    shown = actions.structure_chosen("regex", examples["choice"])
    assert shown["value"] == examples["regex"] and shown["visible"] is True
    assert actions.structure_chosen("json_schema", "mine")["value"] == examples["json_schema"]
    assert actions.structure_chosen("", "mine")["visible"] is False


def test_built_in_presets_leave_length_stop_and_seed_alone() -> None:
    now = {"max_new_tokens": 9, "seed": 1, "stop": ["a"], "temperature": 1.5, "top_p": 0.1}
    taken = presets.applied("Precise", now, {})
    assert taken == {"max_new_tokens": 9, "seed": 1, "stop": ["a"], **presets.BUILT_IN_PRESETS["Precise"]}
    assert presets.held(taken, {}) == "Precise" and presets.held(now, {}) == ""
    assert presets.held({"max_new_tokens": 9}, {}) == "Model's own"
    for values in presets.BUILT_IN_PRESETS.values():
        SamplingParameters.model_validate(values)
        assert values.keys() <= set(presets.CHOOSING)
    with pytest.raises(InvalidRequest, match="no preset 'gone'"):
        presets.applied("gone", now, {})


def test_own_presets_are_saved_chosen_and_deleted_for_one_owner(actions: SettingsActions) -> None:
    other: Any = SimpleNamespace(owner="another-with-a-long-secret")
    own, name, note = actions.save_preset(" My  own ", {"temperature": 0.4, "seed": 3}, SOMEBODY)
    assert own == {"My own": {"temperature": 0.4}} and name == "" and "Saved as My own." in note
    assert actions.own_presets(other) == {}
    selector, delete = actions.presets_shown({"temperature": 0.4, "seed": 8}, own)
    assert selector["value"] == "My own" and delete["visible"] is True
    assert actions.take_preset("My own", {"top_k": 1, "seed": 8}, own)[0] == {"temperature": 0.4, "seed": 8}
    assert "one of OpenArc" in actions.save_preset("greedy", {}, SOMEBODY)[2]
    assert "Top p" in actions.save_preset("wrong", {"top_p": 5}, SOMEBODY)[2]
    assert actions.delete_preset("", SOMEBODY)[1] == ""
    assert actions.delete_preset("My own", SOMEBODY)[0] == {}
    assert "no preset" in actions.delete_preset("My own", SOMEBODY)[1]
