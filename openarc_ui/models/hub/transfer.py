"""The downloading process at work: each file of a plan fetched from where it stands, through cuts and pauses, and checked.

huggingface_hub 1.21 begins a file anew in each process (its temporary files have random names and are deleted), so the
few lines that go on in the middle of one are here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from openarc_ui.errors import DownloadFailed, HubUnreachable
from openarc_ui.models.hub.connection import WAIT_HEADER, Connection, host_of
from openarc_ui.models.hub.part import Part, TooMuch
from openarc_ui.models.hub.plan import Plan, PlannedFile, begun, finished, is_finished, size_of, there_bytes
from openarc_ui.models.hub.reports import ASKING, DOWNLOADING, READING, Arrived, Note, Report

PATIENCE_SECONDS = 180.0
"""So long without one new byte, and the network counts as gone."""
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
LONGEST_WAIT_SECONDS = 600.0
LARGEST_ANSWER_BYTES = 20_000_000_000
"""Of one request: what stands before the Hub's store refuses whole files above 50 GB, and its signed addresses run out."""
TELL_SECONDS = 0.2
_TRY_LATER = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Cut(Exception):
    """A request brought less than it should; another may bring more. `wait_seconds`: what the Hub asked for."""

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.why, self.wait_seconds = why, wait_seconds


class Transfer:
    """Fetches the files of one plan into its folder.

    Args:
        tell: called with reports, in the thread that runs.
        sleep: how it waits.
    """

    def __init__(
        self,
        connection: Connection,
        plan: Plan,
        folder: Path,
        tell: Callable[[Report], None],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        from huggingface_hub import hf_hub_url

        self._connection, self._plan, self._folder, self._tell = connection, plan, folder, tell
        self._hub_url = hf_hub_url
        self._patience_seconds, self._sleep = patience_seconds, sleep
        self._told_at = float("-inf")

    def run(self) -> dict[str, str]:
        """Fetch what is missing.

        Returns:
            The SHA-256 of each file that was fetched now, by path.

        Raises:
            DownloadFailed: a file is not what the Hub told of it, twice.
            HubUnreachable: nothing came for long; what is there stays.
            HubModelNotFound, HubAccessDenied: it may not be read any more.
            OSError: the disk does not take it.
        """
        hashes: dict[str, str] = {}
        there = there_bytes(self._plan, self._folder)
        for number, file in enumerate(self._plan.files):
            if not is_finished(self._folder, file):
                there -= size_of(begun(self._folder, number))
                hashes[file.path] = self._fetch(number, file, there)
                there += file.size_bytes
        return hashes

    def _fetch(self, number: int, file: PlannedFile, elsewhere: int) -> str:
        path = begun(self._folder, number)
        there = min(size_of(path), file.size_bytes)
        self._say(elsewhere + there, file, READING if path.is_file() else DOWNLOADING)
        for is_last in (False, True):
            with Part(path, file) as part:
                if part.size_bytes > 0:
                    self._say(elsewhere + part.size_bytes, file, DOWNLOADING)
                try:
                    self._fill(file, part, elsewhere)
                except TooMuch:
                    part.restart()
                if part.is_right:
                    part.move_to(finished(self._folder, file))
                    self._say(elsewhere + file.size_bytes, file, DOWNLOADING)
                    return part.sha256
                part.restart()
            if not is_last:
                self._tell(Note(f"{file.path} is not what the Hub says of it, so it is fetched once more."))
        raise DownloadFailed(
            f"{file.path} came twice with other bytes than the Hub says it has.",
            "Something on the way changes files, or the repository is damaged: try later, or another mirror.",
        )

    def _fill(self, file: PlannedFile, part: Part, elsewhere: int) -> None:
        """Ask until the file is whole. Only bytes beyond all that ever came count against patience."""
        most, last_growth, failures = part.size_bytes, time.monotonic(), 0
        while not part.is_whole:
            try:
                self._request(file, part, elsewhere)
                continue
            except _Cut as cut:
                if part.size_bytes > most:
                    most, last_growth, failures = part.size_bytes, time.monotonic(), 0
                seconds = self._pause(cut, failures, last_growth)
                self._tell(Note(f"{file.path}: {cut.why}; going on in {seconds:.0f} s."))
                self._say(elsewhere + part.size_bytes, file, f"Waiting {seconds:.0f} s: {cut.why}")
                self._sleep(seconds)
                self._say(elsewhere + part.size_bytes, file, ASKING)
                if cut.wait_seconds is not None:
                    last_growth += seconds  # it was asked for, so it tries nobody's patience
                failures += 1

    def _pause(self, cut: _Cut, failures: int, last_growth: float) -> float:
        asked = cut.wait_seconds
        if asked is not None and asked > LONGEST_WAIT_SECONDS:
            raise self._gone(f"it asks to wait {asked / 60:.0f} minutes")
        if time.monotonic() - last_growth > self._patience_seconds:
            raise self._gone(f"nothing came for {self._patience_seconds:.0f} s ({cut.why})")
        return asked if asked is not None else PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)]

    def _gone(self, why: str) -> HubUnreachable:
        return HubUnreachable(
            f"The Hub at {host_of(self._connection.endpoint)} gave no more: {why}.",
            "What was fetched is kept: resume when the network is back.",
        )

    def _request(self, file: PlannedFile, part: Part, elsewhere: int) -> None:
        """One request from where the part stands; it is whole afterwards, or has one answer's bytes more.

        Raises:
            _Cut: try again.
        """
        start = part.size_bytes
        end = min(file.size_bytes, start + LARGEST_ANSWER_BYTES)
        # Without compression: a range is one of the file's own bytes.
        headers = {**self._connection.headers, "Accept-Encoding": "identity"}
        if start > 0 or end < file.size_bytes:
            headers["Range"] = f"bytes={start}-{end - 1}"
        try:
            with self._connection.client.stream("GET", self._address(file), headers=headers) as answer:
                self._check(answer, part)
                for chunk in answer.iter_bytes():
                    part.add(chunk)
                    self._say_sometimes(elsewhere + part.size_bytes, file)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Cut(_words(error)) from None
        if part.size_bytes < end:
            raise _Cut("the answer ended too early")

    def _check(self, answer: httpx.Response, part: Part) -> None:
        """See that what follows are the bytes that were asked for; of a server that can't go on, the whole file is taken."""
        status = answer.status_code
        if status in _TRY_LATER:
            raise _Cut(f"the Hub answered {status}", _asked_wait(answer))
        is_elsewhere = answer.url.host != urlsplit(self._connection.endpoint).hostname
        if status in (401, 403) and is_elsewhere:
            raise _Cut(f"the store answered {status}")  # a signed address runs out; the next request gets a new one
        if status == 416:
            part.restart()
            raise _Cut("the Hub has fewer bytes than were here")
        problem = self._connection.problem_of(answer, self._plan.repository, self._plan.commit)
        if problem is not None:
            raise problem
        if status == 206:
            told = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if told is None or int(told[1]) != part.size_bytes:
                part.restart()
                raise _Cut("the Hub sent another part than was asked for")
        elif part.size_bytes > 0:
            self._tell(Note("The server can't go on in the middle of a file, so it begins anew."))
            part.restart()

    def _address(self, file: PlannedFile) -> str:
        plan = self._plan
        return self._hub_url(plan.repository, file.path, revision=plan.commit, endpoint=self._connection.endpoint)

    def _say_sometimes(self, done_bytes: int, file: PlannedFile) -> None:
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._say(done_bytes, file, DOWNLOADING)

    def _say(self, done_bytes: int, file: PlannedFile, stage: str) -> None:
        self._told_at = time.monotonic()
        self._tell(Arrived(done_bytes, file.path, stage))


def _asked_wait(answer: httpx.Response) -> float | None:
    """Retry-After in seconds, which is what the Hub sends; a date counts as nothing said."""
    try:
        return max(0.0, float(answer.headers.get(WAIT_HEADER, "")))
    except ValueError:
        found = re.search(r";\s*t\s*=\s*(\d+)", answer.headers.get("RateLimit", ""))
        return float(found[1]) + 1 if found is not None and answer.status_code == 429 else None


def _words(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "nothing came for a while"
    return "the connection was cut" if isinstance(error, httpx.TransportError) else "the answer made no sense"
