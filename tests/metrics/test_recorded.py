"""What was recorded, and since when."""

from __future__ import annotations

from pathlib import Path

from openarc_ui.metrics import recorded
from openarc_ui.metrics.store import MetricsStore
from tests.reports import report


def test_a_request_that_is_recorded_late_is_found_by_when_it_began(tmp_path: Path) -> None:
    store = MetricsStore(tmp_path / "m.sqlite3")
    with store.reading() as connection:
        assert recorded.newest_row(connection) == 0 and recorded.everything(connection) == (0, None)
    for moment in (100.0, 200.0):
        store.record(report(submitted_at=moment))
    store.flush()
    with store.reading() as connection:
        before = recorded.newest_row(connection)
        assert recorded.began_since(connection, before) is None
    for moment in (300.0, 50.0):
        store.record(report(submitted_at=moment))
    store.flush()
    with store.reading() as connection:
        assert recorded.began_since(connection, before) == 50.0
        assert recorded.everything(connection) == (4, 50.0)
    store.close()
