"""Profiles: one file each, readable, whole, and never outside their folder."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from openarc_ui.engine.catalogue.catalogue import Catalogue
from openarc_ui.engine.devices import OpenVinoLayer
from openarc_ui.engine.preflight import Preflight
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, ProfileExists, ProfileFolderUnusable, ProfileNotFound
from openarc_ui.profiles import LAST_GOOD, MAX_FILE_BYTES, Profile, ProfileStore, parse_profile
from tests.conftest import write_script

TUNED: dict[str, Any] = {
    "model_path": "folder/model",
    "backend": "genai",
    "device": "HETERO:GPU.0,GPU.1",
    "ov_config": {"NUM_STREAMS": 0, "ENABLE_CPU_PINNING": False, "PERFORMANCE_HINT": "LATENCY", "SHARE": 0.5},
    "scheduler": {"max_num_seqs": 4, "use_cache_eviction": True, "cache_eviction_config": {"start_size": 64}},
    "sampling_defaults": {"temperature": 0.0, "stop": ["\n\nUser", "«»"]},
}


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "data" / "profiles")


def profile(name: str, **load: Any) -> Profile:
    return Profile(name=name, load=LoadRequest.model_validate({"model_path": "model", **load}))


def names(store: ProfileStore) -> list[str]:
    return [entry.name for entry in store.list()]


def test_what_is_saved_is_what_is_read_with_every_false_and_zero(store: ProfileStore) -> None:
    saved = store.save(Profile(name="Fast (2)", description="for Zoë", load=LoadRequest.model_validate(TUNED)))
    again = ProfileStore(store.folder).get("Fast (2)")
    assert again == saved
    assert [type(value) for value in again.load.ov_config.values()] == [int, bool, str, float]


def test_the_profiles_of_a_model_are_found_by_each_of_its_names(store: ProfileStore, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "org" / "one")
    write_script(tmp_path / "models" / "two")
    catalogue = Catalogue(tmp_path / "models")
    paths = ("org/one", "one", str(tmp_path / "models" / "org" / "one"), "./org/one")
    for number, path in enumerate(paths):
        store.save(profile(f"p{number}", model_path=path))
    store.save(profile("other", model_path="two"))
    store.save(profile("gone", model_path="missing"))
    store.keep_last_good(LoadRequest(model_path="one"))
    (store.folder / "broken.json").write_text("{")
    assert store.naming(catalogue, "one") == ("p0", "p1", "p2", "p3")
    assert store.naming(catalogue, "two") == ("other",)
    assert store.naming(catalogue, "missing") == ()


def test_profiles_that_cannot_be_read_name_no_model_and_it_is_logged(
    store: ProfileStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_script(tmp_path / "models" / "one")
    store.folder.parent.mkdir()
    store.folder.write_text("no folder")
    assert store.naming(Catalogue(tmp_path / "models"), "one") == ()
    assert "can't be told" in caplog.text


def test_the_file_is_readable_and_holds_no_default_but_the_four_that_matter(store: ProfileStore) -> None:
    store.save(profile("plain"))
    text = (store.folder / "plain.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "version": 1,\n  "name": "plain",')
    assert json.loads(text)["load"] == {"model_path": "model", "backend": "auto", "device": "CPU", "ov_config": {}}


def test_a_confirmed_overcommit_is_refused_and_never_kept_of_a_load(store: ProfileStore) -> None:
    with pytest.raises(ValidationError, match="agreed to for one load"):
        profile("x", allow_overcommit=True)
    with pytest.raises(InvalidRequest, match="agreed to for one load"):
        store.import_text('{"name": "y", "load": {"model_path": "m", "allow_overcommit": true}}')
    store.keep_last_good(LoadRequest(model_path="model", allow_overcommit=True))
    assert not store.get(LAST_GOOD).load.allow_overcommit
    assert "overcommit" not in (store.folder / f"{LAST_GOOD}.json").read_text()


@pytest.mark.parametrize(
    "name",
    [
        *("", "../x", "..", "/etc/x", "a/b", "a\\b", "C:x", "x\0", "x\n", " x", "x ", "x.", ".x", "-x", "ü", "a" * 65),
        *("con", "NUL", "Aux.txt", "com1", "LPT9.a.b", "None", "none"),
    ],
)
def test_a_name_that_is_no_file_everywhere_is_refused_and_touches_nothing(store: ProfileStore, name: str) -> None:
    with pytest.raises(ValidationError):
        profile(name)
    for call in (store.get, store.delete, store.export):
        with pytest.raises(InvalidRequest, match="No profile can have the name"):
            call(name)
    with pytest.raises(InvalidRequest):
        store.import_text(json.dumps({"name": name, "load": {"model_path": "m"}}))
    with pytest.raises(InvalidRequest):
        store.import_text(profile("fine").as_json(), name=name)
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["a", "a" * 64, "console", "com10", "a b (c)_d+e-f.g", "2"])
def test_a_plain_name_will_do(store: ProfileStore, name: str) -> None:
    store.save(profile(name))
    assert names(store) == [name]


def test_names_that_differ_in_case_only_are_one_name(store: ProfileStore) -> None:
    store.save(profile("Fast", device="CPU"))
    with pytest.raises(ProfileExists, match="'Fast'"):
        store.save(profile("fast"))
    assert store.get("FAST").name == "Fast"
    store.save(profile("fast", device="GPU"), replace=True)
    assert names(store) == ["fast"] and store.get("Fast").load.device == "GPU"


def test_nothing_is_written_over_without_saying_so(store: ProfileStore) -> None:
    store.save(profile("x", device="CPU"))
    with pytest.raises(ProfileExists) as caught:
        store.save(profile("x", device="GPU"))
    assert "another name" in caught.value.hint
    assert store.get("x").load.device == "CPU"
    store.save(profile("x", device="GPU"), replace=True)
    assert store.get("x").load.device == "GPU"


def test_a_profile_that_is_not_there_gets_the_nearest_names(store: ProfileStore) -> None:
    with pytest.raises(ProfileNotFound) as caught:
        store.get("fast")
    assert "save one first" in caught.value.hint
    store.save(profile("fast-cpu"))
    with pytest.raises(ProfileNotFound) as caught:
        store.delete("fast-cpv")
    assert caught.value.hint == "Did you mean 'fast-cpu'?"
    store.delete("fast-cpu")
    assert names(store) == []


def test_the_last_good_load_is_first_and_nobody_elses(store: ProfileStore) -> None:
    store.save(profile("a"))
    store.keep_last_good(LoadRequest(model_path="one"))
    store.keep_last_good(LoadRequest(model_path="two", sampling_defaults={"top_k": 0}))
    assert names(store) == [LAST_GOOD, "a"]
    assert [entry.is_last_good for entry in store.list()] == [True, False]
    for name in (LAST_GOOD, "Last Good"):
        with pytest.raises(InvalidRequest, match="OpenArc keeps"):
            store.save(profile(name), replace=True)
        with pytest.raises(InvalidRequest, match="OpenArc keeps"):
            store.delete(name)
    with pytest.raises(InvalidRequest, match="OpenArc keeps"):
        store.import_text(store.export(LAST_GOOD), replace=True)
    assert store.get(LAST_GOOD).load.model_path == "two"
    assert store.import_text(store.export(LAST_GOOD), name="mine").load.sampling_defaults.top_k == 0


def test_export_and_import_carry_it_to_another_machine(store: ProfileStore, tmp_path: Path) -> None:
    store.save(Profile(name="x", load=LoadRequest.model_validate(TUNED)))
    there = ProfileStore(tmp_path / "there")
    assert there.import_text(store.export("x")) == store.get("x")
    with pytest.raises(ProfileExists):
        there.import_text(store.export("x"))
    there.import_text(store.export("x"), replace=True)
    assert there.export("x") == store.export("x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"name": "x", "lod": {}, "load": {"model_path": "m"}}', "'load'"),
        ('{"name": "x", "load": {"model_pth": "m"}}', "'model_path'"),
        ('{"name": "x", "load": {"model_path": "m", "scheduler": {"max_num_seq": 1}}}', "'max_num_seqs'"),
        ('{"name": "x", "load": {"model_path": "m", "sampling_defaults": {"temprature": 1}}}', "'temperature'"),
        ('{"version": 2, "name": "x", "new": 1}', "version 2; this OpenArc reads version 1"),
        ('{"version": "1", "name": "x", "load": {"model_path": "m"}}', "version '1'"),
        ('{"version": true, "name": "x", "load": {"model_path": "m"}}', "version True"),
        ('{"version": 1.0, "name": "x", "load": {"model_path": "m"}}', "version 1.0"),
        ('{"name": "x", "name": "y", "load": {"model_path": "m"}}', "'name' stands twice"),
        ('{"name": "x", "load": {"model_path": "m", "ov_config": {"A": 1, "A": 2}}}', "'A' stands twice"),
        ('{"name": "x", "load": {"model_path": "m", "ov_config": {"A": 1000000000000000000000}}}', "64 bits"),
        ('{"name": "../x", "load": {"model_path": "m"}}', "name: no profile can have this name; use up to 64 letters"),
        ('{"name": "x", "load": {"model_path": "m", "ov_config": {"A": null}}}', "load.ov_config.A: must be"),
        ('{"name": "x", "load": {"model_path": "m", "ov_config": {"A": NaN}}}', "infinite"),
        ('{"name": "x", "load": {"model_path": "m", "ov_config": {"A": {"CPU": {"B": -Infinity}}}}}', "infinite"),
        ('{"name": "x", "load": {"model_path": "m", "device": ""}}', "load.device"),
        ('{"name": "x"', "not JSON"),
        ("", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "object"),
        ('{"name": "x", "load": {"model_path": "\\ud83d"}}', "JSON"),
    ],
)
def test_an_import_that_is_no_profile_says_what_is_wrong(store: ProfileStore, text: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.import_text(text)
    assert says in f"{caught.value.message} {caught.value.hint}"
    assert not store.folder.exists()


def test_a_broken_file_is_listed_with_what_is_wrong_and_breaks_nothing(store: ProfileStore) -> None:
    store.save(profile("good"))
    broken = {
        "torn": b'{"version": 1, "na',
        "latin": '{"name": "latin", "description": "é"}'.encode("latin-1"),
        "older": b'{"version": 0, "name": "older"}',
        "large": b" " * (MAX_FILE_BYTES + 1),
        "empty": b"",
    }
    for name, content in broken.items():
        (store.folder / f"{name}.json").write_bytes(content)
    problems = {entry.name: entry.problem for entry in store.list() if entry.profile is None}
    assert problems.keys() == broken.keys() and all(problems.values())
    assert names(store) == sorted([*broken, "good"])
    with pytest.raises(InvalidRequest) as caught:
        store.get("torn")
    assert "'torn' is broken" in caught.value.message and "delete the profile" in caught.value.hint
    store.delete("torn")
    store.save(profile("older"), replace=True)
    assert store.get("good") and store.get("older")


def test_files_that_are_no_profiles_are_left_alone(store: ProfileStore) -> None:
    store.save(profile("x"))
    (store.folder / "folder.json").mkdir()
    (store.folder / ".hidden.json").write_text("{}")
    (store.folder / "notes.txt").write_text("mine")
    if hasattr(os, "mkfifo"):
        os.mkfifo(store.folder / "pipe.json")
    assert names(store) == ["x"]


def test_a_copy_made_by_hand_is_a_profile_of_its_own(store: ProfileStore) -> None:
    store.save(profile("x", device="GPU"))
    (store.folder / "x copy.json").write_text(store.export("x"))
    (store.folder / "größer.json").write_text(store.export("x"))
    assert store.get("x copy").name == "x copy" and store.get("x copy").load.device == "GPU"
    assert [entry.name for entry in store.list() if entry.problem] == ["größer"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names of plain bytes")
def test_a_file_whose_name_is_no_text_can_still_be_told(store: ProfileStore) -> None:
    store.save(profile("x"))
    (Path(os.fsdecode(os.fsencode(store.folder) + b"/\xff.json"))).write_text("{}")
    assert json.dumps(names(store), ensure_ascii=False).encode()


def test_two_threads_that_save_at_once_leave_one_whole_file(store: ProfileStore) -> None:
    ended: list[str] = []
    barrier = threading.Barrier(8)

    def save(number: int) -> None:
        mine = Profile(name="same", description=str(number) * 1000, load=LoadRequest(model_path="m"))
        barrier.wait()
        for _ in range(20):
            store.save(mine, replace=True)
            parse_profile((store.folder / "same.json").read_text(encoding="utf-8"))
        ended.append(mine.description)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 8 and store.get("same").description in ended
    assert [file.name for file in store.folder.iterdir()] == ["same.json"]


def test_of_two_that_save_a_new_name_at_once_one_is_told(store: ProfileStore) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def save(number: int) -> None:
        barrier.wait()
        try:
            outcomes.append(store.save(profile("new", device=f"GPU.{number}")).load.device)
        except ProfileExists:
            outcomes.append("told")

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (saved,) = [each for each in outcomes if each != "told"]
    assert store.get("new").load.device == saved


def test_a_write_that_fails_leaves_the_old_profile_and_no_rest(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(profile("x", device="CPU"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("openarc_ui.profiles.os.fsync", full)
    with pytest.raises(ProfileFolderUnusable, match="No space left") as caught:
        store.save(profile("x", device="GPU"), replace=True)
    assert "--profile-folder" in caught.value.hint
    assert store.get("x").load.device == "CPU"
    assert [file.name for file in store.folder.iterdir()] == ["x.json"]
    with caplog.at_level(logging.WARNING):
        store.keep_last_good(LoadRequest(model_path="m"))
    assert "No space left" in caplog.text


def test_a_last_good_load_that_can_not_be_kept_is_logged_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    large = LoadRequest(model_path="m", ov_config={f"A{number}": "x" * 4000 for number in range(100)})
    with caplog.at_level(logging.WARNING):
        ProfileStore(tmp_path / "file" / "profiles").keep_last_good(LoadRequest(model_path="m"))
        ProfileStore(tmp_path / "fine").keep_last_good(large)
    assert len(caplog.records) == 2


def test_a_folder_that_is_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = ProfileStore(tmp_path / "file")
    for call in (store.check, store.list, lambda: store.get("x"), lambda: store.save(profile("x"))):
        with pytest.raises(ProfileFolderUnusable) as caught:
            call()
        assert "--profile-folder" in caught.value.hint


def test_a_version_as_long_as_a_book_is_not_echoed(store: ProfileStore) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.import_text(json.dumps({"version": "9" * 100_000, "name": "x", "load": {"model_path": "m"}}))
    assert len(caught.value.message) < 200


def test_the_last_good_load_works_with_another_cache_folder(store: ProfileStore, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    catalogue = Catalogue(tmp_path / "models")
    for folder in ("one", "another"):
        preflight = Preflight(catalogue, tmp_path / folder, OpenVinoLayer)
        store.keep_last_good(LoadRequest(model_path="script", ov_config={"CACHE_DIR": "mine", "WEIGHTS_PATH": "w.bin"}))
        kept = ProfileStore(store.folder).get(LAST_GOOD).load
        assert kept.ov_config == {"CACHE_DIR": "mine", "WEIGHTS_PATH": "w.bin"}
        assert not [each for each in preflight.findings(kept) if each.is_error]
        preflight.plan(kept)
