"""What stands in the requests that measuring sends."""

from __future__ import annotations

from openarc_ui.engine.sampling import SAMPLING_NAMES
from openarc_ui.engine.types import Message
from openarc_ui.tuning.measuring.asking import Asking

ALL = frozenset(SAMPLING_NAMES)
HELLO = (Message(role="user", content="Hello."),)


def test_a_measured_request_is_greedy_and_goes_on_past_the_end_of_the_text() -> None:
    request = Asking("tuning", ALL).measured(32, (1, 2, 3))
    assert request.prompt == (1, 2, 3) and request.conversation == ()
    assert (request.max_new_tokens, request.ignore_eos, request.do_sample) == (32, True, False)
    assert (request.model, request.source) == ("tuning", "tuning")


def test_defaults_of_the_load_can_neither_end_nor_lengthen_nor_multiply_a_measured_answer() -> None:
    request = Asking("tuning", ALL).measured(32, HELLO)
    assert (request.stop, request.stop_token_ids, request.num_return_sequences, request.min_new_tokens) == (
        (),
        (),
        1,
        0,
    )
    assert request.conversation == HELLO and request.prompt is None


def test_a_backend_without_ignore_eos_is_given_a_least_length() -> None:
    asking = Asking("tuning", ALL - {"ignore_eos"})
    request = asking.measured(32, (1,))
    assert request.ignore_eos is None and request.min_new_tokens == 32
    assert asking.is_exact


def test_a_backend_with_neither_is_not_claimed_to_be_exact() -> None:
    asking = Asking("tuning", ALL - {"ignore_eos", "min_new_tokens"})
    request = asking.measured(32, (1,))
    assert request.ignore_eos is None and request.min_new_tokens is None
    assert not asking.is_exact


def test_nothing_is_asked_that_the_backend_does_not_have() -> None:
    request = Asking("tuning", frozenset({"max_new_tokens"})).measured(8, (1,))
    given = request.sampling().model_dump(exclude_none=True)
    assert given == {"max_new_tokens": 8}


def test_a_greedy_answer_depends_on_no_default_and_tells_its_tokens() -> None:
    request = Asking("tuning", ALL).greedy(24, "Hello.")
    assert request.conversation == HELLO
    assert (request.do_sample, request.ignore_eos, request.token_details) == (False, False, True)
    assert (request.repetition_penalty, request.presence_penalty, request.frequency_penalty) == (1.0, 0.0, 0.0)
