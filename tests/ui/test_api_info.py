"""What the named endpoints tell of themselves: `/gradio_api/info` reads like documentation, and its examples can be sent."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, SamplingParameters
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.ui.api import add_endpoints
from openarc_ui.ui.api_errors import endpoint, parameters_of
from openarc_ui.ui.api_examples import EXAMPLES
from openarc_ui.ui.api_info import add_endpoint, documentation_of
from openarc_ui.ui.rights import Rights
from tests.conftest import write_script
from tests.model_tasks import made_tasks, no_hub
from tests.tuning_fakes import FakeRuns


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gr.Blocks]:
    """Built once: nothing is called, and it is only read what it tells of itself."""
    folder = tmp_path_factory.mktemp("page")
    write_script(folder / "models" / "script")
    store, conversations = MetricsStore(folder / "m.sqlite3"), ConversationStore(folder / "c.sqlite3")
    with Engine(folder / "models") as engine:
        engine.load(LoadRequest(model_path="script"))
        with gr.Blocks(analytics_enabled=False) as page:
            add_endpoints(
                engine,
                store,
                Startup(engine, Settings(model="none"), lambda status: None),
                ProfileStore(folder / "p"),
                conversations,
                FakeRuns(),
                made_tasks(engine),
                no_hub(),
                Rights(),
            )
        yield page
    store.close()
    conversations.close()


@pytest.fixture
def info(page: gr.Blocks) -> dict[str, Any]:
    found = page.get_api_info()
    assert not found["unnamed_endpoints"]
    return dict(found["named_endpoints"])


def test_every_endpoint_says_what_it_does_takes_and_returns(info: dict[str, Any]) -> None:
    for name, told in info.items():
        assert told["description"].endswith("."), name
        assert "Args:" not in told["description"] and "Returns:" not in told["description"], name
        for parameter in told["parameters"]:
            where = f"{name} {parameter['parameter_name']}"
            assert parameter["python_type"]["description"].rstrip(".,:;") and parameter["type"]["description"], where
            assert parameter["python_type"]["type"] not in ("Any", ""), where
            assert parameter["label"][0].isupper() and "_" not in parameter["label"], where
            assert not parameter["parameter_name"].startswith("param_"), where
        (answer,) = told["returns"]
        assert answer["python_type"]["description"].endswith(".") and answer["python_type"]["type"] != "Any", name


def test_every_example_is_what_its_endpoint_takes(page: gr.Blocks, info: dict[str, Any]) -> None:
    for function in page.fns.values():
        parameters = parameters_of(function.fn)
        told = info[f"/{function.api_name}"]["parameters"]
        assert {each["parameter_name"] for each in told} == parameters.model_fields.keys()
        parameters.model_validate({each["parameter_name"]: each["example_input"] for each in told})
        assert all(each["example_input"] not in (None, "...") for each in told), function.api_name


def test_an_example_of_a_parameter_that_is_none_is_not_kept(info: dict[str, Any]) -> None:
    there = {each["parameter_name"] for told in info.values() for each in told["parameters"]}
    there |= {f"{name[1:]}.{each['parameter_name']}" for name, told in info.items() for each in told["parameters"]}
    assert EXAMPLES.keys() <= there


def test_choices_and_bounds_are_told(info: dict[str, Any]) -> None:
    by_name = {each["parameter_name"]: each for each in info["/load_model"]["parameters"]}
    assert by_name["backend"]["type"]["enum"] == ["auto", "genai", "optimum", "scripted"]
    assert by_name["backend"]["python_type"]["type"].startswith("Literal['auto', ")
    by_name = {each["parameter_name"]: each for each in info["/fit"]["parameters"]}
    assert by_name["sequences"]["type"]["minimum"] == 1
    by_name = {each["parameter_name"]: each for each in info["/metrics_summary"]["parameters"]}
    assert "24h" in by_name["range"]["type"]["enum"] and "cancelled" in str(by_name["outcome"]["type"])


def test_the_chat_takes_every_sampling_parameter_with_the_engines_bounds_and_words(info: dict[str, Any]) -> None:
    by_name = {each["parameter_name"]: each for each in info["/chat"]["parameters"]}
    for name, field in SamplingParameters.model_fields.items():
        if name != "num_return_sequences":
            assert by_name[name]["python_type"]["description"] == field.description, name
            assert by_name[name]["parameter_has_default"] and by_name[name]["parameter_default"] is None
    assert by_name["temperature"]["type"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 100}


def test_a_file_is_told_as_one(info: dict[str, Any]) -> None:
    assert info["/metrics_export"]["returns"][0]["python_type"]["type"] == "filepath"


def _undescribed(wanted: str) -> Any:
    async def one(number: int) -> int:
        return number

    one.__doc__ = wanted
    return one


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ("Does it.\n\nReturns:\n    It.", "number is not described"),
        ("Does it.\n\nArgs:\n    number: Which.", "what it returns"),
        ("Args:\n    number: Which.\n\nReturns:\n    It.", "what it does"),
    ],
)
def test_an_endpoint_with_a_gap_can_not_be_registered(doc: str, says: str) -> None:
    with gr.Blocks(analytics_enabled=False), pytest.raises(ValueError, match=says):
        add_endpoint(endpoint(_undescribed(doc)))


def test_lines_that_go_on_are_one_sentence() -> None:
    doc = "First,\nsecond.\n\nThird.\n\nArgs:\n    a: One\n        and more: yes.\n    b: Two.\n\nReturns:\n    The\n    rest.\n"
    told = documentation_of(_undescribed(doc))
    assert told.text == "First, second. Third." and told.returns == "The rest."
    assert told.arguments == {"a": "One and more: yes.", "b": "Two."}


def test_no_file_is_written_beside_the_package() -> None:
    folder = Path(inspect.getfile(add_endpoint)).parent
    assert not list(folder.rglob("*.pyi"))


def test_a_name_that_is_taken_can_not_be_registered_again() -> None:
    one = endpoint(_undescribed("Does it.\n\nArgs:\n    number: Which.\n\nReturns:\n    It."))
    with gr.Blocks(analytics_enabled=False):
        add_endpoint(one)
        with pytest.raises(ValueError, match="the name one is taken"):
            add_endpoint(one)
