"""A download as work of the model tasks: what is fetched, whether it fits on the disk, and a process followed to its end."""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from openarc_ui.errors import DownloadFailed, ModelFolderUnusable
from openarc_ui.models.child import Child
from openarc_ui.models.hub.client import Hub, RepositoryFiles
from openarc_ui.models.hub.plan import RESULT_FOLDER, Plan, keep_plan, kept_plan, plan_of, there_bytes
from openarc_ui.models.hub.reports import (
    ASKING,
    DOWNLOADING,
    READING,
    Arrived,
    Failed,
    Finished,
    Note,
    Report,
    from_line,
)
from openarc_ui.models.hub.speed import Speed
from openarc_ui.models.hub.transfer import PATIENCE_SECONDS
from openarc_ui.models.requests import DownloadRequest
from openarc_ui.models.results import ConversionCard, TaskProgress
from openarc_ui.models.work.problems import folder_problem
from openarc_ui.models.work.worker import TaskStopped

SPARE_BYTES = 100_000_000
"""That stay free on the disk: a system without any room breaks in other places."""
TELL_SECONDS = 0.5
ASKING_HUB = "Asking the Hub"
SILENCE_SECONDS = 5.0
"""So long without a byte, and it is said."""
_NO_TOKENS = dict.fromkeys(("OPENARC_HUB_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"), "")


class Download:
    """One model fetched from the Hub; a `Work` of the tasks.

    Args:
        hub: asked for the files unless they are given, and for address and token whenever it runs.
        files: what the repository holds; None: found out when it runs, unless the folder knows from an earlier run.
        patience_seconds: so long without a byte, and the network counts as gone.

    Raises:
        InvalidRequest: a file was named that is not there, or nothing is to be fetched.
    """

    def __init__(
        self,
        request: DownloadRequest,
        hub: Hub,
        files: RepositoryFiles | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._request, self._hub, self._patience_seconds = request, hub, patience_seconds
        self._plan = plan_of(request, files) if files is not None else None

    def run(
        self,
        folder: Path,
        say: Callable[[TaskProgress], None],
        log: Callable[[str], None],
        stopping: threading.Event,
    ) -> ConversionCard | None:
        """Fetch it, from where an earlier run in the same folder stopped; the result is in `folder / "result"`.

        Raises:
            TaskStopped: `stopping` was set.
            HubUnreachable: offline now, or for long; it can be resumed.
            HubModelNotFound, HubAccessDenied: it may not be read, or not any more.
            ModelFolderUnusable: the disk is too full, before or in the middle of it.
            DownloadFailed: what came is not what the Hub told.
        """
        if (folder / RESULT_FOLDER).is_dir():
            return None
        try:
            say(_asking(folder))
            self._hub.check_reachable(is_patient=True)
            plan = self._planned(folder)
            _check_room(plan, folder, log)
        except OSError as error:
            raise folder_problem(error) from None
        if stopping.is_set():
            raise TaskStopped
        child = self._start(folder)
        try:
            _Following(child, plan, say, log, self._patience_seconds).follow(stopping)
        finally:
            child.end()
        return None

    def _planned(self, folder: Path) -> Plan:
        kept = kept_plan(folder)
        if kept is not None:
            return kept
        plan = self._plan or plan_of(self._request, self._hub.files(self._request.repository, self._request.revision))
        keep_plan(plan, folder)
        return plan

    def _start(self, folder: Path) -> Child[Report]:
        token = self._hub.token
        order = {
            "folder": str(folder.absolute()),
            "endpoint": self._hub.endpoint,
            "token": token.get_secret_value() if token is not None else None,
            "patience_seconds": self._patience_seconds,
        }
        return Child(
            "openarc_ui.models.hub.download_process",
            [],
            from_line,
            first_line=json.dumps(order),
            environment=_NO_TOKENS,
        )


def _asking(folder: Path) -> TaskProgress:
    """Before anything is fetched, with what an earlier run left: it counts as much if the Hub does not answer now."""
    kept = kept_plan(folder)
    if kept is None:
        return TaskProgress(stage=ASKING_HUB)
    there, total = there_bytes(kept, folder), kept.total_bytes
    return TaskProgress(
        stage=ASKING_HUB, fraction=min(1.0, there / total) if total else None, done_bytes=there, total_bytes=total
    )


def _check_room(plan: Plan, folder: Path, log: Callable[[str], None]) -> None:
    missing = max(0, plan.total_bytes - there_bytes(plan, folder))
    free = shutil.disk_usage(folder).free
    log(
        f"{plan.repository} at commit {plan.commit[:12]}: {len(plan.files)} files, {_size(plan.total_bytes)}, "
        f"of which {_size(missing)} are to be fetched; {_size(free)} are free."
    )
    if missing + SPARE_BYTES > free:
        raise ModelFolderUnusable(
            f"{_size(missing)} are to be fetched, and the disk of the model folder has {_size(free)} free.",
            f"Make room, so that {_size(SPARE_BYTES)} stay free, and resume.",
        )


class _Following:
    """A downloading process followed to its end."""

    def __init__(
        self,
        child: Child[Report],
        plan: Plan,
        say: Callable[[TaskProgress], None],
        log: Callable[[str], None],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._child, self._plan, self._say, self._log = child, plan, say, log
        self._speed = Speed()
        self._last: Arrived | None = None
        self._grew_at = time.monotonic()
        self._told_at = float("-inf")

    def follow(self, stopping: threading.Event) -> None:
        """Until all is there.

        Raises:
            TaskStopped, OpenArcError: see `Download.run`.
        """
        while True:
            if stopping.is_set():
                raise TaskStopped
            try:
                report = self._child.next_report()
            except queue.Empty:
                self._tell(is_news=False)
                continue
            if isinstance(report, Finished):
                self._say(self._progress("Downloaded", self._plan.total_bytes, ""))
                return
            if isinstance(report, Failed):
                raise report.error()
            if report is None:
                self._child.log_last_lines()
                words = self._child.reason_of_death("The process that downloads")
                raise DownloadFailed(words, "Resume it: what was fetched is kept.")
            self._take(report)

    def _take(self, report: Arrived | Note) -> None:
        if isinstance(report, Note):
            self._log(report.text)
            return
        if self._last is not None and report.stage != self._last.stage:
            self._speed = Speed()  # what is read, or waited for, is no download
        if self._is_news_of_bytes(report):
            self._grew_at = time.monotonic()
        is_news = self._last is None or (report.path, report.stage) != (self._last.path, self._last.stage)
        self._last = report
        self._tell(is_news)

    def _is_news_of_bytes(self, report: Arrived) -> bool:
        """More came, or what was done until now was no waiting for bytes."""
        last = self._last
        return last is None or report.done_bytes > last.done_bytes or report.path != last.path or last.stage == READING

    def _tell(self, is_news: bool) -> None:
        """Also while nothing comes: the speed falls then."""
        now = time.monotonic()
        if self._last is None or (not is_news and now - self._told_at < TELL_SECONDS):
            return
        self._told_at = now
        self._speed.saw(now, self._last.done_bytes)
        self._say(self._progress(self._stage(self._last, now), self._last.done_bytes, self._last.path))

    def _stage(self, last: Arrived, now: float) -> str:
        """What is done now; while a server keeps silent, for how long, and when that ends."""
        silent_seconds = now - self._grew_at
        if last.stage not in (DOWNLOADING, ASKING) or silent_seconds < SILENCE_SECONDS:
            return last.stage
        return f"No bytes for {silent_seconds:.0f} s; tried again for up to {self._patience_seconds:.0f} s"

    def _progress(self, stage: str, done_bytes: int, path: str) -> TaskProgress:
        total = self._plan.total_bytes
        return TaskProgress(
            stage=stage,
            fraction=min(1.0, done_bytes / total) if total else None,
            done_bytes=done_bytes,
            total_bytes=total,
            bytes_per_second=self._speed.bytes_per_second(),
            left_seconds=self._speed.left_seconds(total - done_bytes),
            detail=path,
        )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
