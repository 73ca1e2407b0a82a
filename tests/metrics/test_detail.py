"""One request in full, and as a curl that asks the same again."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from openarc_ui.engine.abilities import Abilities
from openarc_ui.engine.sampling import SAMPLING_NAMES
from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport
from openarc_ui.errors import RequestNotFound
from openarc_ui.metrics import detail
from openarc_ui.metrics.definitions import STAGES
from openarc_ui.metrics.detail import RequestDetail, generation_curl
from openarc_ui.metrics.rows import TABLES, details_row, request_row
from openarc_ui.metrics.schema import REQUEST_COLUMNS, migrate
from openarc_ui.server.openai.completion_bodies import CompletionBody
from openarc_ui.server.schemas import GenerateBody
from tests.metrics.exposed import INFO
from tests.reports import WHOLE, report, unmeasured

EVERYTHING = GenerationRequest.model_validate(
    {
        "conversation": [
            {"role": "system", "content": 'It\'s "quoted", $HOME, `ls` and \\ back.'},
            {"role": "user", "content": "Zwei Zeilen\nJSON\nEOF 日本 🦉\t'"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"x": None}}}]},
            {"role": "tool", "content": "0", "tool_call_id": "1"},
            {"role": "assistant", "content": "It is"},
        ],
        "continue_final_message": True,
        "tools": [{"type": "function", "function": {"name": "f", "description": "secret"}}],
        "documents": [{"title": "secret"}],
        "template_arguments": {"enable_thinking": False, "persona": "secret"},
        "chat_template": "{{ messages }} secret",
        "structured_output": {"json_schema": {"type": "object", "default": None}},
        "temperature": 0.0,
        "top_k": 0,
        "do_sample": False,
        "max_new_tokens": 7,
        "num_return_sequences": 1,
        "stop": ["secret"],
        "token_details": True,
        "when_too_long": "shorten",
        "request_id": "mine",
        "model": "asked for",
        "source": "chat",
    }
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "metrics.sqlite3", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def put(
    connection: sqlite3.Connection,
    of: PerformanceReport,
    request: GenerationRequest | None = None,
    keep_texts: bool = False,
    texts: tuple[str, ...] = ("Hello.",),
) -> None:
    connection.execute(TABLES["requests"].insert, request_row(of, keep_texts)[1])
    if request is not None:
        connection.execute(TABLES["details"].insert, details_row(request, texts, of, keep_texts)[1])


def kept(
    connection: sqlite3.Connection, request: GenerationRequest, keep_texts: bool = False, **changes: Any
) -> RequestDetail:
    put(connection, report(**changes), request, keep_texts)
    return detail.request(connection, "r")


def body_of(curl: str) -> dict[str, Any]:
    """What the curl sends, as the shell would hand it over."""
    body: dict[str, Any] = json.loads(curl.split("<<'JSON'\n")[1].rpartition("\nJSON\n")[0])
    return body


def same_request(curl: str) -> dict[str, Any]:
    """The engine's request that our own route makes of the curl's body."""
    (request,) = GenerateBody.model_validate(body_of(curl)).requests()
    return request.model_dump()


def test_every_column_comes_back_but_the_gaps_which_are_numbers(connection: sqlite3.Connection) -> None:
    put(connection, WHOLE)
    found = detail.request(connection, "r")
    assert set(found.row) == {"id", *REQUEST_COLUMNS} - {"inter_token_latencies_seconds"}
    for name, value in found.row.items():
        assert name == "id" or value == getattr(WHOLE, name), name
    assert found.gaps_seconds == pytest.approx(WHOLE.inter_token_latencies_seconds)
    assert all(type(gap) is float for gap in found.gaps_seconds)
    assert (found.settings, found.messages, found.answers, found.configuration) == (None, None, None, None)


def test_the_stages_add_up_to_the_whole_in_their_order(connection: sqlite3.Connection) -> None:
    whole = report(decode_inference_seconds=0.25, decode_sampling_seconds=0.02, stream_seconds=0.003)
    put(connection, whole)
    stages = dict(detail.request(connection, "r").stages)
    assert list(stages) == [stage.name for stage in STAGES]
    assert sum(stages.values()) == pytest.approx(whole.total_seconds, abs=1e-9)
    assert (stages["inference"], stages["sampling"], stages["decode"]) == (0.25, 0.02, 0.0)
    assert stages["other"] == pytest.approx(0.6 - 0.001 - 0.002 - 0.003 - 0.19 - 0.25 - 0.02 - 0.001 - 0.003)


def test_of_a_backend_that_tells_no_parts_decode_is_one_stage(connection: sqlite3.Connection) -> None:
    put(connection, report(decode_inference_seconds=None, decode_sampling_seconds=None, stream_seconds=None))
    stages = dict(detail.request(connection, "r").stages)
    assert stages["decode"] == pytest.approx(0.3 - 0.001)
    assert (stages["inference"], stages["sampling"]) == (0.0, 0.0)
    assert sum(stages.values()) == pytest.approx(0.6)


def test_a_request_that_failed_early_has_no_gaps_and_all_its_time_in_other(connection: sqlite3.Connection) -> None:
    failed = unmeasured(finish_reason=FinishReason.ERROR, error_code="worker_died", error_message="It died.")
    put(connection, failed)
    found = detail.request(connection, "r")
    assert found.gaps_seconds == ()
    assert dict(found.stages)["other"] == failed.total_seconds
    assert (found.row["error_message"], found.row["ttft_seconds"]) == ("It died.", None)
    assert "curl" in generation_curl(found)


def test_an_unknown_id_is_refused_with_a_code(connection: sqlite3.Connection) -> None:
    put(connection, WHOLE)
    for unknown in ("R", "", "r ", "' OR 1 --", "x" * 10_000, "\ud800".encode("utf-8", "replace").decode()):
        with pytest.raises(RequestNotFound) as refused:
            detail.request(connection, unknown)
        assert refused.value.code == "request_not_found"
        assert refused.value.hint


def test_of_an_id_that_was_used_twice_the_newest_counts(connection: sqlite3.Connection) -> None:
    put(connection, report(prompt_tokens=1))
    put(connection, report(prompt_tokens=2))
    assert detail.request(connection, "r").row["prompt_tokens"] == 2


def test_of_an_id_that_was_used_twice_each_opens_by_its_row_number_with_its_own_texts(
    connection: sqlite3.Connection,
) -> None:
    """Both were waiting, so both requests are written before the details of either."""
    first, second = (report(submitted_at=moment, seed=int(moment)) for moment in (1.0, 2.0))
    put(connection, first)
    put(connection, second)
    for each, text in ((second, "Two."), (first, "One.")):
        connection.execute(TABLES["details"].insert, details_row(EVERYTHING, (text,), each, True)[1])
    assert detail.request(connection, "r").answers == ("Two.",)
    opened = [detail.request(connection, row) for row in (1, 2)]
    assert [(each.row["seed"], each.answers) for each in opened] == [(1, ("One.",)), (2, ("Two.",))]
    assert [each.settings["seed"] for each in opened if each.settings] == [1, 2]


def test_an_unknown_row_number_is_refused_with_a_code(connection: sqlite3.Connection) -> None:
    put(connection, report(request_id="2"))
    for unknown in (2, 0, -1, 2**63, -(2**70)):
        with pytest.raises(RequestNotFound):
            detail.request(connection, unknown)
    assert detail.request(connection, "2").row["id"] == 1


def test_the_configuration_it_ran_under_comes_with_it(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO configurations VALUES ('abc', 0, ?)", (json.dumps({"device": "CPU"}),))
    put(connection, WHOLE)
    assert detail.request(connection, "r").configuration == {"device": "CPU"}


def test_texts_come_back_only_where_they_were_kept(connection: sqlite3.Connection) -> None:
    put(connection, report(request_id="kept"), EVERYTHING, keep_texts=True, texts=("One.", "Two."))
    put(connection, report(request_id="not"), EVERYTHING)
    with_texts, without = (detail.request(connection, name) for name in ("kept", "not"))
    assert with_texts.answers == ("One.", "Two.")
    assert with_texts.messages is not None and len(with_texts.messages["conversation"]) == 5
    assert (without.answers, without.messages) == (None, None)
    assert without.settings == with_texts.settings
    assert without.settings is not None and without.settings["sampling"]["max_new_tokens"] == 7


def test_a_curl_with_texts_asks_for_exactly_the_same(connection: sqlite3.Connection) -> None:
    found = kept(connection, EVERYTHING, keep_texts=True, seed=0)
    curl = generation_curl(found)
    assert curl.startswith("curl --fail-with-body http://127.0.0.1:7860/generate/text ")
    again, before = same_request(curl), EVERYTHING.model_dump()
    assert (again["seed"], again["model"], again["source"]) == (0, "model", "rest")
    assert again["request_id"] != "mine", "an id names one request"
    for name in before.keys() - {"seed", "model", "source", "request_id"}:
        assert again[name] == before[name], name


def test_a_curl_without_texts_has_every_setting_and_says_what_is_missing(connection: sqlite3.Connection) -> None:
    found = kept(connection, EVERYTHING, seed=11)
    curl = generation_curl(found)
    comments = [line for line in curl.splitlines() if line.startswith("# ")]
    assert comments == [
        '# Replace "your prompt here": the texts of this request were not kept, or are for the administrator.',
        "# Not kept either, so left out: 4 other messages, stop (1), tools (1), documents (1), template_arguments (1), "
        "structured_output (json_schema), chat_template, continue_final_message.",
    ]
    assert "secret" not in curl
    again = same_request(curl)
    assert [message["content"] for message in again["conversation"]] == ["your prompt here"]
    for name in ("temperature", "top_k", "do_sample", "max_new_tokens", "token_details", "when_too_long"):
        assert again[name] == getattr(EVERYTHING, name), name
    assert (again["seed"], again["template_arguments"]) == (11, {"enable_thinking": False})


def test_what_was_not_asked_for_is_not_in_the_curl(connection: sqlite3.Connection) -> None:
    plain = GenerationRequest.model_validate({"conversation": [{"role": "user", "content": "Hi"}]})
    found = kept(connection, plain)
    curl = generation_curl(found)
    assert curl.count("#") == 1
    assert body_of(curl) == {
        "conversation": [{"role": "user", "content": "your prompt here"}],
        "model": "model",
        "seed": 7,
    }


def test_a_request_from_before_settings_were_kept_says_so(connection: sqlite3.Connection) -> None:
    put(connection, report(seed=None))
    curl = generation_curl(detail.request(connection, "r"))
    assert "# The settings of this request were not kept; those of the model are used.\n" in curl
    assert "seed" not in body_of(curl)


def test_a_key_is_taken_from_the_environment_and_never_written(connection: sqlite3.Connection) -> None:
    found = kept(connection, EVERYTHING)
    assert '-H "Authorization: Bearer $OPENARC_API_KEY"' in generation_curl(found, needs_key=True)
    assert "Authorization" not in generation_curl(found)


@pytest.mark.parametrize("address", ["http://host:1/", "http://host:1"])
def test_the_address_is_the_one_given(connection: sqlite3.Connection, address: str) -> None:
    assert " http://host:1/generate/text " in generation_curl(kept(connection, EVERYTHING), address)


def test_an_address_can_not_add_to_the_command(connection: sqlite3.Connection) -> None:
    curl = generation_curl(kept(connection, EVERYTHING), "http://h/'; touch x; '")
    assert "'http://h/'\"'\"'; touch x; '\"'\"'/generate/text'" in curl


class Listener(BaseHTTPRequestHandler):
    """Remembers what curl sent."""

    seen: list[tuple[str, str | None, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[str, list[Any]]]:
    class Own(Listener):
        seen: list[Any] = []  # noqa: RUF012 - one list for this server is the point

    server = HTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Own.seen
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and bash")
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=some.text(max_size=60).filter(lambda text: text.isprintable() or "\n" in text))
def test_a_shell_sends_whatever_was_typed_unchanged(listening: tuple[str, list[Any]], said: str) -> None:
    address, seen = listening
    messages = {"conversation": [{"role": "user", "content": f"{said}\nJSON\n'$(touch x)'"}], "temperature": 0.5}
    found = RequestDetail({"model": "it's", "seed": 3}, (), (), {}, messages, None, None)
    key = {**os.environ, "OPENARC_API_KEY": "from the environment"}
    curl = generation_curl(found, address, needs_key=True)
    subprocess.run(["bash", "-euc", curl], check=True, env=key, capture_output=True, timeout=20)
    assert seen[-1] == (
        "/generate/text",
        "Bearer from the environment",
        {**messages, "model": "it's", "seed": 3},
    )


def test_a_long_prompt_is_no_argument_of_a_command(listening: tuple[str, list[Any]]) -> None:
    address, seen = listening
    messages = {"conversation": [{"role": "user", "content": "long " * 100_000}]}
    found = RequestDetail({"model": "m", "seed": None}, (), (), {}, messages, None, None)
    subprocess.run(["bash", "-eu"], input=generation_curl(found, address).encode(), check=True, timeout=20)
    assert seen[-1][2]["conversation"] == messages["conversation"]


def test_half_of_a_surrogate_pair_is_escaped(connection: sqlite3.Connection) -> None:
    messages = {"conversation": [{"role": "user", "content": "half \ud83e"}]}
    found = RequestDetail({"model": "m", "seed": None}, (), (), {}, messages, None, None)
    curl = generation_curl(found)
    curl.encode("utf-8")
    assert body_of(curl)["conversation"] == messages["conversation"]


PROMPT = GenerationRequest.model_validate(
    {
        "prompt": "It's a secret: JSON\nand more",
        "max_new_tokens": 9,
        "min_new_tokens": 2,
        "num_return_sequences": 2,
        "temperature": 0.5,
        "stop": ["secret"],
        "stop_token_ids": [7],
        "token_details": True,
        "user": "secret person",
        "structured_output": {"choice": ["secret"]},
        "source": "openai",
    }
)


def same_completion(curl: str) -> dict[str, Any]:
    """The engine's request that our own route makes of the curl's body."""
    able = Abilities(True, 5, True, tuple(SAMPLING_NAMES))
    body = CompletionBody.model_validate(body_of(curl))
    (request,) = body.order(dataclasses.replace(INFO, name="model", abilities=able), "r").requests
    return request.model_dump()


@pytest.mark.parametrize("prompt", [PROMPT.prompt, (5, 6, 7)], ids=["text", "ids"])
def test_a_curl_of_a_prompt_asks_the_completions_for_exactly_the_same(
    connection: sqlite3.Connection, prompt: str | tuple[int, ...]
) -> None:
    asked = PROMPT.model_copy(update={"prompt": prompt})
    curl = generation_curl(kept(connection, asked, keep_texts=True, seed=5))
    assert curl.startswith("curl --fail-with-body http://127.0.0.1:7860/v1/completions ")
    again, before = same_completion(curl), asked.model_dump()
    assert (again["seed"], again["model"]) == (5, "model")
    for name in before.keys() - {"seed", "model", "request_id"}:
        assert again[name] == before[name], name


def test_a_greedy_prompt_is_greedy_by_its_temperature(connection: sqlite3.Connection) -> None:
    asked = GenerationRequest(prompt="Hi", do_sample=False, max_new_tokens=3)
    body = body_of(generation_curl(kept(connection, asked, keep_texts=True, seed=None)))
    assert body == {"prompt": "Hi", "model": "model", "max_tokens": 3, "temperature": 0}


@pytest.mark.parametrize(("prompt", "fact"), [("four", "prompt_characters"), ((1, 2, 3, 4), "prompt_tokens")])
def test_of_a_prompt_only_its_length_is_kept(
    connection: sqlite3.Connection, prompt: str | tuple[int, ...], fact: str
) -> None:
    found = kept(connection, PROMPT.model_copy(update={"prompt": prompt}))
    assert found.settings is not None
    assert found.settings["texts"] == {
        fact: 4,
        "stop": 1,
        "stop_token_ids": 1,
        "structured_output": "choice",
        "user": True,
    }
    assert "secret" not in json.dumps(found.settings)
    curl = generation_curl(found)
    assert "/v1/completions" in curl and body_of(curl)["prompt"] == "your prompt here"
    assert "stop (1), stop_token_ids (1), structured_output (choice), user." in curl
