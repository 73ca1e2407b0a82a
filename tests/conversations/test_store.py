"""The store: what was written is read by anybody who may, whatever is killed, locked or damaged meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openarc_ui.conversations import schema
from openarc_ui.conversations.database import Database
from openarc_ui.conversations.rows import load
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Answer, Conversation
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.errors import ConversationNotFound, ConversationsUnusable, InvalidRequest, MessageNotFound

ROOT = Path(__file__).parent.parent.parent
DETAILS = (
    TokenDetail(id=12, text="Pa", is_special=False, seconds=0.25, log_probability=-0.5, alternatives=(("Pa", -0.5),)),
    TokenDetail(id=2**31 - 1, text="", is_special=True, seconds=0.0),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "conversations.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore(path, wait_seconds=2.0)
    yield store
    store.close()


def user(content: str) -> Message:
    return Message(role="user", content=content)


def contents(conversation: Conversation) -> list[str]:
    return [node.content for node in conversation.path()]


def rows_of(connection: sqlite3.Connection, conversation_id: str) -> Conversation:
    """A conversation as the database has it, whatever is remembered of it."""
    (key,) = connection.execute("SELECT key FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
    return load(connection, key).conversation


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_everything_of_a_conversation_comes_back(store: ConversationStore) -> None:
    call = ToolCall(id="call_1", function=FunctionCall(name="add", arguments={"a": [1, 2.5, None, "ü"]}))
    made = Conversation(
        [user("a\0b\r\n\t ü 漢 \u2028")], title="Title", settings={"model": "ü", "sampling": {"seed": 1}}
    )
    answer = Answer(
        "starter",
        "r1",
        {"ttft_seconds": 0.3, "cached": None},
        "stop",
        7,
        3,
        12,
        1.5,
        "half \ud83d of a pair",
        "group",
        True,
    )
    made.add_answer(
        made.path()[0].id,
        Message(role="assistant", tool_calls=(call,), reasoning_content="hm", name="n"),
        answer,
    )
    made.insert(Message(role="tool", content="", tool_call_id="call_1", name="add"))
    made.edit(made.path()[0].id, "other")
    kept = store.add("me", made)
    with store._database.reading() as connection:
        again = rows_of(connection, kept.id)
    assert again.placements() == made.placements() and again.path() == made.path()
    assert (again.title, again.settings, again.id) == ("Title", made.settings, kept.id)
    assert (again.created_at, again.updated_at) == (made.created_at, made.updated_at)


@pytest.mark.parametrize(
    "what",
    [
        "insert",
        "insert before",
        "edit",
        "delete",
        "delete_from",
        "move",
        "select",
        "undo",
        "replace",
        "update",
        "settings",
    ],
)
def test_a_change_is_what_the_next_reader_gets(store: ConversationStore, what: str) -> None:
    made = Conversation([user("a"), Message(role="assistant", content="b"), user("c"), user("d")])
    made.edit(made.path()[1].id, "B")
    conversation_id = store.add("me", made).id
    with store.change("me", conversation_id) as changing:
        first, second, third, _ = changing.path()
        {
            "insert": lambda: changing.insert(user("e")),
            "insert before": lambda: changing.insert(user("e"), before=second.id),
            "edit": lambda: changing.edit(first.id, "A"),
            "delete": lambda: changing.delete(third.id),
            "delete_from": lambda: changing.delete_from(third.id),
            "move": lambda: changing.move(second.id, 1),
            "select": lambda: changing.select(changing.versions(second.id)[0].id),
            "undo": changing.undo,
            "replace": lambda: changing.replace_path([user("A"), user("c")]),
            "update": lambda: changing.update_answer(second.id, message=user("more"), answer=Answer("m")),
            "settings": lambda: changing.settings.update(model="m"),
        }[what]()
    again = store.get("me", conversation_id)
    with store._database.reading() as connection:
        stored = rows_of(connection, conversation_id)
    for each in (again, stored):
        assert each.placements() == changing.placements() and each.path() == changing.path()
        assert (each.settings, each.updated_at) == (changing.settings, changing.updated_at)
    assert (again.placements() == made.placements()) == (what == "settings")
    (summary,) = store.summaries("me")
    assert (summary.messages, summary.title) == (len(again.path()), again.shown_title)


def test_an_error_within_a_change_changes_nothing(store: ConversationStore) -> None:
    conversation_id = store.create("me").id
    with pytest.raises(KeyError), store.change("me", conversation_id) as changing:
        changing.insert(user("lost"))
        raise KeyError
    assert contents(store.get("me", conversation_id)) == []
    with store.change("me", conversation_id) as changing:
        changing.insert(user("kept"))
    assert contents(store.get("me", conversation_id)) == ["kept"]


def test_versions_keep_their_order_when_a_deleted_one_leaves_its_followers_in_its_place(
    store: ConversationStore,
) -> None:
    made = Conversation([user("a"), user("b")])
    first = made.path()[0].id
    made.add_version(first, user("b2"))
    made.add_version(first, user("b3"))
    made.add_version(None, user("A"))
    made.add_version(None, user("AA"))
    conversation_id = store.add("me", made).id
    with store.change("me", conversation_id) as changing:
        changing.delete(first)
    assert [node.content for node in store.get("me", conversation_id).children(None)] == ["b", "b2", "b3", "A", "AA"]
    with store._database.reading() as connection:
        stored = rows_of(connection, conversation_id)
    assert [node.content for node in stored.children(None)] == ["b", "b2", "b3", "A", "AA"]


def test_only_the_messages_that_changed_are_written(store: ConversationStore, path: Path) -> None:
    made = store.add("me", Conversation([user("x" * 1000) for _ in range(500)]))
    with store._database.writing() as connection:
        before = connection.total_changes
    with store.change("me", made.id) as changing:
        changing.insert(user("one more"))
    with store._database.writing() as connection:
        assert connection.total_changes - before == 2
    with store.change("me", made.id) as changing:
        assert changing.path()
    with store._database.writing() as connection:
        assert connection.total_changes - before == 2


def test_looking_and_settings_do_not_bring_a_conversation_to_the_top_but_words_do(store: ConversationStore) -> None:
    made = Conversation([user("a")])
    made.edit(made.path()[0].id, "b")
    older, newer = store.add("me", made), store.create("me", "newer")
    with store.change("me", older.id) as changing:
        changing.select(changing.versions(changing.path()[0].id)[0].id)
        changing.settings["model"] = "m"
    assert [each.id for each in store.summaries("me")] == [newer.id, older.id]
    assert store.summaries("me")[1].title == "a"
    with store.change("me", older.id) as changing:
        changing.insert(user("c"))
    assert [each.id for each in store.summaries("me")] == [older.id, newer.id]
    assert store.get("me", older.id).updated_at > store.get("me", newer.id).updated_at


def test_another_owners_conversation_does_not_exist(store: ConversationStore) -> None:
    mine = store.add("me", Conversation([user("secret"), Message(role="assistant", content="x")])).id
    messages = []
    for conversation_id in (mine, "nothing", "\ud800"):
        for attempt in (
            lambda each: store.get("other", each),
            lambda each: store.delete("other", each),
            lambda each: store.tokens("other", each, "x"),
            lambda each: store.put_tokens("other", each, "x", DETAILS),
            lambda each: store.change("other", each).__enter__(),
        ):
            with pytest.raises(ConversationNotFound) as caught:
                attempt(conversation_id)
            messages.append((caught.value.message, caught.value.hint))
    assert len(set(messages)) == 1
    assert store.summaries("other") == [] and store.delete_all("other") == 0
    assert contents(store.get("me", mine)) == ["secret", "x"]


def test_of_an_owner_only_a_hash_is_on_disk(store: ConversationStore, path: Path) -> None:
    store.create("my-very-own-cookie-value", "Title")
    store.put_preset("my-very-own-cookie-value", "warm", {"temperature": 1.5})
    store.close()
    for file in path.parent.iterdir():
        assert b"my-very-own" not in file.read_bytes()
    assert b"Title" in path.read_bytes()


def test_a_deleted_conversation_is_gone_with_its_messages_and_tokens_and_from_the_disk(
    store: ConversationStore, path: Path
) -> None:
    made = Conversation()
    answer = made.add_answer(None, Message(role="assistant", content="very private words"), Answer("m"))
    first, second = store.add("me", made), store.create("me")
    store.put_tokens("me", first.id, answer.id, DETAILS)
    store.delete("me", first.id)
    with pytest.raises(ConversationNotFound):
        store.get("me", first.id)
    assert rows(path, "SELECT count(*) FROM messages UNION ALL SELECT count(*) FROM tokens") == [(0,), (0,)]
    assert [each.id for each in store.summaries("me")] == [second.id]
    assert store.delete_all("me") == 1 and store.summaries("me") == []
    store.close()
    assert b"very private words" not in path.read_bytes()


def test_summaries_come_in_pages_of_the_newest_first(store: ConversationStore) -> None:
    made = [store.create("me", str(number)).id for number in range(5)]
    assert [each.id for each in store.summaries("me", limit=2, offset=1)] == [made[3], made[2]]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"offset": 2**63}):
        with pytest.raises(InvalidRequest):
            store.summaries("me", **wrong)


@pytest.mark.parametrize(
    "settings",
    [{"x": "y" * 300_001}, {"x": float("nan")}, {"x": {1, 2}}, {"x": "\ud800"}],
)
def test_settings_that_are_too_large_or_no_json_are_refused(
    store: ConversationStore, settings: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest, match="settings"):
        store.create("me", settings=settings)
    conversation_id = store.create("me", settings={"x": "y" * 200_000}).id
    with pytest.raises(InvalidRequest, match="settings"), store.change("me", conversation_id) as changing:
        changing.insert(user("a"))
        changing.settings = settings
    assert contents(store.get("me", conversation_id)) == []


# Tokens


def test_details_of_tokens_follow_their_answer_wherever_it_goes(store: ConversationStore, path: Path) -> None:
    made = Conversation([user("a")])
    made.add_answer(made.path()[0].id, Message(role="assistant", content="b"), Answer("m"))
    made.insert(user("c"))
    made = store.add("me", made)
    answer = made.path()[1]
    assert store.tokens("me", made.id, answer.id) == ()
    store.put_tokens("me", made.id, answer.id, DETAILS)
    with store.change("me", made.id) as changing:
        assert changing.path()[1].answer is not None and changing.path()[1].answer.has_tokens
        moved = changing.move(answer.id, 1)
        changing.edit(changing.path()[0].id, "A")
        changing.update_answer(moved.id, answer=Answer("m", finish_reason="stop"))
    copied = store.get("me", made.id).path()[2]
    assert copied.id != moved.id
    assert store.tokens("me", made.id, copied.id) == store.tokens("me", made.id, moved.id) == DETAILS
    with store.change("me", made.id) as changing:
        changing.delete(copied.id)
    assert store.tokens("me", made.id, moved.id) == DETAILS
    with store.change("me", made.id) as changing:
        changing.delete(moved.id)
    assert rows(path, "SELECT count(*) FROM tokens") == [(0,)]


def test_details_are_replaced_removed_and_only_of_answers(store: ConversationStore, path: Path) -> None:
    made = Conversation([user("a")])
    made.add_answer(made.path()[0].id, Message(role="assistant", content="b"), Answer("m"))
    made = store.add("me", made)
    question, answer = made.path()
    store.put_tokens("me", made.id, answer.id, DETAILS)
    store.put_tokens("me", made.id, answer.id, DETAILS[:1])
    assert store.tokens("me", made.id, answer.id) == DETAILS[:1]
    assert rows(path, "SELECT count(*) FROM tokens") == [(1,)]
    store.put_tokens("me", made.id, answer.id, ())
    assert store.tokens("me", made.id, answer.id) == () and rows(path, "SELECT count(*) FROM tokens") == [(0,)]
    with pytest.raises(InvalidRequest, match="generated"):
        store.put_tokens("me", made.id, question.id, DETAILS)
    for attempt in (
        lambda: store.put_tokens("me", made.id, "nothing", DETAILS),
        lambda: store.tokens("me", made.id, "n"),
    ):
        with pytest.raises(MessageNotFound):
            attempt()


def test_a_copy_of_a_conversation_does_not_claim_details_that_only_the_first_has(store: ConversationStore) -> None:
    made = Conversation()
    answer = made.add_answer(None, Message(role="assistant", content="b"), Answer("m"))
    first = store.add("me", made)
    store.put_tokens("me", first.id, answer.id, DETAILS)
    copy = store.add("me", store.get("me", first.id))
    assert copy.id != first.id and copy.path()[0].answer == Answer("m")


# Presets


def test_presets_are_kept_by_owner_and_name(store: ConversationStore) -> None:
    store.put_preset("me", "warm", {"temperature": 1.5, "top_k": None})
    store.put_preset("me", " exact ", {"do_sample": False, "stop": ["a"]})
    store.put_preset("me", "warm", {"temperature": 2})
    assert store.presets("me") == {"exact": {"do_sample": False, "stop": ["a"]}, "warm": {"temperature": 2.0}}
    assert store.presets("other") == {}
    store.delete_preset("me", "exact")
    with pytest.raises(InvalidRequest) as caught:
        store.delete_preset("me", "wrm")
    assert "'warm'" in caught.value.hint
    store.delete_all("me")
    assert list(store.presets("me")) == ["warm"]


def test_a_preset_with_an_unknown_parameter_or_no_name_is_refused(store: ConversationStore) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.put_preset("me", "a", {"temprature": 1})
    assert "'temperature'" in caught.value.hint
    for name in (" ", "x" * 101, "\ud800"):
        with pytest.raises(InvalidRequest, match="name"):
            store.put_preset("me", name, {})
    assert store.presets("me") == {}


# Several at once


PATIENT_SECONDS = 120.0
"""Who shares the file with many others on a busy machine waits longer for his turn than a user would."""


def test_many_threads_change_one_conversation_and_nothing_is_lost(path: Path) -> None:
    store = ConversationStore(path, wait_seconds=PATIENT_SECONDS)
    conversation_id = store.create("me").id
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number in range(25):
                with store.change("me", conversation_id) as changing:
                    changing.insert(user(f"{thread}-{number}"))
                assert f"{thread}-{number}" in contents(store.get("me", conversation_id))
                assert store.summaries("me", search=f"{thread}-{number}")
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(contents(store.get("me", conversation_id))) == sorted(f"{t}-{n}" for t in range(8) for n in range(25))
    store.close()


WRITER = """
import sys
from pathlib import Path
from openarc_ui.conversations.database import Database
from openarc_ui.conversations.rows import load
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.message import Message
store = ConversationStore(Path(sys.argv[1]), wait_seconds=120)
for number in range(int(sys.argv[4])):
    with store.change("me", sys.argv[2]) as changing:
        changing.insert(Message(role="user", content=f"{sys.argv[3]}-{number} " + "x" * 2000))
        changing.edit(changing.path()[0].id, f"{sys.argv[3]}-{number}", keep_rest=False) if number % 20 == 19 else None
        changing.select(max(changing.nodes.values(), key=lambda node: (node.created_at, node.id)).id) if number % 20 == 19 else None
    print(number, flush=True)
"""


def writer(path: Path, conversation_id: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), conversation_id, name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_and_this_one_write_the_same_file(path: Path) -> None:
    store = ConversationStore(path, wait_seconds=PATIENT_SECONDS)
    conversation_id = store.create("me").id
    others = [writer(path, conversation_id, name, 15) for name in ("a", "b")]
    for number in range(15):
        with store.change("me", conversation_id) as changing:
            changing.insert(user(f"c-{number} "))
    assert [other.communicate(timeout=120)[0].split()[-1] for other in others] == ["14", "14"]
    found = sorted(content.split()[0] for content in contents(store.get("me", conversation_id)))
    assert found == sorted(f"{name}-{number}" for name in "abc" for number in range(15))
    store.close()


@pytest.mark.parametrize("after", [1, 13, 40])
def test_a_killed_writer_loses_at_most_the_change_it_was_in(path: Path, after: int) -> None:
    first = ConversationStore(path)
    conversation_id = first.create("me").id
    process = writer(path, conversation_id, "a", 100_000)
    assert process.stdout is not None
    told = -1
    while told < after:
        told = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    told = max([told, *(int(line) for line in process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    found = {node.content.split()[0] for node in first.get("me", conversation_id).nodes.values()}
    assert {f"a-{number}" for number in range(told + 1)} <= found <= {f"a-{number}" for number in range(told + 2)}
    with first.change("me", conversation_id) as changing:
        changing.insert(user("goes on"))
    assert contents(first.get("me", conversation_id))[-1] == "goes on"
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    first.close()


def test_a_reader_does_not_wait_for_a_writer_and_sees_the_state_before(store: ConversationStore) -> None:
    conversation_id = store.create("me").id
    with store.change("me", conversation_id) as changing:
        changing.insert(user("a"))
        # One that waited would wait in vain, and say so: the writer goes on after it.
        assert contents(store.get("me", conversation_id)) == []
    assert contents(store.get("me", conversation_id)) == ["a"]


def test_a_change_within_a_change_is_said_to_be_a_mistake_at_once(store: ConversationStore) -> None:
    conversation_id = store.create("me").id
    with pytest.raises(RuntimeError, match="within a change"), store.change("me", conversation_id):
        store.create("me")
    assert store.create("me").id


# The file


def test_only_the_owner_of_the_file_may_read_it_and_its_companions(store: ConversationStore, path: Path) -> None:
    store.create("me")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {f"{path.name}{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}
    store.close()
    path.chmod(0o644)
    again = ConversationStore(path)
    assert len(again.summaries("me")) == 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    again.close()


def test_a_writer_elsewhere_is_waited_for(path: Path) -> None:
    store = ConversationStore(path, wait_seconds=PATIENT_SECONDS)
    conversation_id = store.create("me").id
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.5, lambda: other.execute("COMMIT"))
    timer.start()
    with store.change("me", conversation_id) as changing:
        changing.insert(user("a"))
    timer.join()
    other.close()
    assert contents(store.get("me", conversation_id)) == ["a"]
    store.close()


def test_a_writer_elsewhere_that_does_not_end_is_said_with_what_to_do_and_the_store_recovers(path: Path) -> None:
    store = ConversationStore(path, wait_seconds=0.4)
    conversation_id = store.create("me").id
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(ConversationsUnusable, match="in use by another program") as caught:
        store.delete("me", conversation_id)
    assert 0.3 < time.monotonic() - began < 15 and "again" in caught.value.hint
    assert store.get("me", conversation_id).id == conversation_id
    other.execute("COMMIT")
    other.close()
    store.delete("me", conversation_id)
    store.close()


def test_a_writer_of_this_process_that_does_not_end_is_not_waited_for_forever(path: Path) -> None:
    store = ConversationStore(path, wait_seconds=0.3)
    conversation_id = store.create("me").id
    caught: list[ConversationsUnusable] = []

    def attempt() -> None:
        try:
            store.create("me")
        except ConversationsUnusable as error:
            caught.append(error)

    with store.change("me", conversation_id):
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(30)
    assert len(caught) == 1
    store.close()


def test_a_file_that_is_no_database_is_set_aside_whole_and_said(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this was something else " * 500)
    store = ConversationStore(path)
    assert store.notice is None
    assert store.summaries("me") == []
    (aside,) = [file for file in path.parent.iterdir() if "damaged" in file.name]
    assert aside.read_bytes() == b"this was something else " * 500
    assert store.notice and aside.name in store.notice
    conversation_id = store.create("me", "new").id
    store.close()
    assert ConversationStore(path).get("me", conversation_id).title == "new"


def test_a_file_that_is_damaged_while_in_use_is_set_aside_said_and_a_new_one_begun(path: Path) -> None:
    store = ConversationStore(path)
    old = store.add("me", Conversation([user("x" * 3000) for _ in range(50)])).id
    store.close()
    data = bytearray(path.read_bytes())
    data[4096 * 12 :] = os.urandom(len(data) - 4096 * 12)
    path.write_bytes(data)
    store, beside = ConversationStore(path), ConversationStore(path)
    beside.presets("me")
    with pytest.raises(ConversationsUnusable, match=r"damaged.*set aside") as caught:
        store.get("me", old)
    assert store.notice == caught.value.message and "again" in caught.value.hint
    new = store.create("me", "new").id
    assert beside.get("me", new).title == "new" and beside.notice is None
    beside.close()
    with store.change("me", new) as changing:
        changing.insert(user("goes on"))
    store.close()
    asides = [file for file in path.parent.iterdir() if "damaged" in file.name and file.name[-4] != "-"]
    assert [aside.stat().st_size for aside in asides] == [len(data)]
    assert contents(ConversationStore(path).get("me", new)) == ["goes on"]


def test_a_damage_that_another_process_dealt_with_already_costs_nothing_new(path: Path) -> None:
    first, second = Database(path), Database(path)
    with pytest.raises(ConversationsUnusable, match="damaged"), second.reading() as connection:
        connection.execute("SELECT * FROM conversations")
        with pytest.raises(ConversationsUnusable), first.reading():
            raise damage()
        with first.writing() as new:
            new.execute("INSERT INTO presets VALUES (x'', 'kept', '')")
        raise damage()
    with second.reading() as connection:
        assert connection.execute("SELECT name FROM presets").fetchall() == [("kept",)]
    assert len([file for file in path.parent.iterdir() if "damaged" in file.name and file.name[-4] != "-"]) == 1


def damage() -> sqlite3.Error:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def test_a_reader_sees_one_state_from_its_beginning_to_its_end(store: ConversationStore, path: Path) -> None:
    store.create("me")
    count = "SELECT count(*) FROM conversations"
    with store._database.reading() as connection:
        before = connection.execute(count).fetchall()
        store.create("me")
        assert connection.execute(count).fetchall() == before == [(1,)]
    assert rows(path, count) == [(2,)]


def test_a_file_that_somebody_deletes_is_begun_anew(store: ConversationStore, path: Path) -> None:
    store.create("me")
    for file in path.parent.iterdir():
        file.unlink()
    assert store.summaries("me") == []
    conversation_id = store.create("me").id
    assert ConversationStore(path).get("me", conversation_id).id == conversation_id


def test_a_database_of_a_newer_openarc_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ConversationsUnusable, match="version") as caught:
        ConversationStore(path).summaries("me")
    assert "newer" in caught.value.hint and path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConversationsUnusable) as caught:
        ConversationStore(tmp_path / "file" / "conversations.sqlite3").summaries("me")
    assert "can't be opened" in caught.value.message and caught.value.hint
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConversationsUnusable):
        ConversationStore(tmp_path / "folder").summaries("me")


def test_two_stores_may_make_the_file_at_the_same_time(path: Path) -> None:
    stores = [ConversationStore(path, wait_seconds=PATIENT_SECONDS) for _ in range(6)]
    made: list[str] = []
    threads = [threading.Thread(target=lambda each=each: made.append(each.create("me").id)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.id for each in stores[0].summaries("me")} == set(made) and len(made) == 6


def test_a_closed_store_says_so(store: ConversationStore) -> None:
    store.create("me")
    store.close()
    store.close()
    with pytest.raises(ConversationsUnusable, match="shutting down"):
        store.summaries("me")
