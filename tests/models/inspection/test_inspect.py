"""One model looked into as a whole: the parts that are asked for, and what could not be looked at with its reason."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import ModelNotFound
from openarc_ui.models.inspection.inspect import inspect_model
from tests.conftest import write_script
from tests.models.inspection.small_ir import transformer
from tests.models.inspection.test_template_trials import SOUND


@pytest.fixture
def engine(tmp_path: Path, make_engine: Callable[..., Engine]) -> Engine:
    """With a small IR that has a template and a broken tokenizer."""
    folder = tmp_path / "models" / "org" / "small"
    transformer(2, is_named=True, is_tied=True).write(folder)
    (folder / "chat_template.jinja").write_text(SOUND)
    for name in ("openvino_tokenizer.xml", "openvino_detokenizer.xml"):
        (folder / name).write_text("<net/>")
    return make_engine()


def test_only_the_parts_that_are_asked_for_are_looked_at(engine: Engine) -> None:
    graph = inspect_model(engine, "small", ("graph",))
    assert graph.model == "org/small"
    assert graph.graph is not None and (graph.tokenizer, graph.template, graph.problems) == ((), (), ())
    template = inspect_model(engine, "small", ("template",))
    assert template.graph is None and len(template.template) == 12 and template.problems == ()


def test_all_parts_are_looked_at_where_none_is_named_and_a_broken_one_is_a_problem(engine: Engine) -> None:
    found = inspect_model(engine, "small")
    assert found.graph is not None and found.template
    assert found.tokenizer == () and len(found.problems) == 1
    assert "tokenizer can't be loaded" in found.problems[0]


def test_no_path_of_this_machine_is_told(engine: Engine, tmp_path: Path) -> None:
    told = json.dumps(dataclasses.asdict(inspect_model(engine, "small")))
    assert str(tmp_path) not in told and "/work" not in told and ".py" not in told


def test_a_broken_graph_leaves_the_other_parts(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "models" / "org" / "small" / "openvino_model.xml").write_text("<net>")
    found = inspect_model(engine, "small", ("graph", "template"))
    assert found.graph is None and found.template
    assert "not an OpenVINO model" in found.problems[0]


def test_a_scripted_model_has_nothing_to_look_into(tmp_path: Path, make_engine: Callable[..., Engine]) -> None:
    write_script(tmp_path / "models" / "script")
    found = inspect_model(make_engine(), "script")
    assert (found.graph, found.tokenizer, found.template) == (None, (), ())
    assert len(found.problems) == 3


def test_only_models_can_be_looked_into(engine: Engine) -> None:
    for model in ("missing", "../outside", "/etc"):
        with pytest.raises(ModelNotFound):
            inspect_model(engine, model)


@pytest.mark.model
def test_the_starter_is_looked_into_while_it_answers(starter_folder: Path) -> None:
    with Engine(starter_folder.parent) as engine:
        found = inspect_model(engine, starter_folder.name, ("graph", "template"))
    assert found.graph is not None and found.problems == ()
    assert {trial.verdict for trial in found.template} == {"good", "warning"}
