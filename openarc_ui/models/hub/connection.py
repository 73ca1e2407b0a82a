"""One place that asks the Hub over HTTP and puts whatever goes wrong into OpenArc's words.

It has a client of its own: huggingface_hub's belongs to all libraries of the process, which stay offline (see privacy.py).
No token is ever in a sentence.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from openarc_ui import __version__
from openarc_ui.errors import HubAccessDenied, HubModelNotFound, HubUnreachable, InvalidRequest, OpenArcError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
WAIT_HEADER, CODE_HEADER, WORDS_HEADER = "Retry-After", "X-Error-Code", "X-Error-Message"
MOST_REDIRECTS = 10
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Connection:
    """An HTTP client for one Hub. Thread-safe; connects when first used."""

    def __init__(self, endpoint: str, token: SecretStr | None = None, answer_seconds: float = ANSWER_SECONDS) -> None:
        check_token_can_be_sent(endpoint, token)
        self.endpoint, self.token = endpoint, token
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    @property
    def client(self) -> httpx.Client:
        """Follows redirects; a token does not follow to another host (httpx sees to that).

        Raises:
            HubUnreachable: the environment's proxy or certificates can't be used.
        """
        with self._lock:
            if self._client is None:
                self._client = self._made()
            return self._client

    def _made(self) -> httpx.Client:
        timeout = httpx.Timeout(self._answer_seconds, connect=CONNECT_SECONDS)
        try:
            return httpx.Client(follow_redirects=True, max_redirects=MOST_REDIRECTS, timeout=timeout)
        except (OSError, ValueError, ImportError, httpx.InvalidURL):  # a file that is not there, no address, SOCKS
            raise HubUnreachable(
                f"The Hub at {host_of(self.endpoint)} can't be asked: the proxy or certificates of this system can't be used.",
                "Look at HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE; a proxy's address begins with http.",
            ) from None

    @property
    def headers(self) -> dict[str, str]:
        """Who asks, and the token if there is one."""
        told = {"User-Agent": f"openarc/{__version__}"}
        if self.token is not None:
            told["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return told

    def get_json(self, path: str, parameters: Mapping[str, Any], repository: str = "", revision: str = "") -> Any:
        """What the API answers.

        Raises:
            HubUnreachable, HubModelNotFound, HubAccessDenied.
        """
        try:
            return self._get(path, parameters, repository, revision).json()
        except ValueError:
            raise self.is_no_hub() from None

    def check(self, path: str, repository: str) -> None:
        """Ask something whose answer is only whether it is allowed.

        Raises:
            HubUnreachable, HubModelNotFound, HubAccessDenied.
        """
        self._get(path, {}, repository, "")

    def _get(self, path: str, parameters: Mapping[str, Any], repository: str, revision: str) -> httpx.Response:
        try:
            answer = self.client.get(f"{self.endpoint}{path}", params=dict(parameters), headers=self.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.unreachable(error) from None
        problem = self.problem_of(answer, repository, revision)
        if problem is not None:
            raise problem
        return answer

    def silence(self) -> HubUnreachable | None:
        """What keeps the Hub from answering at all; an answer that refuses something is one."""
        try:
            answer = self.client.get(f"{self.endpoint}/api/models", params={"limit": "1"}, headers=self.headers)
        except HubUnreachable as error:
            return error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self.unreachable(error)
        problem = self.problem_of(answer, "")
        return problem if isinstance(problem, HubUnreachable) and answer.status_code != 429 else None

    def unreachable(self, error: Exception) -> HubUnreachable:
        """A connection that failed, in words."""
        why = "it did not answer in time" if isinstance(error, httpx.TimeoutException) else _cause(error)
        return HubUnreachable(f"The Hub at {host_of(self.endpoint)} can't be reached: {why}.", OFFLINE_HINT)

    def too_slow(self, seconds: float, may_be_longer: bool) -> HubUnreachable:
        """No answer within so many seconds, which may come all the same; whether the next try waits longer."""
        words = f"The Hub at {host_of(self.endpoint)} has not answered within {seconds:.0f} s"
        if may_be_longer:
            return HubUnreachable(f"{words}: it is slow, or this machine is offline.", SLOW_HINT)
        return HubUnreachable(f"{words}.", OFFLINE_HINT)

    def is_no_hub(self) -> HubUnreachable:
        """An answer that no Hub gives: a portal of a network, a wrong address."""
        return HubUnreachable(
            f"What answers at {host_of(self.endpoint)} is no Hub.",
            "Look at --hub-endpoint, and whether this network wants you to sign in first.",
        )

    def problem_of(self, answer: httpx.Response, repository: str, revision: str = "") -> OpenArcError | None:
        """What an answer's status says is wrong; None: nothing."""
        status, code = answer.status_code, answer.headers.get(CODE_HEADER, "")
        if status < 400:
            return None
        if code == "GatedRepo" or status == 403:
            return self._denied(repository, is_gated=code == "GatedRepo")
        if code == "RevisionNotFound":
            return HubModelNotFound(f"{repository} has no revision '{revision}'.", "'main' is what most have.")
        if code == "EntryNotFound":
            return HubModelNotFound(f"{repository} has no such file any more.", "Start the download anew.")
        if status == 401 and answer.headers.get(WORDS_HEADER, "").startswith("Invalid credentials"):
            return HubAccessDenied("The Hub does not know the token.", "It may have expired: give another, or none.")
        if status in (401, 404):
            return self._not_found(repository)
        words = "asks to wait: it was asked too often" if status == 429 else f"has trouble: it answered {status}"
        return HubUnreachable(f"The Hub at {host_of(self.endpoint)} {words}.", "Try again in a few minutes.")

    def _denied(self, repository: str, is_gated: bool) -> HubAccessDenied:
        page = f"{self.endpoint}/{repository}"
        if not is_gated:
            return HubAccessDenied(f"The Hub does not let you read {repository}.", f"See {page}.")
        if self.token is None:
            hint = f"Ask for access at {page}, then give a token of your account that may read it."
            return HubAccessDenied(f"{repository} is gated: its owner wants to know who reads it.", hint)
        return HubAccessDenied(
            f"{repository} is gated, and the token is not allowed to read it.",
            f"Ask for access at {page}, and see that the token may read gated repositories.",
        )

    def _not_found(self, repository: str) -> HubModelNotFound:
        hint = "See that its name is right."
        if self.token is None:
            hint = "See that its name is right; a private one needs a token."
        return HubModelNotFound(
            f"The Hub has no model {repository}, or it is private." if repository else "Not there.", hint
        )


SLOW_HINT = "Try again: it is waited for longer then. What was downloaded already stays usable."
OFFLINE_HINT = "See whether this machine is online; what was downloaded already stays usable."


def host_of(endpoint: str) -> str:
    """Host and port alone."""
    return urlsplit(endpoint).netloc


def check_token_can_be_sent(endpoint: str, token: SecretStr | None) -> None:
    """Nobody on the way may read a token.

    Raises:
        InvalidRequest: the address is not encrypted and not this machine's, or the token can't be one.
    """
    if token is None:
        return
    parts = urlsplit(endpoint)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise InvalidRequest(
            f"A token is not sent to {parts.netloc}: everybody on the way could read it.",
            "Give the Hub an address that begins with https, or use no token.",
        )
    if re.fullmatch(r"[!-~]+", token.get_secret_value()) is None:
        raise InvalidRequest("A token is one word of letters, digits and punctuation.", "Copy it once more.")


def _cause(error: Exception) -> str:
    words = str(error).lower()
    if "name or service" in words or "name resolution" in words or "getaddrinfo" in words or "nodename" in words:
        return "its name is not known here, so this machine seems to be offline"
    if "refused" in words:
        return "nothing answers there"
    if "certificate" in words:
        return "its certificate is not trusted here"
    if isinstance(error, httpx.ProxyError):
        return "the proxy refuses"
    return "the connection failed"
