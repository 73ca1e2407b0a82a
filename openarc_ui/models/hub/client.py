"""What the Hub has: models by words, a model's files with sizes and hashes, whether it is gated. Reads only; fetches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr


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
    """A repository at one commit."""

    repository: str
    revision: str
    commit: str
    is_gated: bool
    licence: str | None
    files: tuple[HubFile, ...]

    @property
    def wanted_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files if file.is_wanted)


class Hub:
    """The Hub at one address, with a token or without. Thread-safe.

    Args:
        endpoint: its address, or a mirror's.
        token: for gated models; never shown, logged or written down.
    """

    def __init__(self, endpoint: str, token: SecretStr | None = None) -> None:
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        raise NotImplementedError

    @property
    def has_token(self) -> bool:
        raise NotImplementedError

    def set_token(self, token: SecretStr | None) -> None:
        """Use another one from now on; it is kept in memory only."""
        raise NotImplementedError

    def is_reachable(self) -> bool:
        """Whether it answers, within two seconds; remembered for a few."""
        raise NotImplementedError

    def search(self, words: str, *, only_openvino: bool = True, limit: int = 20) -> Sequence[FoundModel]:
        """Models whose names fit, the most downloaded first.

        Raises:
            HubUnreachable: offline, or the Hub is down.
        """
        raise NotImplementedError

    def files(self, repository: str, revision: str = "main") -> RepositoryFiles:
        """What a repository holds.

        Raises:
            HubModelNotFound: no such repository or revision, or it is private.
            HubAccessDenied: it is gated, and the token is missing or not allowed; the hint says where to ask.
            HubUnreachable: offline, or the Hub is down.
        """
        raise NotImplementedError
