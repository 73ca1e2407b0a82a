"""Inference and sampling where a library runs the loop: taken apart at the model's forward and the streamer."""

from __future__ import annotations

import inspect

import pytest

from openarc_ui.engine.backends.step_clock import StepClock


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_steps_after_the_first_are_taken_apart() -> None:
    moments = Clock()
    steps = StepClock(moments)

    def forward(seconds: float) -> str:
        moments.now += seconds
        return "logits"

    timed = steps.timed(forward)
    for inference, sampling, rest in ((5.0, 1.0, 0.5), (0.2, 0.01, 0.5), (0.3, 0.02, 0.5)):
        assert timed(inference) == "logits"
        moments.now += sampling
        steps.chosen()
        moments.now += rest
    assert steps.inference_seconds == pytest.approx(0.5)
    assert steps.sampling_seconds == pytest.approx(0.03)
    steps.restart()
    assert (steps.inference_seconds, steps.sampling_seconds) == (0.0, 0.0)


def test_a_timed_function_looks_like_the_one_it_times() -> None:
    """transformers reads the parameters of `forward` to know what to give it."""

    def forward(input_ids: int, attention_mask: int) -> None: ...

    assert inspect.signature(StepClock().timed(forward)) == inspect.signature(forward)
