"""A filled database, and the page's side of the questions: what it keeps of the answers it was given."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, PerformanceReport
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.metrics.view import MetricsView
from openarc_ui.ui.metrics.wanted import AskedView, View
from tests.conftest import ask, write_script
from tests.metrics.filling import fill, fill_samples

HOUR_DAYS = 1 / 24


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsStore]:
    """1200 requests of three configurations and two models in the last hour, with samples and watts."""
    path = tmp_path_factory.mktemp("metrics") / "m.sqlite3"
    start = time.time() - 3500
    fill(path, 1200, days=HOUR_DAYS * 0.97, start=start)
    fill_samples(path, days=HOUR_DAYS * 0.97, start=start)
    store = settled(MetricsStore(path))
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MetricsStore]:
    """An empty one."""
    store = MetricsStore(tmp_path / "m.sqlite3")
    yield store
    store.close()


def settled(store: MetricsStore) -> MetricsStore:
    """The same, once its writer has opened the file."""
    while True:
        before = (store.revision(), store.sample_revision())
        time.sleep(0.2)
        if before == (store.revision(), store.sample_revision()):
            return store


class Page:
    """What a browser does with the answers: parts replace parts, appended points replace those from the same moment on."""

    def __init__(self, view: MetricsView, **chosen: Any) -> None:
        self._view = view
        self.chosen = View(**chosen)
        self.parts: dict[str, Any] = {"figures": {}}
        self.seen: Any = None
        self.last: dict[str, Any] = {}

    def ask(self) -> dict[str, Any]:
        """One question, and more of them where the answer says so; all that was answered."""
        whole = self.ask_once()
        while self.last.get("more"):
            figures = whole.get("figures", {}) | self.ask_once().get("figures", {})
            whole = {**whole, **self.last, **({"figures": figures} if figures else {})}
        return {name: value for name, value in whole.items() if name != "more"}

    def ask_once(self) -> dict[str, Any]:
        """One question; what was answered."""
        answer = self.last = self._view.answer(AskedView(view=self.chosen, seen=self.seen))
        if not answer:
            return answer
        self.seen = answer["seen"]
        changed = {name: value for name, value in answer.items() if name not in ("seen", "figures", "extend", "more")}
        self.parts |= copy.deepcopy(changed)
        self.parts["figures"] |= copy.deepcopy(answer.get("figures", {}))
        if "extend" in answer:
            self._append(answer["extend"]["timeline"])
        return answer

    def lines(self) -> dict[str, list[Any]]:
        """uid -> (x, y, counted) of each point of the figure over time."""
        return {
            trace["uid"]: list(
                zip(trace["x"], trace["y"], trace.get("customdata") or [None] * len(trace["x"]), strict=True)
            )
            for trace in self.parts["figures"]["timeline"]["data"]
        }

    def _append(self, new: dict[str, Any]) -> None:
        for trace in self.parts["figures"]["timeline"]["data"]:
            kept = sum(x < new["from"] for x in trace["x"])
            for part in ("x", "y", "customdata"):
                if part in trace:
                    trace[part] = trace[part][:kept] + new["traces"][trace["uid"]][part]


class Kept:
    """An engine whose requests are kept, with their texts or without."""

    def __init__(self, engine: Engine, store: MetricsStore) -> None:
        self.engine, self.store = engine, store

    def run(self, text: str, **parameters: Any) -> str:
        """The id of a request that has ended and is kept."""
        with self.engine.submit(ask(text, source="rest", **parameters)) as generation:
            result = generation.result(20)
        self.store.flush()
        return result.request_id


@pytest.fixture
def keep(tmp_path: Path, make_engine: Callable[..., Engine]) -> Iterator[Callable[[bool], Kept]]:
    stores: list[MetricsStore] = []

    def make(keep_texts: bool) -> Kept:
        store = MetricsStore(tmp_path / "m.sqlite3", keep_texts=keep_texts)
        stores.append(store)
        write_script(tmp_path / "models" / "script")
        engine = make_engine(on_answer=store.record_answer, report_to=store.record)
        engine.load(LoadRequest(model_path="script"))
        return Kept(engine, store)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def make_engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(report_to: Callable[[PerformanceReport], None], **options: Any) -> Engine:
        engines.append(Engine(tmp_path / "models", on_report=report_to, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()
