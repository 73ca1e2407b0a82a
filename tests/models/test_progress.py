"""What the preparing process writes is what the main process reads; a person gets text."""

from __future__ import annotations

import io

import pytest

from openarc_ui.engine.types import LoadStage
from openarc_ui.models.progress import Failed, JsonReporter, Prepared, Report, TextReporter, from_line


@pytest.mark.parametrize(
    "report",
    [
        LoadStage("Downloading", 0.25, "41 of 93 MB"),
        Prepared("/models/größe", ("a note",)),
        Failed("two\nlines", "a hint"),
    ],
)
def test_a_report_is_the_same_on_the_other_side_of_the_pipe(report: Report) -> None:
    stream = io.StringIO()
    JsonReporter(stream).send(report)
    assert stream.getvalue().count("\n") == 1
    assert from_line(stream.getvalue()) == report


@pytest.mark.parametrize(
    "line", ["", "a library printed this", "[1]", "3", '{"kind": "stage"}', '{"kind": "no"}', '{"label": "x"}']
)
def test_a_line_that_is_no_report_is_told_apart(line: str) -> None:
    with pytest.raises(ValueError):
        from_line(line)


def test_a_person_reads_each_stage_once_and_the_end() -> None:
    stream = io.StringIO()
    reporter = TextReporter(stream)
    for report in (
        LoadStage("Downloading", 0.02, "0 of 93 MB"),
        LoadStage("Downloading", 0.3, "50 of 93 MB"),
        LoadStage("Checking", 0.9),
        Failed("No room.", "Make room."),
    ):
        reporter.send(report)
    assert stream.getvalue().splitlines() == [
        "  2%  Downloading  0 of 93 MB",
        " 90%  Checking",
        "No room.",
        "Make room.",
    ]
