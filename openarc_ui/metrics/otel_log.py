"""What is said of a collector that takes nothing: one sentence at most once a minute, without anything that is secret.

The libraries that send say it for every attempt, with addresses, headers and what the server answered. Until a
`CollectorLog` is told to end they say it here instead.
"""

from __future__ import annotations

import logging
import threading
import time
from urllib.parse import urlsplit, urlunsplit

logger = logging.getLogger(__name__)

QUIET_SECONDS = 60.0
LIBRARY = "opentelemetry"


class CollectorLog(logging.Handler):
    """Takes the libraries' records in place of the other handlers, until `end`.

    `close` is left as it is: whoever sets up the logging anew (uvicorn does) calls it for every handler there is.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(logging.WARNING)
        self._address = address_of(endpoint)
        self._reason = "it can't be reached, or is too busy to answer in time"
        self._said_at: float | None = None
        self._guard = threading.Lock()
        self._library = logging.getLogger(LIBRARY)
        self._propagated = self._library.propagate
        self._library.propagate = False
        self._library.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """A warning is an attempt that is repeated; an error, or a full queue, is something lost."""
        self._reason = _reason_of(record) or self._reason
        if record.levelno >= logging.ERROR or str(record.msg).startswith("Queue full"):
            self.say(self._reason)

    def say(self, reason: str) -> None:
        """Say it, unless something was said within the last minute."""
        with self._guard:
            now = time.monotonic()
            if self._said_at is not None and now - self._said_at < QUIET_SECONDS:
                return
            self._said_at = now
        logger.warning(
            "OpenTelemetry: %s gets nothing at the moment: %s. Requests are answered and kept as always.",
            self._address,
            reason,
        )

    def end(self) -> None:
        """Give the libraries their own voice back. Idempotent."""
        if self in self._library.handlers:
            self._library.removeHandler(self)
            self._library.propagate = self._propagated
        self.close()


def address_of(endpoint: str) -> str:
    """Scheme, host and port alone: what stands around them may be a password or a key."""
    parts = urlsplit(endpoint)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))


def _reason_of(record: logging.LogRecord) -> str | None:
    """From what a record carries, never from its text."""
    if str(record.msg).startswith("Queue full"):
        return "more comes than can be sent, and the oldest is dropped"
    told = record.args if isinstance(record.args, tuple) else ()
    if record.exc_info and record.exc_info[1] is not None:
        told = (*told, record.exc_info[1])
    for value in told:
        if isinstance(value, int) and 100 <= value <= 599:
            return f"it answers with status {value}"
        if isinstance(value, BaseException):
            return _reason_of_error(value)
    return None


def _reason_of_error(error: BaseException) -> str:
    """By the names of the error's classes; its text may hold a header."""
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, reason in (
        ("Timeout", "it does not answer in time"),
        ("SSLError", "its certificate is not accepted"),
        ("ProxyError", "the proxy does not reach it"),
        ("ConnectionError", "it can't be reached"),
    ):
        if name in names:
            return reason
    return f"sending fails with {type(error).__name__}"
