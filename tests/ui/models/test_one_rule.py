"""What one key may do with models it may do everywhere: page, Gradio endpoints and tools decide as REST's table does.

Each kind of work stands beside the route that does it, so that a new route, endpoint or question gets a decision here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.mcp_models import model_tools
from openarc_ui.server.mcp_rights import USE as TOOLS_FOR_USE
from openarc_ui.server.permissions import ADMINISTER, USE, Place
from openarc_ui.ui.api_model_work import model_work_endpoints
from openarc_ui.ui.rights import Rights, right_of
from tests.model_tasks import made_tasks, no_hub
from tests.ui.models.asked_questions import CHANGING, LOOKING, Asking

Work = tuple[Place, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
WORK: tuple[Work, ...] = (
    # route, questions of the page, endpoints, tools
    (("GET", "/models"), ("models_installed",), (), ()),
    (("GET", "/status"), ("models_view",), (), ()),
    (("POST", "/model/load"), ("models_load",), (), ()),
    (("POST", "/model/unload"), ("models_unload",), (), ()),
    (("GET", "/models/library"), ("models_library",), ("models_library",), ("recommended_models",)),
    (("GET", "/models/conversion-options"), ("models_options",), ("conversion_options",), ()),
    (("POST", "/models/conversion-command"), ("models_command",), ("conversion_command",), ()),
    (("GET", "/models/hub"), ("models_search",), ("hub_search",), ()),
    (("GET", "/models/hub/files"), ("models_files",), ("hub_files",), ()),
    (("GET", "/models/hub/token"), (), (), ()),
    (("PUT", "/models/hub/token"), ("models_token",), (), ()),
    (("DELETE", "/models/hub/token"), ("models_token",), (), ()),
    (("GET", "/models/tasks"), (), ("model_tasks",), ("model_tasks",)),
    (("GET", "/models/tasks/{task_id}"), (), ("model_task",), ()),
    (("GET", "/models/tasks/{task_id}/log"), (), (), ()),
    (("POST", "/models/tasks/downloads"), ("models_download",), ("download_model",), ("start_download",)),
    (("POST", "/models/tasks/conversions"), ("models_convert",), ("convert_model",), ("start_conversion",)),
    (("POST", "/models/tasks/{task_id}/pause"), ("models_pause",), ("pause_task",), ("pause_task",)),
    (("POST", "/models/tasks/{task_id}/resume"), ("models_resume",), ("resume_task",), ("resume_task",)),
    (("POST", "/models/tasks/{task_id}/cancel"), ("models_cancel",), ("cancel_task",), ("cancel_task",)),
    (("DELETE", "/models/tasks/{task_id}"), ("models_forget",), ("forget_task",), ()),
    (("GET", "/models/sizes"), ("models_sizes",), ("model_sizes",), ()),
    (("POST", "/models/rename"), ("models_rename",), ("rename_model",), ()),
    (("POST", "/models/delete"), ("models_delete",), ("delete_model",), ()),
    (("POST", "/models/verify"), ("models_verify", "models_verify_stop"), ("verify_model",), ()),
    (("GET", "/models/inspect"), ("models_inspect",), ("inspect_model",), ()),
)
OTHER_ROUTES = {("GET", "/models/details"), ("GET", "/models/files"), ("GET", "/models/file")}
"""Of a model's files, below /models/ too; the Load tab's."""


@pytest.fixture
def endpoints(make_engine: Callable[..., Engine], tmp_path: Path) -> dict[str, Any]:
    """The Gradio endpoints by name, wrapped in their rights."""
    (tmp_path / "models").mkdir(exist_ok=True)
    engine = make_engine()
    made = model_work_endpoints(engine, made_tasks(engine), no_hub(), ProfileStore(tmp_path / "profiles"), Rights())
    return {each.__name__: each for each in made}


@pytest.mark.parametrize("work", WORK, ids=[" ".join(work[0]) for work in WORK])
def test_page_endpoints_and_tools_want_the_key_that_rest_wants(work: Work, endpoints: dict[str, Any]) -> None:
    route, questions, named, tools = work
    assert (route in USE) != (route in ADMINISTER), "each route wants one of the two keys"
    is_for_use = route in USE
    # What these two say of a question is held to by test_questions.py, which asks each with both keys.
    assert {each for each in questions if (each in LOOKING) != is_for_use} == set()
    assert {each for each in named if (right_of(endpoints[each]) is None) != is_for_use} == set()
    assert {each for each in tools if (each in TOOLS_FOR_USE) != is_for_use} == set()


def test_every_route_question_endpoint_and_tool_of_models_has_its_place_here(
    asking: Asking, endpoints: dict[str, Any]
) -> None:
    routes, questions, named, tools = (set(each) for each in zip(*WORK, strict=True))
    below = {place for place in USE | ADMINISTER if place[1].startswith("/models/")}
    assert below - OTHER_ROUTES == {place for place in routes if place[1].startswith("/models/")}
    assert {each for those in questions for each in those} == set(asking.functions) == {*LOOKING, *CHANGING}
    assert {each for those in named for each in those} == set(endpoints)
    unused: Any = None
    assert {each for those in tools for each in those} == {each.__name__ for each in model_tools(unused, unused)}
