"""The table of which key each route needs, held against the routes of the real application."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import Depends, FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from openarc_ui.access import Access
from openarc_ui.server.permissions import ADMINISTER, COUNTED, OPEN, USE, permitted
from openarc_ui.server.problems import install_handlers
from openarc_ui.server.security import Guard
from openarc_ui.settings import Settings
from tests.whole_application import Whole, concrete, whole_application

KEY, ADMIN_KEY = "the-key-for-use", "the-key-of-the-administrator"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The whole application, routes of the page and all."""
    folder = tmp_path_factory.mktemp("whole")
    with whole_application(folder, api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY), mcp=True) as made:
        yield made


def test_every_route_is_in_exactly_one_set(whole: Whole) -> None:
    for place in sorted(whole.own_places()):
        assert [place in each for each in (OPEN, USE, ADMINISTER)].count(True) == 1, place


def test_no_entry_is_of_a_route_that_is_gone(whole: Whole) -> None:
    assert (OPEN | USE | ADMINISTER) - whole.own_places() == set()
    assert COUNTED <= USE


def test_what_changes_models_or_files_is_administration() -> None:
    changing = {place for place in USE if place[0] in ("PUT", "PATCH", "DELETE")}
    assert {path.split("/")[1] for _, path in changing} == {"conversations"}


@pytest.mark.parametrize("place", sorted(ADMINISTER), ids=" ".join)
def test_administration_is_closed_to_the_key_for_use(whole: Whole, place: tuple[str, str]) -> None:
    method, path = place
    for tried in (method, *(["HEAD"] if method == "GET" else [])):
        answer = whole.client.request(tried, concrete(path), headers={"X-API-Key": KEY}, json=None)
        # A wrong method is no way in either.
        assert answer.status_code == 403 or (tried == "HEAD" and answer.status_code == 405), answer.text


def test_a_route_that_nobody_decided_about_is_for_the_administrator() -> None:
    api = FastAPI(dependencies=[Depends(permitted(Access()))])

    @api.get("/new")
    async def new() -> dict[str, str]:
        return {}

    install_handlers(api)
    settings = Settings(api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY))
    client = TestClient(Guard(api, settings), base_url="http://localhost")
    assert client.get("/new", headers={"X-API-Key": KEY}).status_code == 403
    assert client.get("/new", headers={"X-API-Key": ADMIN_KEY}).status_code == 200
