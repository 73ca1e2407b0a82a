"""Whose a request is: the two keys, the sessions of browsers that showed one, and how often an address may guess.

The keys are kept as digests only. It knows no HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from pydantic import SecretStr

from openarc_ui.access import Role
from openarc_ui.addresses import neighbourhood

SESSION_SECONDS = 7 * 24 * 3600
MOST_SESSIONS = 1000
"""Of one key; with more, its own oldest ends."""
MAX_WRONG_KEYS = 20
WRONG_KEY_SECONDS = 60.0
"""So many of one address in so many seconds."""
MAX_LOGINS = 60
"""With one key from one address, in as many seconds."""
MOST_ADDRESSES = 10_000
LOCAL = "local"
NOBODY = "nobody"
LET_IN = "openarc_let_in"
"""In the state of a request: the guard let its sender in, so that protocol.py keeps the connection before others."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request.

    Attributes:
        name: the same for every request with the same key, and nothing can be learnt from it.
    """

    role: Role
    name: str


EVERYBODY = Visitor(Role.ADMINISTRATOR, LOCAL)
"""Who comes to a server without keys."""
STRANGER = Visitor(Role.USER, NOBODY)
"""Who shows no key where none is needed."""


class Keys:
    """The keys of one server and what was opened with them.

    Args:
        use: chat, generate and read; where there is no other key, everything.
        administration: everything. Alone, it is needed for everything.
    """

    def __init__(self, use: SecretStr | None, administration: SecretStr | None) -> None:
        self._salt = secrets.token_bytes(16)
        self.are_needed = use is not None or administration is not None
        self.are_two = use is not None and administration is not None
        # A key that is not set is one that nobody can know, so that both are compared whatever is set.
        self._use = self._digest(use.get_secret_value() if use is not None else secrets.token_urlsafe(32))
        self._administration = self._digest(
            administration.get_secret_value() if administration is not None else secrets.token_urlsafe(32)
        )
        self._sessions: dict[str, tuple[Visitor, float]] = {}

    def visitor(self, key: str) -> Visitor | None:
        """Who shows this key; None when it is neither. Takes as long for one as for the other."""
        shown = self._digest(key)
        is_use = hmac.compare_digest(shown, self._use)
        is_administration = hmac.compare_digest(shown, self._administration)
        if not is_use and not is_administration:
            return None
        may_administer = is_administration or not self.are_two
        return Visitor(Role.ADMINISTRATOR if may_administer else Role.USER, shown.hex()[:12])

    def open_session(self, visitor: Visitor) -> str:
        """A random word in place of the key, for a cookie; it holds for SESSION_SECONDS."""
        now = time.monotonic()
        self._sessions = {word: kept for word, kept in self._sessions.items() if kept[1] > now}
        of_this_key = [word for word, kept in self._sessions.items() if kept[0] == visitor]
        if len(of_this_key) >= MOST_SESSIONS:
            del self._sessions[of_this_key[0]]
        word = secrets.token_urlsafe(32)
        self._sessions[self._digest(word).hex()] = (visitor, now + SESSION_SECONDS)
        return word

    def in_session(self, word: str) -> Visitor | None:
        """Who opened the session."""
        visitor, until = self._sessions.get(self._digest(word).hex(), (None, 0.0))
        return visitor if until > time.monotonic() else None

    def close_session(self, word: str) -> None:
        """The word is worth nothing from now on."""
        self._sessions.pop(self._digest(word).hex(), None)

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), key=self._salt, digest_size=32).digest()


class Guesses:
    """Wrong keys, counted for each address: one that guesses stops itself, and nobody who comes from elsewhere.

    Who has very many addresses fills no memory: the one that guessed longest ago is forgotten.

    Args:
        most: how many within WRONG_KEY_SECONDS.
    """

    def __init__(self, most: int = MAX_WRONG_KEYS) -> None:
        self._most = most
        self._moments: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str) -> None:
        """One more came from there."""
        moments = self._moments.setdefault(neighbourhood(address), deque(maxlen=self._most))
        moments.append(time.monotonic())
        self._moments.move_to_end(neighbourhood(address))
        if len(self._moments) > MOST_ADDRESSES:
            self._moments.popitem(last=False)

    def seconds_to_wait(self, address: str) -> int:
        """Until a key from there is looked at again; 0: now."""
        moments = self._moments.get(neighbourhood(address))
        if moments is None or len(moments) < self._most:
            return 0
        return max(0, math.ceil(moments[0] + WRONG_KEY_SECONDS - time.monotonic()))
