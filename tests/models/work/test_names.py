"""One rule for the names of models, whether they come by a download, a conversion or a rename."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.tidy import rename_model
from openarc_ui.models.work.names import LONGEST, WORDS, check_name, result_name
from openarc_ui.server.openai.asked import DEFAULT_MODEL
from openarc_ui.settings import NO_MODEL, STARTER
from tests.conftest import write_script
from tests.model_tasks import made_tasks

REFUSED = (
    "con",
    "COM1.x",
    "nul.txt",
    "a.",
    "a.gguf",
    "A.GGUF",
    "a.tmp",
    "a.part",
    "openarc_files.json",
    *WORDS,
    "Default",
)


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_a_rename_refuses_a_download_and_a_conversion_refuse_in_the_same_words(
    name: str, make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "one")
    engine = make_engine()
    tasks = made_tasks(engine)
    words = []
    for ask in (
        lambda: rename_model(engine, "one", name),
        lambda: tasks.start(DownloadRequest(repository="a/b", name=name)),
        lambda: tasks.start(ConversionRequest(source="one", name=name)),
        lambda: tasks.start(DownloadRequest(repository=f"a/{name}")) if name != "a." else check_name(name),
    ):
        with pytest.raises(InvalidRequest) as caught:
            ask()
        words.append(caught.value.message)
    tasks.close()
    assert len(set(words)) == 1, words
    assert [each.name for each in (tmp_path / "models").iterdir() if not each.name.startswith(".")] == ["one"]


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "ä", "a b", "-a", "a" * (LONGEST + 1)])
def test_what_is_no_name_is_told_what_one_is(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_name(name)
    assert "letters, digits and ._-" in caught.value.hint


def test_the_words_that_stand_for_a_model_are_those_of_the_start_and_of_the_requests() -> None:
    assert set(WORDS) == {STARTER, NO_MODEL, DEFAULT_MODEL}
    with pytest.raises(InvalidRequest, match="the one that was loaded last"):
        check_name("default")


def test_a_file_may_end_as_a_gguf_does_and_plain_names_are_fine() -> None:
    check_name("a.gguf", is_file=True)
    for name in ("Qwen3-0.6B-int4-ov", "console", "a.b", "a" * LONGEST):
        check_name(name)


def test_a_name_that_is_made_here_never_ends_in_a_dot() -> None:
    assert result_name(DownloadRequest(repository="a/b.")) == "b"
    assert result_name(DownloadRequest(repository="a/" + "b" * (LONGEST - 1))) == "b" * (LONGEST - 1)
