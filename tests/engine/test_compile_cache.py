"""The compile cache: folders of its own, what it counts, what it never deletes, and what it knows of loads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from openarc_ui.engine.compile_cache import (
    NOTES_FILE,
    CacheFolderUnusable,
    Cleared,
    CompileCache,
    LoadNote,
    configuration_key,
    is_worthwhile,
)

LOAD = {"backend": "optimum", "device": "CPU", "ov_config": {"KV_CACHE_PRECISION": "f16"}}


@pytest.fixture
def cache(tmp_path: Path) -> CompileCache:
    """A cache in a folder that is not there yet."""
    return CompileCache(tmp_path / "data" / "cache")


def keep(cache: CompileCache, model: str, name: str = "1.blob", size_bytes: int = 100) -> Path:
    """What OpenVINO would leave behind."""
    folder = cache.folder_for(model)
    with cache.loading(model):
        assert folder.is_dir()
    (folder / name).write_bytes(bytes(size_bytes))
    return folder / name


def load(cache: CompileCache, model: str, seconds: float, name: str = "", from_cache: bool | None = None) -> bool:
    """A load that leaves `name` behind, where given."""
    before = cache.kept(model)
    if name:
        keep(cache, model, name)
    return cache.note(model, before, compile_seconds=seconds, from_cache=from_cache, **LOAD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "model",
    ["org/model", "../../etc", "..", ".", "", "/etc/passwd", "a\0b", "a\\b", "ä" * 300, "CON", "x" * 300, "\ud83d"],
)
def test_every_model_has_one_folder_right_below_the_cache(cache: CompileCache, model: str) -> None:
    folder = cache.folder_for(model)
    assert folder.parent == cache.folder and folder.resolve() == folder
    assert folder == CompileCache(cache.folder).folder_for(model)
    assert folder.name.isascii() and len(folder.name) < 80 and not folder.name.startswith(".")


def test_two_models_never_share_a_folder(cache: CompileCache) -> None:
    names = ["a/b", "a-b", "a b", "A-b", "a-b-", "a--b", "x" * 100, "x" * 101]
    assert len({cache.folder_for(name).name.casefold() for name in names}) == len(names)


def test_nothing_is_kept_and_nothing_made_by_looking(cache: CompileCache) -> None:
    assert (cache.usage().size_bytes, cache.usage().models, cache.history("m"), cache.kept("m")) == (
        0,
        (),
        (),
        frozenset(),
    )
    assert cache.clear() == cache.clear("m") == Cleared(0, 0, ())
    assert not cache.folder.exists()


def test_usage_names_the_models_largest_first(cache: CompileCache) -> None:
    load(cache, "org/small", 1.0, "1.blob")
    load(cache, "org/large", 1.0, "1.blob")
    keep(cache, "org/large", "2.cl_cache", 50)
    usage = cache.usage()
    assert (usage.size_bytes, usage.files) == (250, 3)
    assert [(each.model, each.size_bytes, each.files) for each in usage.models] == [
        ("org/large", 150, 2),
        ("org/small", 100, 1),
    ]


def test_first_and_cached_seconds_stand_beside_each_other(cache: CompileCache) -> None:
    assert load(cache, "m", 1.62, "1.blob") is False
    assert load(cache, "m", 0.44) is True
    key = configuration_key({"KV_CACHE_PRECISION": "f16"})
    assert cache.history("m") == (LoadNote("optimum", "CPU", key, 1.62, 0.44),)
    assert CompileCache(cache.folder).history("m") == cache.history("m")
    assert load(cache, "m", 1.5, "2.blob") is False
    assert (cache.history("m")[0].first_seconds, cache.history("m")[0].cached_seconds) == (1.5, 0.44)


def test_what_the_compiled_model_says_goes_before_the_files(cache: CompileCache) -> None:
    load(cache, "m", 1.0, "1.blob")
    assert load(cache, "m", 1.0, from_cache=False) is False
    assert load(cache, "m", 1.0, "2.blob", from_cache=True) is True


def test_a_file_that_the_cpu_never_reads_serves_nothing(cache: CompileCache) -> None:
    keep(cache, "m")
    for device, is_cached in (("CPU", False), ("GPU", True)):
        config = {"CACHE_MODE": "OPTIMIZE_SIZE"}
        before = cache.kept("m")
        served = cache.note("m", before, backend="genai", device=device, ov_config=config, compile_seconds=1.0)
        assert served is is_cached


def test_a_load_that_kept_nothing_was_not_served_from_the_cache(cache: CompileCache) -> None:
    assert load(cache, "m", 1.0) is False
    assert load(cache, "m", 1.0) is False


def test_configurations_are_told_apart_but_not_by_the_cache_folder(cache: CompileCache) -> None:
    key = configuration_key({"A": 1, "B": False})
    assert key == configuration_key({"B": False, "A": 1, "CACHE_DIR": "x", "NPUW_CACHE_DIR": "y"})
    assert len({key, configuration_key({}), configuration_key({"A": 2, "B": False}), configuration_key({"A": 1})}) == 4
    assert configuration_key({"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": 1}}}) != configuration_key({})


def test_only_the_latest_loads_are_known(cache: CompileCache) -> None:
    for number in range(40):
        cache.note("m", frozenset(), backend="genai", device="CPU", ov_config={"N": number}, compile_seconds=1.0)
    assert len(cache.history("m")) == 32
    assert cache.history("m")[-1].configuration == configuration_key({"N": 39})


def test_clearing_one_model_leaves_the_others_and_what_is_known(cache: CompileCache) -> None:
    load(cache, "a", 1.0, "1.blob")
    load(cache, "b", 1.0, "1.blob")
    assert cache.clear("a") == Cleared(100, 1, ())
    assert [(each.model, each.size_bytes) for each in cache.usage().models] == [("b", 100), ("a", 0)]
    assert cache.history("a")[0].first_seconds == 1.0
    assert cache.clear() == Cleared(100, 1, ())


def test_nothing_but_compiled_models_is_ever_deleted(cache: CompileCache, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.blob").write_bytes(bytes(7))
    kept = keep(cache, "m")
    (kept.parent / "thesis.txt").write_text("years of work")
    (kept.parent / "link.blob").symlink_to(outside / "1.blob")
    (kept.parent / "folder.blob").mkdir()
    (cache.folder / "linked").symlink_to(outside)
    (cache.folder / "mine").mkdir()
    (cache.folder / "mine" / "notes.txt").write_text("also mine")
    (cache.folder / "beside.blob").write_bytes(bytes(5))
    assert cache.usage().size_bytes == 100
    assert cache.clear() == Cleared(100, 1, ())
    for path in (
        outside / "1.blob",
        kept.parent / "thesis.txt",
        cache.folder / "mine" / "notes.txt",
        cache.folder / "beside.blob",
    ):
        assert path.exists(), path


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_folder_a_request_chose_inside_the_cache_is_counted_and_cleared(cache: CompileCache, is_whole: bool) -> None:
    chosen = cache.folder / "mine" / "deep"
    with cache.loading("m", chosen if is_whole else "mine/deep"):
        chosen.mkdir()
        (chosen / "1.blob").write_bytes(bytes(9))
    assert [(each.model, each.size_bytes) for each in cache.usage().models] == [("mine", 9)]
    assert cache.clear("mine") == Cleared(9, 1, ())


def test_a_folder_that_somebody_else_filled_is_neither_counted_nor_cleared(cache: CompileCache) -> None:
    precious = cache.folder / "stuff" / "precious.blob"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(bytes(9))
    with cache.loading("m", "stuff"):
        pass
    assert cache.usage().models == ()
    assert cache.clear() == cache.clear("stuff") == Cleared(0, 0, ())
    assert [each.name for each in precious.parent.iterdir()] == ["precious.blob"]


@pytest.mark.parametrize("cache_dir", ["..", "../outside", ".", "", "a\0b", "/tmp"])
def test_a_cache_dir_that_is_elsewhere_marks_nothing(cache: CompileCache, tmp_path: Path, cache_dir: str) -> None:
    with cache.loading("m", cache_dir):
        pass
    assert list(tmp_path.rglob(NOTES_FILE)) == []


def test_clearing_during_a_load_leaves_what_it_uses_and_says_so(cache: CompileCache) -> None:
    held, free = keep(cache, "held"), keep(cache, "free")
    with cache.loading("held"), cache.loading("held"):
        assert cache.clear() == Cleared(100, 1, ("held: it is being loaded",))
        assert cache.clear("held") == Cleared(0, 0, ("held: it is being loaded",))
    assert held.exists() and not free.exists()
    with pytest.raises(RuntimeError), cache.loading("held"):
        raise RuntimeError("the load failed")
    assert cache.clear() == Cleared(100, 1, ())


def test_a_load_whose_cache_can_not_be_written_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with CompileCache(tmp_path / "file").loading("m"):
        pass
    assert "can't be written" in caplog.text


def test_looking_while_another_clears_is_no_error(cache: CompileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(cache, "m", "here.blob")
    gone = keep(cache, "m", "gone.blob")
    lstat = Path.lstat

    def cleared_in_between(path: Path) -> os.stat_result:
        if path == gone:
            gone.unlink(missing_ok=True)
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", cleared_in_between)
    assert (cache.usage().files, cache.usage().size_bytes) == (1, 100)


def test_a_cache_folder_that_is_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "cache"):
        cache = CompileCache(folder)
        calls = (cache.check,) if folder.parent.is_file() else (cache.check, cache.usage, cache.clear)
        for call in calls:
            with pytest.raises(CacheFolderUnusable) as caught:
                call()
            assert caught.value.code == "cache_folder_unusable" and "--cache-folder" in caught.value.hint


def test_seconds_that_are_no_times_are_not_known(cache: CompileCache) -> None:
    path = keep(cache, "m").parent / NOTES_FILE
    for wrong in (float("inf"), float("nan"), 10**400, -1, "1"):
        note = {"backend": "genai", "device": "CPU", "configuration": "1", "first_seconds": wrong, "cached_seconds": 2}
        path.write_text(json.dumps({"model": "m", "loads": [note]}))
        assert cache.history("m") == (LoadNote("genai", "CPU", "1", None, 2.0),)


def test_a_file_in_use_is_skipped_and_said(cache: CompileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    held = keep(cache, "m", "held.blob")
    keep(cache, "m", "free.blob", 30)
    unlink = Path.unlink

    def windows(path: Path, missing_ok: bool = False) -> None:
        if path == held:
            raise PermissionError(13, "The file is in use")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", windows)
    assert cache.clear() == Cleared(30, 1, ("held.blob: The file is in use",))


@pytest.mark.parametrize(
    "notes", ["", "{torn", "[]", '{"model": 7, "loads": 7}', '{"loads": [7, {}, {"backend": 1}]}', "\0"]
)
def test_notes_that_are_none_say_nothing_and_are_written_anew(cache: CompileCache, notes: str) -> None:
    path = keep(cache, "m")
    (path.parent / NOTES_FILE).write_text(notes)
    assert cache.history("m") == ()
    assert cache.usage().models[0].model == path.parent.name
    load(cache, "m", 1.0)
    assert cache.usage().models[0].model == "m" and len(cache.history("m")) == 1


def test_many_loads_at_once_are_all_noted(cache: CompileCache) -> None:
    def note(number: int) -> None:
        cache.note("m", frozenset(), backend="genai", device="CPU", ov_config={"N": number}, compile_seconds=1.0)

    threads = [threading.Thread(target=note, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache.history("m")) == 16


def test_a_cache_that_can_not_be_used_says_why(
    cache: CompileCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.is_usable(1) == (True, "")
    assert "too full" in cache.is_usable(2**60)[1]
    (tmp_path / "file").write_text("")
    assert "can't be used: Not a directory" in CompileCache(tmp_path / "file" / "cache").is_usable(1)[1]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "can't be read or written" in cache.is_usable(1)[1]


@pytest.mark.parametrize(
    ("backend", "members", "pipeline", "helps"),
    [
        ("genai", ("CPU",), "paged", False),
        ("genai", ("CPU",), "stateful", True),
        ("optimum", ("CPU",), "stateful", True),
        ("optimum", ("CPU",), "paged", True),
        ("genai", ("GPU.1",), "paged", True),
        ("genai", ("NPU",), "stateful", True),
        ("genai", ("CPU", "GPU.0"), "paged", True),
        ("genai", ("CPU", "CPU2"), "paged", False),
        ("scripted", ("GPU",), "paged", False),
    ],
)
def test_it_is_on_wherever_it_helps(backend: str, members: tuple[str, ...], pipeline: str, helps: bool) -> None:
    is_on, reason = is_worthwhile(backend, members, pipeline)
    assert is_on is helps and reason.endswith(".")


LOAD_ONCE = """
import json, sys
import openvino_genai as genai
pipeline = genai.LLMPipeline(sys.argv[1], "CPU", ATTENTION_BACKEND="SDPA", CACHE_DIR=sys.argv[2], KV_CACHE_PRECISION="f16")
config = pipeline.get_generation_config()
config.max_new_tokens, config.do_sample, config.apply_chat_template = 16, False, False
print(json.dumps(pipeline.generate("The capital of France is", config)))
"""


@pytest.mark.model
def test_openvino_fills_the_folder_once_and_answers_the_same_from_it(
    cache: CompileCache, starter_folder: Path, tmp_path: Path
) -> None:
    assert shutil.which(sys.executable)
    texts, served = [], []
    for _ in range(2):
        before = cache.kept("starter")
        command = [sys.executable, "-c", LOAD_ONCE, str(starter_folder), str(cache.folder_for("starter"))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=tmp_path)
        texts.append(json.loads(done.stdout.strip().splitlines()[-1]))
        served.append(cache.note("starter", before, backend="genai", device="CPU", ov_config={}, compile_seconds=1.0))
    assert served == [False, True]
    assert texts[0] == texts[1] != ""
    (usage,) = cache.usage().models
    assert usage.files == 1 and usage.size_bytes > 10**8
    assert cache.clear("starter").freed_bytes == usage.size_bytes
    assert cache.kept("starter") == frozenset()
