"""What the Hub has: models by words, a model's files with sizes and hashes, whether it is gated. Reads only; fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from openarc_ui.errors import HubModelNotFound
from openarc_ui.models.hub.connection import Connection
from openarc_ui.models.hub.paths import usable_paths
from openarc_ui.models.hub.reachable import Reachability
from openarc_ui.models.hub.wanted import chosen

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

MOST_FOUND = 100
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_EXPANDED = ("downloads", "likes", "lastModified", "gated", "tags")
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A repository as a search tells it; what the Hub does not say is None."""

    repository: str
    downloads: int | None
    likes: int | None
    updated_at: str | None
    is_gated: bool
    tags: tuple[str, ...]
    licence: str | None


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository.

    Attributes:
        sha256: of a large file, told by the Hub; None of a small one, which has `git_sha1` instead.
        is_wanted: it is needed to run or convert the model, so it is fetched unless files are named.
    """

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class RepositoryFiles:
    """A repository at one commit.

    Attributes:
        files: by path; also those that can't be kept here, which are never wanted.
    """

    repository: str
    revision: str
    commit: str
    is_gated: bool
    licence: str | None
    files: tuple[HubFile, ...]
    words: str = ""
    """What of several was chosen, or left out, in sentences; "" where all is plain."""

    @property
    def wanted_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files if file.is_wanted)


class Hub:
    """The Hub at one address, with a token or without. Thread-safe.

    Args:
        endpoint: its address, or a mirror's.
        token: for gated models; never shown, logged or written down.

    Raises:
        InvalidRequest: the token would travel unencrypted.
    """

    def __init__(self, endpoint: str, token: SecretStr | None = None) -> None:
        self._connect(endpoint.rstrip("/"), token)

    def _connect(self, endpoint: str, token: SecretStr | None) -> None:
        connection = Connection(endpoint, token)
        self._connection = connection
        self._reachability = Reachability(connection.silence, connection.too_slow)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return self._connection.endpoint

    @property
    def token(self) -> SecretStr | None:
        """What a download hands to its process."""
        return self._connection.token

    @property
    def has_token(self) -> bool:
        """Whether there is one; not whether it is good for anything."""
        return self._connection.token is not None

    def set_token(self, token: SecretStr | None) -> None:
        """Use another one from now on; it is kept in memory only.

        Raises:
            InvalidRequest: it would travel unencrypted, or is no token.
        """
        self._connect(self.endpoint, token)

    def is_reachable(self) -> bool:
        """Whether it answers, within two seconds; that it does is remembered for a few."""
        return self._reachability.problem() is None

    def check_reachable(self, *, is_patient: bool = False) -> None:
        """The same as an error.

        Args:
            is_patient: nobody sits before it and waits, so a slow Hub gets more than two seconds at once.

        Raises:
            HubUnreachable: offline, slow or down; within two seconds, or some more where it was too slow for that before.
        """
        problem = self._reachability.problem(is_patient=is_patient)
        if problem is not None:
            raise problem

    def search(self, words: str, *, only_openvino: bool = True, limit: int = 20) -> Sequence[FoundModel]:
        """Models whose names fit, the most downloaded first.

        Raises:
            HubUnreachable: offline, or the Hub is down.
        """
        parameters: dict[str, Any] = {
            "search": words.strip(),
            "sort": "downloads",
            "limit": max(1, min(limit, MOST_FOUND)),
            "expand": list(_EXPANDED),
        }
        if only_openvino:
            parameters["filter"] = "openvino"
        told = self._ask("/api/models", parameters)
        return self._parsed(lambda: [_found(each) for each in told])

    def files(self, repository: str, revision: str = "main") -> RepositoryFiles:
        """What a repository holds.

        Raises:
            HubModelNotFound: no such repository or revision, or it is private.
            HubAccessDenied: it is gated, and the token is missing or not allowed; the hint says where to ask.
            HubUnreachable: offline, or the Hub is down.
        """
        path = f"/api/models/{repository}"
        told = self._ask(f"{path}/revision/{quote(revision, safe='')}", {"blobs": "true"}, repository, revision)
        found = self._parsed(lambda: _files(told, repository, revision))
        if found.is_gated:
            self._check_access(path, repository)
        return found

    def _check_access(self, path: str, repository: str) -> None:
        """The list of a gated repository is open to everybody; its files are not, and this says so before any is asked for."""
        try:
            self._connection.check(f"{path}/auth-check", repository)
        except HubModelNotFound:
            # A mirror that lacks this question: the first file will tell.
            return

    def _ask(self, path: str, parameters: dict[str, Any], repository: str = "", revision: str = "") -> Any:
        self.check_reachable()
        return self._connection.get_json(path, parameters, repository, revision)

    def _parsed(self, parse: Callable[[], Parsed]) -> Parsed:
        try:
            return parse()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._connection.is_no_hub() from None


def _found(told: dict[str, Any]) -> FoundModel:
    information = _information(told)
    return FoundModel(
        repository=information.id,
        downloads=information.downloads,
        likes=information.likes,
        updated_at=information.last_modified.isoformat() if information.last_modified else None,
        is_gated=bool(information.gated),
        tags=tuple(information.tags or ()),
        licence=_licence(information),
    )


def _files(told: dict[str, Any], repository: str, revision: str) -> RepositoryFiles:
    information = _information(told)
    siblings = {each.rfilename: each for each in information.siblings or ()}
    usable = usable_paths(siblings)
    choice = chosen(usable)
    files = []
    for path, each in sorted(siblings.items()):
        sha256 = each.lfs.sha256 if each.lfs else None
        size = each.lfs.size if each.lfs else each.size
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"the size of {path!r} is not told")
        git_sha1 = None if each.lfs else each.blob_id
        files.append(HubFile(path, size, _checked(_SHA256, sha256), _checked(_SHA1, git_sha1), path in choice.paths))
    return RepositoryFiles(
        repository=repository,
        revision=revision,
        commit=_checked(_COMMIT, information.sha or "") or "",
        is_gated=bool(information.gated),
        licence=_licence(information),
        files=tuple(files),
        words=" ".join(filter(None, (choice.words, _left_out(len(siblings) - len(usable))))),
    )


def _left_out(count: int) -> str:
    if count == 0:
        return ""
    return f"{count} {'file' if count == 1 else 'files'} left out: no folder can keep names like theirs."


def _information(told: dict[str, Any]) -> ModelInfo:
    from huggingface_hub import ModelInfo

    return ModelInfo(**told)  # type: ignore[no-untyped-call]


def _licence(information: ModelInfo) -> str | None:
    told = next((tag for tag in information.tags or () if tag.startswith("license:")), None)
    return told.removeprefix("license:") if told else None


def _checked(pattern: re.Pattern[str], text: str | None) -> str | None:
    if text is not None and not pattern.fullmatch(text):
        raise ValueError("what should be a hash is none")
    return text
