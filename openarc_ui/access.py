"""Who may do what: two roles, told by the key of a request, and how often a key may ask.

The guard around everything (server/security.py) puts two headers into each request it lets through, in place of any that came
with it; whoever does something for a request asks here. It knows no HTTP.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Mapping

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from openarc_ui.errors import AdministratorNeeded, RateLimited

ROLE_HEADER = "x-openarc-role"
CALLER_HEADER = "x-openarc-caller"


class Role(enum.StrEnum):
    """What a key is for."""

    USER = "user"
    ADMINISTRATOR = "administrator"


class Access:
    """The rules of one server. Methods may be called from any thread.

    Args:
        requests_per_minute: how many calls that make a model work each caller may send, whatever each asks for; 0: as many as
            it likes.
    """

    def __init__(self, requests_per_minute: int = 0) -> None:
        self._limit = RateLimitItemPerMinute(requests_per_minute) if requests_per_minute else None
        # It begins with a thread, which a server without a limit has no use for.
        self._limiter = MovingWindowRateLimiter(MemoryStorage()) if requests_per_minute else None

    def role_of(self, headers: Mapping[str, str]) -> Role:
        """The role the guard told. Without a guard in front there are no keys, and everybody may do everything.

        Args:
            headers: of the request, names in lower case or a mapping that ignores case.
        """
        return Role(headers.get(ROLE_HEADER, Role.ADMINISTRATOR))

    def may_administer(self, headers: Mapping[str, str]) -> bool:
        """Whether a request may change how the server is, and read what is kept of everybody's prompts and answers."""
        return self.role_of(headers) is Role.ADMINISTRATOR

    def require_administrator(self, headers: Mapping[str, str], action: str) -> None:
        """See that a request may change how the server is.

        Args:
            action: what it wants, as the subject of a sentence: "Loading a model".

        Raises:
            AdministratorNeeded: its key is for use only.
        """
        if not self.may_administer(headers):
            raise AdministratorNeeded(f"{action} needs the administration key.", "Sign in or call with that key.")

    def count(self, headers: Mapping[str, str]) -> None:
        """Count a request that makes a model work.

        Raises:
            RateLimited: this caller has sent as many within the last minute as it may.
        """
        if self._limit is None or self._limiter is None:
            return
        caller = headers.get(CALLER_HEADER, "")
        if self._limiter.hit(self._limit, caller):
            return
        window = self._limiter.get_window_stats(self._limit, caller)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        error = RateLimited(
            f"{self._limit.amount} calls a minute are allowed for each key.", f"Try again in {seconds} s."
        )
        error.retry_after_seconds = seconds
        raise error
