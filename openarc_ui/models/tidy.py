"""The model folder kept in order: rename and delete. What it holds is in `sizes`, whether every file is as it was in `verifying`."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from openarc_ui.engine.catalogue.catalogue import ModelEntry, find_model
from openarc_ui.engine.compile_cache import CacheFolderUnusable
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.reservation import Reservation
from openarc_ui.errors import InvalidRequest, ModelExists, ModelFolderUnusable, ModelInUse
from openarc_ui.models.sizes import IN_USE, FolderSize, folder_sizes, loaded_paths, paths_of, unlinked_bytes
from openarc_ui.models.verifying import VerifiedFile, verify_model
from openarc_ui.models.work.lock import TaskLock
from openarc_ui.models.work.names import GGUF, check_name
from openarc_ui.models.work.problems import folder_problem
from openarc_ui.models.work.record import FOLDER, GONE_BESIDE, LOCK_FILE, UNFINISHED
from openarc_ui.whole_files import sync_folder

logger = logging.getLogger(__name__)

__all__ = [
    "FolderSize",
    "VerifiedFile",
    "delete_model",
    "folder_sizes",
    "rename_model",
    "renamed_words",
    "verify_model",
]

UNMOVABLE = (errno.EXDEV, errno.EBUSY)
"""What the system says of a folder that something is mounted on, and overlayfs of one that an image brought."""


def rename_model(engine: Engine, model: str, new_name: str, busy_names: Sequence[str] = ()) -> str:
    """Give a model another name; returns it. It stays in the folder it is in, and a GGUF keeps its ending.

    What was compiled of it is forgotten; a profile that names it is left as it is.

    Raises:
        ModelNotFound, ModelExists, ModelInUse, InvalidRequest, ModelFolderUnusable.
    """
    entry = find_model(engine.model_folder, model)
    last = _checked_name(entry, new_name)
    name = (Path(entry.name).parent / last).as_posix()
    path, target = Path(entry.path), Path(entry.path).with_name(last)
    if name == entry.name:
        return name
    _require_idle(engine, entry, busy_names)
    if name.casefold() in {each.casefold() for each in busy_names}:
        raise ModelExists(f"A task makes '{name}' already.", "Choose another name.")
    if os.path.lexists(target) and not _is_same(path, target):
        raise ModelExists(f"There is a '{name}' in the model folder already.", "Choose another name.")
    try:
        _move(engine, entry, target)
    except OSError as error:
        raise _unusable(error, entry.name) from error
    _forget_compiled(engine, entry.name)
    return name


def renamed_words(model: str, name: str, profiles: Sequence[str]) -> str:
    """What a rename did, for a person.

    Args:
        profiles: those that named the model before, and name nothing now.
    """
    said = f"'{model}' is called '{name}' now."
    if not profiles:
        return said
    named = ", ".join(f"'{each}'" for each in profiles)
    who = f"the profile{'s' if len(profiles) > 1 else ''} {named}"
    return f"{said} Its old name still stands in {who}: choose the model anew there, and save."


def delete_model(engine: Engine, model: str, confirm: str, busy_names: Sequence[str] = ()) -> int:
    """Delete a model's folder or GGUF; returns the bytes that this gave back.

    It is out of the catalogue in one step, before the first file goes. What a killed server leaves of it is hidden, and
    removed at the next start.

    Args:
        confirm: the model's whole name once more; anything else is refused.

    Raises:
        ModelNotFound, ModelInUse, InvalidRequest, ModelFolderUnusable.
    """
    entry = find_model(engine.model_folder, model)
    if confirm != entry.name:
        raise InvalidRequest(
            f"Nothing was deleted: the confirmation is not '{entry.name}'.",
            "Write the model's whole name, as it is listed.",
        )
    _require_idle(engine, entry, busy_names)
    _require_alone(engine, entry)
    _require_one_disk(entry)
    try:
        freed = _delete(engine, entry)
    except OSError as error:
        raise _unusable(error, entry.name) from error
    return freed + _forget_compiled(engine, entry.name)


def _delete(engine: Engine, entry: ModelEntry) -> int:
    """Hide it where the next start ends what is begun here: with the tasks, or beside it where that is another disk."""
    freed = unlinked_bytes(Path(entry.path))
    tasks = engine.model_folder.resolve() / FOLDER
    try:
        left = _delete_in(engine, entry, tasks / f"{UNFINISHED[1]}{secrets.token_hex(6)}")
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        left = _delete_in(engine, entry, Path(entry.path).with_name(f"{GONE_BESIDE}{secrets.token_hex(6)}"))
    finally:
        with contextlib.suppress(OSError):
            tasks.rmdir()  # only where there are no tasks either
    if left:
        raise ModelFolderUnusable(
            f"'{entry.name}' is no model any more, but some of its files can't be deleted.",
            "They take room in a hidden folder of the model folder: mend their permissions, and restart OpenArc.",
        )
    return freed


def _delete_in(engine: Engine, entry: ModelEntry, gone: Path) -> bool:
    """Move it into a hidden folder and delete that; whether something is left.

    Raises:
        ModelInUse, OSError: it is where it was.
    """
    gone.mkdir(parents=True)
    lock = TaskLock(gone / LOCK_FILE)
    try:
        hidden = gone / Path(entry.path).name
        _move(engine, entry, hidden)
        _remove(hidden)
        return os.path.lexists(hidden)
    finally:
        lock.close()
        shutil.rmtree(gone, ignore_errors=True)


def _move(engine: Engine, entry: ModelEntry, target: Path) -> None:
    """Give it another place in one step; back again, if a load began in that moment.

    Raises:
        ModelInUse, OSError.
    """
    path = Path(entry.path)
    path.rename(target)
    names = {entry.name, path.name, entry.path}
    holder = engine.reservation
    is_loaded = any(each.state in IN_USE and each.request.model_path in names for each in engine.status().models)
    is_measured = holder is not None and (holder.models is None or not names.isdisjoint(holder.models))
    if is_loaded or is_measured:
        target.rename(path)
        raise _is_measured(holder, entry.name) if holder is not None and is_measured else _in_use(entry.name)
    with contextlib.suppress(OSError):  # not every file system can; the names are right all the same
        sync_folder(path.parent)


def _remove(path: Path) -> None:
    """A link is removed itself; nothing behind one is touched. What can't be removed is looked for afterwards."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _forget_compiled(engine: Engine, name: str) -> int:
    """Compiled models are kept under a model's name, and no load would look for this one any more."""
    if engine.compile_cache is None:
        return 0
    try:
        return engine.compile_cache.clear(name).freed_bytes
    except CacheFolderUnusable as error:
        logger.warning("what was compiled of %s stays: %s", name, error.message)
        return 0


def _checked_name(entry: ModelEntry, new_name: str) -> str:
    """The last part of the new name.

    Raises:
        InvalidRequest.
    """
    name = new_name.strip()
    if entry.kind == "gguf" and not name.lower().endswith(GGUF):
        name += GGUF
    check_name(name, is_file=entry.kind == "gguf")
    return name


def _require_idle(engine: Engine, entry: ModelEntry, busy_names: Sequence[str]) -> None:
    """Nobody uses it, or anything in its folder.

    Raises:
        ModelInUse.
    """
    holder = engine.reservation
    if holder is not None and (holder.models is None or _touches(entry, paths_of(engine, holder.models))):
        raise _is_measured(holder, entry.name)
    if _touches(entry, loaded_paths(engine)):
        raise _in_use(entry.name)
    busy = {each.casefold() for each in _whole_names(engine, busy_names)}
    is_busy = any(each == entry.name.casefold() or each.startswith(f"{entry.name.casefold()}/") for each in busy)
    if is_busy or _touches(entry, paths_of(engine, busy_names)):
        raise ModelInUse(
            f"'{entry.name}' is needed as it is just now: a task makes or converts it, or it is looked into or verified.",
            "Wait until that ends, or end it: Tasks and My models in the Models tab show what goes on.",
        )


def _touches(entry: ModelEntry, paths: Collection[str]) -> bool:
    """One of the models is this one, or in its folder."""
    return any(path == entry.path or path.startswith(f"{entry.path}{os.sep}") for path in paths)


def _whole_names(engine: Engine, names: Sequence[str]) -> set[str]:
    """A task may name its source by the last part."""
    known = [each.name for each in engine.catalog()]
    return set(names) | {each for each in known if Path(each).name in names}


def _require_alone(engine: Engine, entry: ModelEntry) -> None:
    """No other model lies in its folder; a person who deletes one would not think of it.

    Raises:
        InvalidRequest.
    """
    others = [each.name for each in engine.catalog() if each.name.startswith(f"{entry.name}/")]
    if others:
        raise InvalidRequest(
            f"The folder of '{entry.name}' holds another model: '{others[0]}'.", "Delete or move that one first."
        )


def _require_one_disk(entry: ModelEntry) -> None:
    """No other disk is mounted in its folder: hiding the folder would hide a mount, and deleting it empty a disk.

    Raises:
        InvalidRequest.
    """
    path = Path(entry.path)
    if path.is_symlink():
        return
    disk = disk_of(path)
    below = (Path(parent) / name for parent, names, _ in os.walk(path) for name in names)
    mounted = next((each for each in below if not each.is_symlink() and disk_of(each) != disk), None)
    if mounted is not None:
        raise InvalidRequest(
            f"'{mounted.relative_to(path).as_posix()}' in the folder of '{entry.name}' is another disk.",
            "Unmount it first; what lies there would be deleted too.",
        )


def disk_of(path: Path) -> int:
    """The number of the file system that something lies on."""
    return path.lstat().st_dev


def _is_measured(holder: Reservation, name: str) -> ModelInUse:
    return ModelInUse(
        f"{holder.words}, and may need '{name}' as it is.", "Wait until it ends, or pause it in the Tune tab."
    )


def _in_use(name: str) -> ModelInUse:
    return ModelInUse(f"'{name}' is loaded, or being loaded.", "Unload it first.")


def _unusable(error: OSError, name: str) -> ModelFolderUnusable:
    if error.errno in UNMOVABLE:
        return ModelFolderUnusable(
            f"'{name}' stays as it is: it is a disk of its own, mounted in the model folder, or part of a container's image.",
            "Unmount the disk, or change the folder where it comes from.",
        )
    told = folder_problem(error)
    return ModelFolderUnusable(
        f"'{name}' stays as it is. {told.message}", told.hint.replace(", then resume the task", "")
    )


def _is_same(path: Path, target: Path) -> bool:
    """Both names mean one file, as where "A" and "a" are the same."""
    return path.name.casefold() == target.name.casefold() and path.samefile(target)
