"""Whose a request is: a browser's by a cookie that is a secret, else that of all who come without."""

from __future__ import annotations

import secrets

import pytest

from openarc_ui.conversations.owner import API_OWNER, COOKIE, owner_of


def test_a_browser_is_known_by_its_cookie() -> None:
    value = secrets.token_urlsafe(24)
    assert owner_of({COOKIE: value, "other": "x"}) == value


@pytest.mark.parametrize(
    "value", ["", "api", "short", "x" * 201, "space in between it all", "ünïcode-ünïcode-ü", "a" * 20 + "\n"]
)
def test_what_is_no_secret_is_nobodys_in_particular(value: str) -> None:
    assert owner_of({COOKIE: value}) == owner_of({}) == API_OWNER
