"""What a model sees, over HTTP: tokens, texts, rendered conversations, templates; and the answers read by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openarc_ui.engine.prompts import MAX_LISTED_TOKENS, MAX_TOKENIZED_CHARACTERS
from tests.server.conftest import HELLO, PREFILL, Served
from tests.server.test_routes import problem
from tests.server.test_streams import events_of, send

TOOLS: Any = [{"type": "function", "function": {"name": "weather", "description": "Weather of a place."}}]
CALLING: Any = {
    "replies": [
        {"when": "sunny", "text": "Take no umbrella."},
        {
            "when": "weather",
            "text": 'Let me look. <tool_call>{"name": "weather", "arguments": {"path": "Paris"}}</tool_call>',
        },
        {"when": "think", "text": "<think> I know it. </think> Yes."},
        {"text": "The capital of France is Paris."},
    ]
}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"conversation": [{"role": "user", "content": text}], **more}


def test_a_text_becomes_tokens_and_a_text_again(served: Served) -> None:
    found = served.client.post("/tokenize", json={"text": "Hello there, world"}).json()
    assert (found["model"], found["count"]) == ("script", len(found["tokens"]))
    assert "".join(token["text"] for token in found["tokens"]) == "Hello there, world"
    assert set(found["tokens"][0]) == {"id", "text", "piece", "is_special"}
    ids = [token["id"] for token in found["tokens"]]
    again = served.client.post("/detokenize", json={"tokens": ids, "model": "script"}).json()
    assert again == {"model": "script", "text": "Hello there, world"}


def test_special_tokens_are_spelled_out_or_skipped(served: Served) -> None:
    spelled = served.client.post("/detokenize", json={"tokens": [0]}).json()["text"]
    assert spelled
    assert served.client.post("/detokenize", json={"tokens": [0], "skip_special_tokens": True}).json()["text"] == ""


def test_a_conversation_is_rendered_as_the_model_would_get_it(served: Served) -> None:
    rendered = served.client.post("/apply-template", json=HELLO).json()
    assert rendered["prompt"] == "<user> hello\n<assistant> "
    assert "".join(token["text"] for token in rendered["tokens"]) == rendered["prompt"]
    assert {token["role"] for token in rendered["tokens"]} == {None, "user"}
    assert (rendered["count"], rendered["context_length"]) == (len(rendered["tokens"]), 4096)
    answer = served.client.post("/generate/text", json=HELLO).json()
    assert answer["performance_metrics"]["prompt_tokens"] == rendered["count"]


def test_a_prompt_is_counted_without_its_tokens(served: Served) -> None:
    listed = served.client.post("/apply-template", json=HELLO).json()
    counted = served.client.post("/apply-template", json={**HELLO, "tokens": False}).json()
    assert counted["tokens"] is None
    assert (counted["count"], counted["prompt"]) == (listed["count"], listed["prompt"])


def test_what_is_too_long_to_be_listed_can_be_counted(served: Served) -> None:
    for path, body in (
        ("/tokenize", {"text": "a" * (MAX_TOKENIZED_CHARACTERS + 1)}),
        ("/detokenize", {"tokens": [1] * (MAX_LISTED_TOKENS + 1)}),
    ):
        problem(served.client.post(path, json=body), 422)
    long = said("word " * MAX_LISTED_TOKENS)
    refused = problem(served.client.post("/apply-template", json=long), 422)
    assert "at most 200,000 are listed" in refused["detail"] and '"tokens": false' in refused["hint"]
    assert served.client.post("/apply-template", json={**long, "tokens": False}).json()["count"] > MAX_LISTED_TOKENS


def test_every_option_of_a_prompt_has_its_effect(served: Served) -> None:
    def prompt(**options: Any) -> str:
        return str(served.client.post("/apply-template", json={**HELLO, **options}).json()["prompt"])

    assert "weather" in prompt(tools=TOOLS)
    assert "a leaflet" in prompt(documents=[{"text": "a leaflet"}])
    assert "</think>" in prompt(template_arguments={"enable_thinking": False})
    assert prompt(chat_template="{{ messages[0].content }}!") == "hello!"
    assert prompt(add_generation_prompt=False) == "<user> hello\n"
    begun = [*HELLO["conversation"], {"role": "assistant", "content": "Well,"}]
    assert prompt(conversation=begun, continue_final_message=True).endswith("<assistant> Well,")


def test_the_chat_template_is_told_with_where_it_comes_from(served: Served) -> None:
    told = served.client.get("/chat-template", params={"model": "script"}).json()
    assert "messages" in told["text"] and told["origin"] and not told["is_plain"]


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/tokenize", {"text": "x", "modle": "y"}, 422, "'model'"),
        ("/tokenize", {"text": "x", "model": "scrpt"}, 409, "'script'"),
        ("/detokenize", {"tokens": [10**9]}, 422, ""),
        ("/detokenize", {"tokens": [-1]}, 422, ""),
        ("/detokenize", {"tokens": ["a"]}, 422, "tokens.0"),
        ("/apply-template", {**HELLO, "add_generation_promt": True}, 422, "'add_generation_prompt'"),
        ("/apply-template", {**HELLO, "chat_template": "{% if %}"}, 422, "line 1"),
        ("/apply-template", {**HELLO, "template_arguments": {"tools": []}}, 422, "'tools'"),
        ("/apply-template", {**HELLO, "continue_final_message": True}, 422, "assistant"),
        ("/generate/text", {**HELLO, "continue_final_message": True}, 422, "assistant"),
        ("/generate/text", {**HELLO, "structured_output": {"regex": "a", "choice": ["b"]}}, 422, "exactly one"),
        ("/generate/text", {**HELLO, "tool_format": "hermez"}, 422, "tool_format"),
        ("/generate/text", {"conversation": [[]]}, 422, "conversation"),
        ("/generate/text", {**HELLO, "tools": [{"function": {"nam": "x"}}]}, 422, "'name'"),
    ],
)
def test_what_is_wrong_is_said(served: Served, path: str, body: Any, status: int, says: str) -> None:
    answer = problem(served.client.post(path, json=body), status)
    assert says in answer["detail"] + answer["hint"]


def test_a_broken_template_and_a_refused_structure_have_their_own_codes(serve: Callable[..., Served]) -> None:
    client = serve(script={"rejects_structure": "that is no grammar"}).client
    broken = client.post("/generate/text", json={**HELLO, "chat_template": "{{ raise_exception('no') }}"})
    assert problem(broken, 422)["code"] == "template_refused"
    refused = client.post("/generate/text", json={**HELLO, "structured_output": {"regex": "("}})
    assert problem(refused, 422)["code"] == "structure_rejected"


def test_a_question_does_not_wait_for_a_busy_model(serve: Callable[..., Served]) -> None:
    script = {"max_running": 1, "replies": [{"when": "prompt", "text": "At last.", "prefill_seconds": 60.0}]}
    served = serve(script=script)
    busy = send(served, "/generate/text", PREFILL)
    served.wait_for(lambda: served.running() == 1)
    assert served.client.post("/tokenize", json={"text": "x"}).status_code == 200
    assert served.running() == 1
    busy.close()


def test_a_call_of_a_tool_is_told_beside_the_whole_text(serve: Callable[..., Served]) -> None:
    client = serve(script=CALLING).client
    answer = client.post("/generate/text", json=said("weather?", tools=TOOLS)).json()
    assert "<tool_call>" in answer["generated_text"] and answer["content"] == "Let me look."
    (call,) = answer["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": {"path": "Paris"}} and call["id"]
    done = said("weather?", tools=TOOLS)
    done["conversation"] += [{"role": "assistant", "content": answer["content"], "tool_calls": answer["tool_calls"]},
                             {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}]  # fmt: skip
    assert client.post("/generate/text", json=done).status_code == 200
    untouched = client.post("/generate/text", json=said("weather?", tools=TOOLS, tool_format="none")).json()
    assert untouched["tool_calls"] is None and untouched["content"] == untouched["generated_text"]


def test_thoughts_are_told_apart(serve: Callable[..., Served]) -> None:
    answer = serve(script=CALLING).client.post("/generate/text", json=said("think")).json()
    assert (answer["reasoning_content"], answer["content"].strip()) == ("I know it.", "Yes.")


OPENS_THOUGHTS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<think>\n{# </think> #}"


def test_an_answer_held_to_a_form_has_no_thoughts_also_where_the_prompt_opens_them(
    serve: Callable[..., Served],
) -> None:
    client = serve(script={"replies": [{"text": "Paris."}]}).client
    body = said("hello", chat_template=OPENS_THOUGHTS)
    assert client.post("/generate/text", json=body).json()["reasoning_content"] == "Paris."
    held = client.post("/generate/text", json={**body, "structured_output": {"regex": ".*"}}).json()
    assert (held["content"], held["reasoning_content"]) == ("Paris.", None)


def test_the_answer_to_a_bare_prompt_is_plain_text(serve: Callable[..., Served]) -> None:
    answer = serve(script=CALLING).client.post("/generate/text", json={"prompt": "think"}).json()
    assert answer["content"] == answer["generated_text"] == "<think> I know it. </think> Yes."
    assert answer["reasoning_content"] is None


def test_lists_have_the_same_shape_in_every_part(serve: Callable[..., Served]) -> None:
    client = serve(script=CALLING).client
    batch = {"conversation": [said("weather?")["conversation"], said("think")["conversation"]], "tools": TOOLS}
    answer = client.post("/generate/text", json={**batch, "num_return_sequences": 2}).json()
    for part in ("generated_text", "content", "reasoning_content", "tool_calls", "problems", "finish_reason"):
        assert [len(each) for each in answer[part]] == [2, 2], part
    assert answer["dropped_messages"] == [0, 0] and answer["token_details"] == [None, None]
    first, second = answer["tool_calls"][0]
    assert first[0]["id"] != second[0]["id"]


def test_the_details_of_tokens_come_when_asked_for(served: Served) -> None:
    assert served.client.post("/generate/text", json=HELLO).json()["token_details"] is None
    answer = served.client.post("/generate/text", json={**HELLO, "token_details": True}).json()
    texts = [token["text"] for token in answer["token_details"] if not token["is_special"]]
    assert "".join(texts) == answer["generated_text"]
    assert all(token["log_probability"] < 0 for token in answer["token_details"])
    events = events_of(served.client.post("/generate/stream", json={**HELLO, "token_details": True}).text)
    streamed = [token for event, data in events if event == "message" for token in data.get("details", [])]
    assert [token["id"] for token in streamed] == [token["id"] for token in answer["token_details"]]
    assert events[-1][1]["token_details"] == streamed


def test_the_oldest_messages_are_left_out_when_asked_for_and_counted(serve: Callable[..., Served]) -> None:
    client = serve(script={"context_length": 40}).client
    turns = [{"role": "user", "content": "word " * 10}, {"role": "assistant", "content": "yes"}] * 4
    long = {"conversation": [*turns, {"role": "user", "content": "hello"}], "max_new_tokens": 8}
    assert problem(client.post("/generate/text", json=long), 413)["code"] == "prompt_too_long"
    answer = client.post("/generate/text", json={**long, "when_too_long": "shorten"}).json()
    rendered = client.post("/apply-template", json={**long, "when_too_long": "shorten"}).json()
    assert answer["dropped_messages"] == rendered["dropped_messages"] > 0
