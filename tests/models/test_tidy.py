"""The model folder kept in order: what takes how much, other names, deleting, and files held against what was noted."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, ModelExists, ModelFolderUnusable, ModelInUse, ModelNotFound
from openarc_ui.models import tidy
from openarc_ui.models.tidy import delete_model, folder_sizes, rename_model, verify_model
from openarc_ui.models.work.lock import TaskLock
from openarc_ui.models.work.record import TaskFolders
from tests.conftest import write_script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The model folder, with two models: one right in it, one in a folder."""
    write_script(tmp_path / "models" / "one")
    write_script(tmp_path / "models" / "org" / "two")
    return tmp_path / "models"


@pytest.fixture
def engine(folder: Path, make_engine: Callable[..., Engine]) -> Engine:
    return make_engine()


def names(engine: Engine) -> list[str]:
    return [entry.name for entry in engine.catalog()]


def visible(folder: Path) -> list[str]:
    """Everything there, hidden folders included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def note(folder: Path, **changes: Any) -> None:
    """What a download leaves beside its files."""
    files = {
        path.relative_to(folder).as_posix(): {
            "size_bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in folder.rglob("*")
        if path.is_file()
    }
    told = {"source": {"kind": "hub", "repository": "some/model"}, "files": {**files, **changes}}
    (folder / "openarc_files.json").write_text(json.dumps(told))


# --- sizes


def test_sizes_tell_each_model_and_whatever_else_takes_room(folder: Path, engine: Engine) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "big.txt").write_bytes(b"x" * 100_000)
    (folder / "org" / "readme.txt").write_bytes(b"x" * 10)
    (folder / ".tasks" / "20261126-120000-abcdef" / "work").mkdir(parents=True)
    (folder / ".tasks" / "20261126-120000-abcdef" / "work" / "part").write_bytes(b"x" * 50_000)
    (folder / ".preparing-int4-1-2").mkdir()
    (folder / "left.part").write_bytes(b"x" * 20)
    found = {each.name: each for each in folder_sizes(engine)}
    assert list(found)[:2] == ["notes", ".tasks"]
    assert set(found) == {"one", "org/two", "org", "notes", ".tasks", ".preparing-int4-1-2", "left.part"}
    assert [each.name for each in found.values() if each.is_model] == ["one", "org/two"]
    assert found["one"].size_bytes == (folder / "one" / "script.json").stat().st_size
    assert (found["notes"].size_bytes, found["notes"].files) == (100_000, 1)
    assert (found["org"].size_bytes, found["org"].what) == (10, "Beside models")
    assert "downloads" in found[".tasks"].what and found["left.part"].what == "Unfinished"


def test_a_folder_that_holds_models_alone_has_no_line_of_its_own(engine: Engine) -> None:
    assert [each.name for each in folder_sizes(engine)] == ["one", "org/two"]


def test_a_gguf_beside_an_ir_is_counted_once(folder: Path, engine: Engine) -> None:
    (folder / "one" / "model.gguf").write_bytes(b"GGUF" + b"\0" * 996)
    found = {each.name: each.size_bytes for each in folder_sizes(engine)}
    assert found["one/model.gguf"] == 1000
    assert found["one"] == (folder / "one" / "script.json").stat().st_size


def test_links_take_no_room_and_are_not_followed(folder: Path, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "big").write_bytes(b"x" * 100_000)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    found = {each.name: each for each in folder_sizes(engine)}
    assert (found["link"].size_bytes, found["link"].what) == (0, "A link")
    assert found["loop"].size_bytes == 0


def test_what_is_loaded_and_what_a_task_works_on_is_said(folder: Path, engine: Engine) -> None:
    engine.load(LoadRequest(model_path="two"))
    found = {each.name: each for each in folder_sizes(engine, ["one"])}
    assert (found["one"].is_loaded, found["org/two"].is_loaded) == (False, True)
    assert found["one"].what.endswith("a task works on it")


def test_a_missing_model_folder_holds_nothing(make_engine: Callable[..., Engine]) -> None:
    assert folder_sizes(make_engine()) == []


# --- rename


def test_a_renamed_model_is_found_under_its_new_name_only(folder: Path, engine: Engine) -> None:
    assert rename_model(engine, "one", "uno") == "uno"
    assert names(engine) == ["org/two", "uno"]
    engine.load(LoadRequest(model_path="uno"))


def test_a_model_in_a_folder_stays_in_it(engine: Engine) -> None:
    assert rename_model(engine, "two", "due") == "org/due"
    assert names(engine) == ["one", "org/due"]


def test_a_gguf_keeps_its_ending(folder: Path, engine: Engine) -> None:
    (folder / "old.gguf").write_bytes(b"GGUF")
    assert rename_model(engine, "old.gguf", "new") == "new.gguf"
    assert rename_model(engine, "new.gguf", "newer.gguf") == "newer.gguf"
    assert (folder / "newer.gguf").read_bytes() == b"GGUF"


def test_its_own_name_changes_nothing(engine: Engine) -> None:
    assert rename_model(engine, "one", "one") == "one"


@pytest.mark.parametrize(
    "name",
    ["", "..", "../out", "a/b", "a\\b", ".hidden", "-dash", "a b", "ünder", "con", "nul.x", "a.", "x" * 97, "a\0b", "new.tmp",
     "half.part", "folder.gguf"],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(name: str, engine: Engine) -> None:
    with pytest.raises(InvalidRequest):
        rename_model(engine, "one", name)
    assert names(engine) == ["one", "org/two"]


@pytest.mark.parametrize("taken", ["folder", "file", "broken link"])
def test_a_name_that_is_taken_is_refused(taken: str, folder: Path, engine: Engine) -> None:
    if taken == "folder":
        (folder / "uno").mkdir()
    elif taken == "file":
        (folder / "uno").write_text("mine")
    else:
        (folder / "uno").symlink_to(folder / "nowhere")
    with pytest.raises(ModelExists):
        rename_model(engine, "one", "uno")
    assert "one" in names(engine)


def test_a_name_that_a_task_makes_is_refused(engine: Engine) -> None:
    with pytest.raises(ModelExists):
        rename_model(engine, "one", "UNO", ["uno"])


def test_capitals_can_be_changed(engine: Engine) -> None:
    assert rename_model(engine, "one", "One") == "One"


def test_only_models_can_be_renamed(folder: Path, engine: Engine) -> None:
    (folder / "notes").mkdir()
    (folder.parent / "outside").mkdir()
    for model in ("notes", "org", ".", "../outside", "/etc", "missing"):
        with pytest.raises(ModelNotFound):
            rename_model(engine, model, "mine")


def test_a_link_is_renamed_and_what_it_means_stays(folder: Path, engine: Engine) -> None:
    (folder / "alias").symlink_to(folder / "one")
    assert rename_model(engine, "alias", "other") == "other"
    assert (folder / "other").is_symlink() and (folder / "one" / "script.json").is_file()


def test_a_name_the_disk_refuses_is_told(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ModelFolderUnusable, match="'one' stays as it is"):
        rename_model(engine, "one", "uno")


# --- in use


@pytest.mark.parametrize("act", ["rename", "delete"])
@pytest.mark.parametrize("asked", ["two", "org/two"])
def test_a_loaded_model_stays(act: str, asked: str, engine: Engine) -> None:
    engine.load(LoadRequest(model_path=asked, name="served"))
    with pytest.raises(ModelInUse, match="loaded"):
        rename_model(engine, "two", "due") if act == "rename" else delete_model(engine, "two", "org/two")
    engine.unload("served")
    assert rename_model(engine, "two", "due") == "org/due"


@pytest.mark.parametrize("busy", ["org/two", "two", "ORG/TWO", "./org/two"])
def test_a_model_that_a_task_works_on_stays(busy: str, engine: Engine) -> None:
    with pytest.raises(ModelInUse, match="task"):
        delete_model(engine, "two", "org/two", [busy])
    with pytest.raises(ModelInUse, match="task"):
        rename_model(engine, "two", "due", [busy])
    assert rename_model(engine, "one", "uno", [busy]) == "uno"


def test_nothing_moves_while_a_tuning_run_has_the_machine(engine: Engine) -> None:
    holder = engine.reserve("The sweep 'threads' measures", "tuning")
    with pytest.raises(ModelInUse, match="The sweep 'threads' measures"):
        delete_model(engine, "one", "one")
    engine.release(holder)
    delete_model(engine, "one", "one")


def test_a_tuning_run_keeps_the_models_it_may_need_and_no_others(engine: Engine, folder: Path) -> None:
    write_script(folder / "org" / "three")
    holder = engine.reserve(
        "The sweep 'threads' measures", "tuning", frozenset(("two", str(folder / "one"), "missing"))
    )
    for model in ("one", "org/two"):
        with pytest.raises(ModelInUse, match="The sweep 'threads' measures") as caught:
            delete_model(engine, model, model)
        assert "pause it in the Tune tab" in caught.value.hint
        with pytest.raises(ModelInUse):
            rename_model(engine, model, "new")
    assert rename_model(engine, "three", "tre") == "org/tre"
    delete_model(engine, "tre", "org/tre")
    engine.release(holder)
    delete_model(engine, "one", "one")


@pytest.mark.parametrize("act", ["rename", "delete"])
def test_a_tuning_run_that_begins_in_that_moment_keeps_its_model(
    act: str, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def reserve_first(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        engine.reserve("The bench 'b' measures", "tuning", frozenset(("one",)))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", reserve_first)
    with pytest.raises(ModelInUse, match="The bench 'b' measures"):
        rename_model(engine, "one", "uno") if act == "rename" else delete_model(engine, "one", "one")
    assert names(engine) == ["one", "org/two"]


@pytest.mark.parametrize("act", ["rename", "delete"])
def test_a_load_that_begins_in_that_moment_keeps_its_model(
    act: str, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look whether it is loaded and the step that moves it."""
    rename = Path.rename

    def load_first(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        engine.load(LoadRequest(model_path="one"))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", load_first)
    with pytest.raises(ModelInUse):
        rename_model(engine, "one", "uno") if act == "rename" else delete_model(engine, "one", "one")
    assert names(engine) == ["one", "org/two"]
    assert visible(folder) == ["one/script.json", "org/two/script.json"]


# --- delete


def test_a_deleted_model_is_gone_and_gives_back_its_bytes(folder: Path, engine: Engine) -> None:
    (folder / "one" / "deep").mkdir()
    (folder / "one" / "deep" / "more.bin").write_bytes(b"x" * 10_000)
    size = (folder / "one" / "script.json").stat().st_size
    assert delete_model(engine, "one", "one") == size + 10_000
    assert names(engine) == ["org/two"]
    assert [path.name for path in folder.iterdir()] == ["org"]


@pytest.mark.parametrize("confirm", ["", "two", "org/Two", "org/two ", "one", "yes"])
def test_another_confirmation_deletes_nothing(confirm: str, engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="org/two"):
        delete_model(engine, "two", confirm)
    assert names(engine) == ["one", "org/two"]


def test_only_models_can_be_deleted(folder: Path, engine: Engine) -> None:
    (folder / "notes").mkdir()
    (folder.parent / "outside").mkdir()
    for model in ("notes", "org", "", ".", "..", "../outside", "missing"):
        with pytest.raises(ModelNotFound):
            delete_model(engine, model, model)
    assert (folder / "notes").is_dir() and (folder.parent / "outside").is_dir()


def test_a_gguf_alone_is_deleted(folder: Path, engine: Engine) -> None:
    (folder / "org" / "a.gguf").write_bytes(b"GGUF")
    assert delete_model(engine, "a.gguf", "org/a.gguf") == 4
    assert names(engine) == ["one", "org/two"]


def test_a_folder_with_another_model_in_it_is_left_alone(folder: Path, engine: Engine) -> None:
    (folder / "one" / "inner.gguf").write_bytes(b"GGUF")
    with pytest.raises(InvalidRequest, match=r"one/inner\.gguf"):
        delete_model(engine, "one", "one")
    delete_model(engine, "one/inner.gguf", "one/inner.gguf")
    delete_model(engine, "one", "one")


def test_a_link_is_deleted_and_what_it_means_stays(folder: Path, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("keep")
    (folder / "one" / "out").symlink_to(tmp_path / "precious")
    (folder / "alias").symlink_to(folder / "org" / "two")
    assert delete_model(engine, "alias", "alias") == 0
    delete_model(engine, "one", "one")
    assert names(engine) == ["org/two"]
    assert (tmp_path / "precious" / "file").read_text() == "keep"


def test_a_file_with_another_name_elsewhere_gives_nothing_back(folder: Path, engine: Engine, tmp_path: Path) -> None:
    os.link(folder / "one" / "script.json", tmp_path / "second")
    assert delete_model(engine, "one", "one") == 0
    assert (tmp_path / "second").is_file()


def test_what_was_compiled_of_a_model_goes_with_it(
    folder: Path, make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    engine = make_engine(cache_folder=tmp_path / "cache")
    assert engine.compile_cache is not None
    with engine.compile_cache.loading("one"):
        part = engine.compile_cache.folder_for("one")
        (part / "1234.blob").write_bytes(b"x" * 5000)
    size = (folder / "one" / "script.json").stat().st_size
    assert delete_model(engine, "one", "one") == size + 5000
    assert not (part / "1234.blob").exists()


def test_a_kill_in_the_middle_leaves_no_half_model_and_the_next_start_removes_the_rest(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(path: Path, **_: object) -> None:
        raise Killed

    (folder / "one" / "second").write_text("x")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", kill)
        with pytest.raises(Killed):
            delete_model(engine, "one", "one")
    assert names(engine) == ["org/two"]
    left = visible(folder)
    assert all(name.startswith((".tasks/.gone-", "org/")) for name in left) and len(left) == 4
    TaskFolders(folder).remove_abandoned()
    assert visible(folder) == ["org/two/script.json"]


def test_what_is_being_deleted_is_not_touched_by_another_start(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def look(hidden: Path) -> None:
        TaskFolders(folder).remove_abandoned()
        seen.extend(visible(folder))
        shutil.rmtree(hidden)

    monkeypatch.setattr(tidy, "_remove", look)
    delete_model(engine, "one", "one")
    assert any(name.endswith("/one/script.json") for name in seen)
    assert visible(folder) == ["org/two/script.json"]


def test_files_that_cannot_be_deleted_are_told(folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "_remove", lambda hidden: None)
    with pytest.raises(ModelFolderUnusable, match="can't be deleted"):
        delete_model(engine, "one", "one")
    assert names(engine) == ["org/two"]


def other_disk(monkeypatch: pytest.MonkeyPatch, mounted: Path) -> None:
    """As if a disk of its own were mounted there: nothing moves between it and the rest, nor does the mount itself."""
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path == mounted:
            raise OSError(errno.EBUSY, "Device or resource busy")
        if path.is_relative_to(mounted) != target.is_relative_to(mounted):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(tidy, "disk_of", lambda path: 1 if path.is_relative_to(mounted) else 0)


def test_a_model_on_a_disk_of_its_own_is_hidden_and_deleted_there(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_disk(monkeypatch, folder / "org")
    seen: list[str] = []

    def look(hidden: Path) -> None:
        assert names(engine) == ["one"], "it is no model before its first file goes"
        TaskFolders(folder).remove_abandoned()
        seen.extend(visible(folder))
        shutil.rmtree(hidden)

    monkeypatch.setattr(tidy, "_remove", look)
    assert delete_model(engine, "two", "org/two") > 0
    assert any(name.startswith("org/.openarc-gone-") and name.endswith("/two/script.json") for name in seen)
    assert visible(folder) == ["one/script.json"] and not (folder / ".tasks").exists()


def test_what_a_killed_server_left_on_another_disk_is_removed_at_the_next_start(folder: Path, tmp_path: Path) -> None:
    write_script(tmp_path / "elsewhere" / ".openarc-gone-0123")
    write_script(folder / "org" / ".openarc-gone-0123" / "two")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    TaskFolders(folder).remove_abandoned()
    assert visible(folder) == ["one/script.json", "org/two/script.json"]
    assert (tmp_path / "elsewhere" / ".openarc-gone-0123" / "script.json").is_file()


@pytest.mark.parametrize("act", ["rename", "delete"])
def test_a_model_that_is_a_mounted_disk_stays_and_that_is_said(
    act: str, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_disk(monkeypatch, folder / "one")
    with pytest.raises(ModelFolderUnusable, match="'one' stays as it is: it is a disk of its own"):
        rename_model(engine, "one", "uno") if act == "rename" else delete_model(engine, "one", "one")
    assert visible(folder) == ["one/script.json", "org/two/script.json"]


def test_a_model_with_another_disk_in_it_is_not_deleted(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "one" / "deep" / "data").mkdir(parents=True)
    (folder / "one" / "deep" / "data" / "precious").write_text("x")
    other_disk(monkeypatch, folder / "one" / "deep" / "data")
    with pytest.raises(InvalidRequest, match="'deep/data' in the folder of 'one' is another disk"):
        delete_model(engine, "one", "one")
    assert "one/deep/data/precious" in visible(folder)


def test_the_tasks_folder_of_others_stays(folder: Path, engine: Engine) -> None:
    (folder / ".tasks" / "20261126-120000-abcdef").mkdir(parents=True)
    delete_model(engine, "one", "one")
    assert [path.name for path in (folder / ".tasks").iterdir()] == ["20261126-120000-abcdef"]
    TaskLock(folder / ".tasks" / "20261126-120000-abcdef" / "lock").close()


# --- verify


def test_files_that_are_as_they_came_are_good(folder: Path, engine: Engine) -> None:
    note(folder / "one")
    (found,) = verify_model(engine, "one")
    assert (found.path, found.verdict) == ("script.json", "good")
    assert found.size_bytes == (folder / "one" / "script.json").stat().st_size


def test_each_way_in_which_a_file_can_differ_has_its_verdict(folder: Path, engine: Engine, tmp_path: Path) -> None:
    one = folder / "one"
    (one / "sub").mkdir()
    for name in ("same", "flipped", "cut", "gone", "linked", "sub/deep"):
        (one / name).write_bytes(b"0123456789")
    note(one)
    (one / "flipped").write_bytes(b"0123456780")
    (one / "cut").write_bytes(b"01234")
    (one / "gone").unlink()
    (one / "linked").unlink()
    (one / "linked").symlink_to(one / "same")
    (one / "added").write_bytes(b"new")
    found = {each.path: each for each in verify_model(engine, "one")}
    assert {path: each.verdict for path, each in found.items()} == {
        "script.json": "good",
        "same": "good",
        "sub/deep": "good",
        "flipped": "changed",
        "cut": "changed",
        "gone": "missing",
        "linked": "changed",
        "added": "unknown",
    }
    assert found["cut"].words == "It has 5 bytes; 10 came."
    assert found["gone"].size_bytes is None and all(each.words for each in found.values())


def test_a_model_of_which_nothing_was_noted_is_unknown(engine: Engine) -> None:
    (found,) = verify_model(engine, "one")
    assert found.verdict == "unknown" and "nobody can tell" in found.words


def test_a_downloaded_gguf_is_held_against_the_notes_beside_it(folder: Path, engine: Engine) -> None:
    (folder / "got").mkdir()
    (folder / "got" / "a.gguf").write_bytes(b"GGUF1")
    (folder / "got" / "readme").write_bytes(b"1")
    note(folder / "got")
    (found,) = verify_model(engine, "a.gguf")
    assert (found.path, found.verdict) == ("a.gguf", "good")
    (folder / "got" / "a.gguf").write_bytes(b"GGUF2")
    (found,) = verify_model(engine, "a.gguf")
    assert found.verdict == "changed"


def test_how_far_it_is_grows_to_the_whole(folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.models.verifying.BLOCK_BYTES", 1000)
    (folder / "one" / "big").write_bytes(b"x" * 10_000)
    note(folder / "one")
    said: list[float] = []
    verify_model(engine, "one", said.append)
    assert said[0] == 0.0 and said[-1] == 1.0 and said == sorted(said) and len(said) > 10


def test_it_stops_when_it_is_told_to(folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.models.verifying.BLOCK_BYTES", 1000)
    for name in ("a", "b", "c"):
        (folder / "one" / name).write_bytes(b"x" * 10_000)
    note(folder / "one")
    stopping = threading.Event()
    found = verify_model(engine, "one", lambda fraction: stopping.set() if fraction > 0.1 else None, stopping)
    assert [(each.path, each.verdict) for each in found] == [("a", "unknown")]
    assert "not read to its end" in found[0].words


@pytest.mark.parametrize(
    "files",
    [
        {"../outside": {"size_bytes": 1, "sha256": "0" * 64}},
        {"/etc/passwd": {"size_bytes": 1, "sha256": "0" * 64}},
        {"a": {"size_bytes": "1", "sha256": "0" * 64}},
        {"a": {"size_bytes": 1, "sha256": "short"}},
        {"a": []},
        [],
        "text",
    ],
    ids=str,
)
def test_notes_that_cannot_be_true_are_an_error_and_name_nothing_outside(
    files: Any, folder: Path, engine: Engine
) -> None:
    (folder / "one" / "openarc_files.json").write_text(json.dumps({"files": files}))
    with pytest.raises(InvalidRequest, match="can't be read"):
        verify_model(engine, "one")


def test_notes_behind_a_link_are_not_read(folder: Path, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('{"files": []}')
    (folder / "one" / "openarc_files.json").symlink_to(tmp_path / "notes.json")
    found = {each.path: each.verdict for each in verify_model(engine, "one")}
    assert found["script.json"] == "unknown"


def test_only_models_can_be_verified(engine: Engine) -> None:
    with pytest.raises(ModelNotFound):
        verify_model(engine, "../outside")


@pytest.mark.model
def test_the_starters_own_gguf_is_known_by_its_hash(starter_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    os.link(starter_gguf, tmp_path / "models" / "mine.gguf")
    (found,) = verify_model(Engine(tmp_path / "models"), "mine.gguf")
    assert found.verdict == "good"
