"""MetricsStore: one SQLite file, one thread that writes it, readers that open it read-only.

Recording never blocks and never fails: what can't be written yet waits in memory, bounded and counted, and at the end in a
file beside the database. Texts are kept only where that is wanted. The engine knows this room only as plain callables.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from openarc_ui.engine.types import Bandwidth, GenerationRequest, ModelInfo, PerformanceReport
from openarc_ui.errors import MetricsUnreadable, RequestNotFound
from openarc_ui.metrics import rows
from openarc_ui.metrics.database import READ_SECONDS, DatabaseFile, empty, words_of
from openarc_ui.metrics.retention import Retention
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.waiting import Waiting
from openarc_ui.metrics.writer import Writer
from openarc_ui.sqlite_file import DAMAGED, primary_code

MAX_WAITING = 10_000
MAX_WAITING_SAMPLES = 2_000
MAX_WAITING_BYTES = 64 * 1024 * 1024
CLOSING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How the store is doing.

    Attributes:
        waiting: rows not on disk yet.
        dropped: rows that could not be kept: too many waited, or too many bytes, or the database would never take them.
        problem: why nothing can be written now, in a sentence, or None.
        notice: something that happened once and should be known (a damaged file was set aside), or None.
        size_bytes: of the file and its companions.
        capacity: how many reports may wait.
    """

    waiting: int
    dropped: int
    problem: str | None
    notice: str | None
    size_bytes: int = 0
    capacity: int = MAX_WAITING


class MetricsStore:
    """Keeps every PerformanceReport. Thread-safe; `close` it to be sure that all is on disk.

    What `revision` or `flush` have acknowledged survives the end of the process; a power cut may cost the last moments.

    Args:
        path: the SQLite file; made, with its folder, when there is something to write.
        keep_texts: also keep what was asked and answered.
        max_age_days: what is older is deleted; 0: never.
        max_bytes: the oldest is deleted when more is in use; 0: no limit.
    """

    def __init__(self, path: Path, *, keep_texts: bool = False, max_age_days: float = 0, max_bytes: int = 0) -> None:
        self.path = path
        self.keep_texts = keep_texts
        self._file = DatabaseFile(path)
        self._waiting = Waiting(MAX_WAITING, MAX_WAITING_SAMPLES, MAX_WAITING_BYTES)
        self._writer = Writer(self._file, self._waiting, Retention(max_age_days, max_bytes))
        self._writer.start()

    def record(self, report: PerformanceReport) -> None:
        """Keep one report. Returns at once."""
        self._waiting.put(rows.request_row(report, self.keep_texts))

    def record_answer(self, request: GenerationRequest, texts: tuple[str, ...], report: PerformanceReport) -> None:
        """Keep the settings of a request whose report was recorded, and its texts where they are kept. Returns at once."""
        self._waiting.put(rows.details_row(request, texts, report, self.keep_texts))

    def record_model(self, info: ModelInfo) -> None:
        """Keep the configuration that a loaded model's reports refer to. Returns at once."""
        self._waiting.put(rows.configuration_row(info))

    def record_sample(self, sample: Sample) -> None:
        """Keep one sample: a row for the machine, one for each worker, one for each source of power. Returns at once."""
        for row in rows.sample_rows(sample):
            self._waiting.put(row)

    def record_bandwidth(self, bandwidth: Bandwidth) -> None:
        """Keep how fast a device reads its memory, in place of what was measured before. Returns at once."""
        self._waiting.put(rows.bandwidth_row(bandwidth))

    def health(self) -> StoreHealth:
        """How the store is doing now; never waits for the database."""
        return StoreHealth(
            self._waiting.rows,
            self._waiting.dropped,
            self._writer.problem,
            self._writer.notice,
            self._file.size_bytes(),
            MAX_WAITING,
        )

    def revision(self) -> int:
        """A number that is another one whenever new requests, configurations or bandwidths can be read; costs nothing."""
        return self._writer.revision

    def sample_revision(self) -> int:
        """The same for samples and power."""
        return self._writer.sample_revision

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was recorded is on disk; False when it took longer than `timeout` seconds."""
        return self._waiting.flush(timeout)

    def close(self, timeout: float = CLOSING_SECONDS) -> None:
        """Write what waits and stop; what the database does not take within `timeout` seconds goes to `<file>.unwritten`,
        which the next start reads in. Idempotent. A disk that hangs is left to itself some seconds after that."""
        self._writer.close(timeout)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection of the caller's own that sees one moment; an empty database while there is no file yet.

        Raises:
            MetricsUnreadable: it is damaged (a new one is begun then), held by another program, or not of this version.
            RequestNotFound: from within; one that is only in memory yet is said to wait.
        """
        with closing(self._open_to_read()) as connection:
            try:
                yield connection
            except sqlite3.DatabaseError as error:
                if primary_code(error) not in DAMAGED:
                    raise
                raise self._damaged() from error
            except RequestNotFound as error:
                if not isinstance(error.asked, str) or not self._waiting.has_request(error.asked):
                    raise
                raise RequestNotFound(
                    "This request waits in memory to be written.", self._writer.problem or "Ask again in a moment."
                ) from None

    def _open_to_read(self) -> sqlite3.Connection:
        deadline = time.monotonic() + READ_SECONDS
        while True:
            try:
                return self._file.open_to_read()
            except MetricsUnreadable:
                # A database of another OpenArc is brought up to date in a moment, unless it is a very large one.
                if not self._writer.is_migrating or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            except sqlite3.Error as error:
                if self._file.file_id() is None:
                    return empty()
                if primary_code(error) in DAMAGED:
                    raise self._damaged() from error
                raise MetricsUnreadable(
                    words_of(error), "Try again; if it stays so, look at the file and who uses it."
                ) from error

    def _damaged(self) -> MetricsUnreadable:
        """Has the writer look at the file, which sets it aside where it is damaged indeed."""
        self._writer.suspect()
        return MetricsUnreadable(
            f"The metrics database {self.path.name} is damaged.",
            "It is set aside and a new one begun; `sqlite3 FILE .recover` may read the old one.",
        )
