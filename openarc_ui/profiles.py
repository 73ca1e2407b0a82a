"""Profiles: a load with a name (model, backend, device, ov_config, scheduler, sampling defaults), one JSON file each.

The store reads and writes the files of one folder. It loads nothing, and knows no page and no web server.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from openarc_ui.engine.catalogue.catalogue import Catalogue, ModelEntry, find_model
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import (
    InvalidRequest,
    ModelNotFound,
    OpenArcError,
    ProfileExists,
    ProfileFolderUnusable,
    ProfileNotFound,
    nearest,
)
from openarc_ui.whole_files import write_whole

logger = logging.getLogger(__name__)

VERSION = 1
LAST_GOOD = "last good"
SUFFIX = ".json"
MAX_FILE_BYTES = 256 * 2**10
NAME_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9 ._()+-]{0,62}[A-Za-z0-9_()+-])?$"
NAME_RULE = (
    "use up to 64 letters, digits, spaces and ._()+-, with a letter or digit first, no device of Windows, and not None"
)
NO_NAME = "none"
"""A list of profiles says it where none is chosen."""
DEVICE_NAMES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""What Windows takes for a device whatever stands behind the point (Microsoft: Naming Files, Paths, and Namespaces)."""
ALWAYS_WRITTEN = ("model_path", "backend", "device", "ov_config")


class Profile(Frozen):
    """A load with a name. `load.allow_overcommit` is refused: it is agreed to once, for one load."""

    version: Literal[1] = Field(1, description="Of the format.")
    name: str = Field(
        description="Letters, digits, spaces and ._()+-; also the name of its file.",
        json_schema_extra={"pattern": NAME_PATTERN, "maxLength": 64},
    )
    description: str = Field("", max_length=2000, description="What it is for.")
    load: LoadRequest = Field(description="What is loaded, with what, on which device.")

    @field_validator("version", mode="before")
    @classmethod
    def _is_a_whole_number(cls, version: Any) -> Any:
        # To a literal, true and 1.0 are 1.
        if type(version) is not int:
            raise ValueError("the version is a whole number")
        return version

    @field_validator("name")
    @classmethod
    def _can_name_a_file(cls, name: str) -> str:
        if not is_name(name):
            raise ValueError(f"no profile can have this name; {NAME_RULE}")
        return name

    @field_validator("load")
    @classmethod
    def _can_be_kept(cls, load: LoadRequest) -> LoadRequest:
        if load.allow_overcommit:
            raise ValueError("allow_overcommit is agreed to for one load, so no profile keeps it: leave it out")
        return load

    def as_json(self) -> str:
        """Readable JSON: model, backend, device and ov_config, and of the rest what is not the default."""
        load = self.load.model_dump(mode="json", include=set(ALWAYS_WRITTEN))
        load |= self.load.model_dump(mode="json", exclude_defaults=True, exclude=set(ALWAYS_WRITTEN))
        body = {"version": self.version, "name": self.name, "description": self.description, "load": load}
        return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """One file of the folder.

    Attributes:
        profile: None where the file is broken.
        problem: what is wrong with the file; empty where it is not.
        saved_at: when it was written, seconds since the epoch.
        is_last_good: OpenArc's own, of the last load that succeeded.
    """

    name: str
    profile: Profile | None
    problem: str
    saved_at: float
    is_last_good: bool


class ProfileStore:
    """The profiles in a folder; it is made at the first write. Thread-safe.

    Names that differ in case only are the same name, because some file systems say so.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def check(self) -> None:
        """Make the folder, and see that it can be read and written.

        Raises:
            ProfileFolderUnusable: with the reason.
        """
        with _as_folder_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "it can't be read or written")

    def list(self) -> tuple[ProfileEntry, ...]:
        """Every profile: "last good" first, then by name. A broken file is listed with what is wrong.

        Raises:
            ProfileFolderUnusable: the folder is there and can't be read.
        """
        entries = (_entry_of(file) for file in _files(self.folder))
        return tuple(sorted(entries, key=lambda entry: (not entry.is_last_good, entry.name.casefold(), entry.name)))

    def naming(self, catalogue: Catalogue, model: str) -> tuple[str, ...]:
        """Names of the profiles that load a model, by whatever of its names; none where the folder can't be read.

        Without "last good", which the next load writes anew.
        """
        try:
            entry = find_model(catalogue.model_folder, model)
            profiles = [each.profile for each in self.list() if each.profile is not None and not each.is_last_good]
        except OpenArcError as error:
            logger.warning("which profiles name %s can't be told: %s", model, error.message)
            return ()
        paths = {profile.load.model_path for profile in profiles}
        same = {path for path in paths if _means(catalogue.model_folder, path, entry)}
        return tuple(profile.name for profile in profiles if profile.load.model_path in same)

    def get(self, name: str) -> Profile:
        """One profile.

        Raises:
            ProfileNotFound: there is none of that name; with the nearest names.
            InvalidRequest: no profile can have that name, or its file is broken.
        """
        file = _file(self.folder, name)
        try:
            return _read(file)
        except InvalidRequest as error:
            raise InvalidRequest(f"The profile '{file.stem}' is broken: {error.message}", _mend(error)) from None

    def save(self, profile: Profile, replace: bool = False) -> Profile:
        """Write it, whole or not at all.

        Raises:
            ProfileExists: there is one of that name, and `replace` is false.
            InvalidRequest: the name is kept for the last load that succeeded.
            ProfileFolderUnusable: it can't be written.
        """
        _refuse_last_good(profile.name, "written")
        self._write(profile, replace)
        return profile

    def delete(self, name: str) -> None:
        """Remove one; a broken one too.

        Raises:
            ProfileNotFound, ProfileFolderUnusable.
            InvalidRequest: no profile can have that name, or it is kept for the last load that succeeded.
        """
        _refuse_last_good(name, "deleted")
        with self._lock, _as_folder_error(self.folder):
            _file(self.folder, name).unlink()

    def export(self, name: str) -> str:
        """One as the text of its file.

        Raises:
            ProfileNotFound, InvalidRequest: as `get` does.
        """
        return self.get(name).as_json()

    def import_text(self, text: str, replace: bool = False, name: str | None = None) -> Profile:
        """Save what `export` gave, here or elsewhere; under another name if one is given.

        Raises:
            ProfileExists, ProfileFolderUnusable: as `save` does.
            InvalidRequest: not a profile, of another version, or with an unknown field (with the nearest right name).
        """
        profile = parse_profile(text)
        if name is not None:
            _check_name(name)
            profile = profile.model_copy(update={"name": name})
        return self.save(profile, replace)

    def keep_last_good(self, load: LoadRequest) -> None:
        """Write the profile "last good". It never raises: what can't be kept is logged, the load has succeeded."""
        try:
            kept = load.model_copy(update={"allow_overcommit": False})
            profile = Profile(name=LAST_GOOD, description="The last load that succeeded; OpenArc keeps it.", load=kept)
            self._write(profile, replace=True)
        except (OpenArcError, ValidationError) as error:
            logger.warning("the last good load could not be kept as a profile: %s", error)

    def _write(self, profile: Profile, replace: bool) -> None:
        text = profile.as_json()
        if len(text.encode()) > MAX_FILE_BYTES:
            raise InvalidRequest(f"The profile is larger than {MAX_FILE_BYTES} bytes.", "Shorten it.")
        with self._lock, _as_folder_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            taken = [file for file in _files(self.folder) if file.stem.casefold() == profile.name.casefold()]
            if taken and not replace:
                raise ProfileExists(
                    f"There is a profile '{taken[0].stem}' already.", "Choose another name, or say that it is replaced."
                )
            file = self.folder / f"{profile.name}{SUFFIX}"
            write_whole(file, text.encode())
            for other in taken:
                if other.name != file.name and other.exists() and not other.samefile(file):
                    other.unlink()


def parse_profile(text: str) -> Profile:
    """A profile from JSON.

    Raises:
        InvalidRequest: not JSON, another version, an unknown field (with the nearest right name), a wrong value, or a
            name that stands twice.
    """
    try:
        profile = Profile.model_validate_json(text)
        json.loads(text, object_pairs_hook=_each_name_once)
        return profile
    except ValidationError as error:
        problems: list[Any] = list(error.errors(include_url=False))
    version = next((problem for problem in problems if problem["loc"] == ("version",)), None)
    if version is not None:
        raise InvalidRequest(
            f"It is a profile of version {repr(version['input'])[:40]}; this OpenArc reads version {VERSION}.",
            "Use the OpenArc that wrote it, or write the profile again here.",
        )
    hint = "Compare it with a profile that OpenArc exported."
    raise explain(problems, fields_by_path(Profile), what="The profile", hint=hint)


def is_name(name: str) -> bool:
    """A profile can have this name: it is a file's on every system, and stays in its folder."""
    is_taken = DEVICE_NAMES.fullmatch(name) is not None or name.casefold() == NO_NAME
    return re.fullmatch(NAME_PATTERN, name) is not None and not is_taken


def is_last_good(name: str) -> bool:
    """The name is that of the last load that succeeded, which only OpenArc writes."""
    return name.casefold() == LAST_GOOD


def _means(model_folder: Path, model_path: str, entry: ModelEntry) -> bool:
    """A load of this path would load this model."""
    try:
        return find_model(model_folder, model_path).path == entry.path
    except ModelNotFound:
        return False


def _files(folder: Path) -> list[Path]:
    """The files that may be profiles. A pipe or a folder is none: reading it would wait, or fail."""
    with _as_folder_error(folder):
        if not folder.exists():
            return []
        return [each for each in folder.iterdir() if each.suffix == SUFFIX and each.name[0] != "." and each.is_file()]


def _file(folder: Path, name: str) -> Path:
    """The file of a name, in the case it was written.

    Only names of the folder's own listing lead to a file, so no name leads out of the folder.
    """
    _check_name(name)
    files = _files(folder)
    same = [file for file in files if file.stem.casefold() == name.casefold()]
    if not same:
        hint = nearest(name, [_shown(file) for file in files]) or "There is no profile yet: save one first."
        raise ProfileNotFound(f"There is no profile '{name}'.", hint)
    return next((file for file in same if file.stem == name), same[0])


def _shown(file: Path) -> str:
    """The name of a file; bytes that are no text show as ?, since no answer could carry them."""
    return file.stem.encode("utf-8", "replace").decode()


def _read(file: Path) -> Profile:
    """A file as a profile. Its name is the file's: a copy made by hand is a profile of its own.

    Raises:
        InvalidRequest: what is wrong, without the name of the file.
    """
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise InvalidRequest(f"The file is larger than {MAX_FILE_BYTES} bytes.", "It is not a profile.")
        profile = parse_profile(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest("The file is not text in UTF-8.", "Save it as UTF-8.") from None
    except OSError as error:
        raise InvalidRequest(f"The file can't be read: {error.strerror}.", "Check its permissions.") from None
    if profile.name != file.stem:
        _check_name(file.stem)
        profile = profile.model_copy(update={"name": file.stem})
    return profile


def _entry_of(file: Path) -> ProfileEntry:
    profile, problem, saved_at = None, "", 0.0
    try:
        profile = _read(file)
        saved_at = file.stat().st_mtime
    except InvalidRequest as error:
        problem = f"{error.message} {error.hint}".strip()
    except OSError as error:
        problem = f"The file can't be read: {error.strerror}."
    return ProfileEntry(_shown(file), profile, problem, saved_at, is_last_good(file.stem))


def _check_name(name: str) -> None:
    """Raises InvalidRequest when no profile can have that name."""
    if not is_name(name):
        raise InvalidRequest(f"No profile can have the name {name[:80]!r}.", f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}.")


def _refuse_last_good(name: str, done: str) -> None:
    if is_last_good(name):
        raise InvalidRequest(
            f"'{LAST_GOOD}' is what OpenArc keeps of the last load that succeeded; it can't be {done}.",
            "Choose another name.",
        )


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a name that stands twice a reader would take one and not say which."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InvalidRequest(f"'{twice[:80]}' stands twice in one object.", "Keep one of the two.")
    return found


def _mend(error: InvalidRequest) -> str:
    return f"{error.hint} Mend the file, or delete the profile.".strip()


@contextlib.contextmanager
def _as_folder_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProfileFolderUnusable(
            f"The folder of the profiles can't be used: {error.strerror or error}.",
            "Check that --profile-folder names a folder that can be written.",
        ) from error
