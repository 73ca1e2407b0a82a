"""A backend that plays a script: texts, delays, errors, a crash. It ships, so that everything around an engine can be
tried without a model.

A model for it is a folder with a `script.json`:

    {"replies": [{"when": "weather", "text": "Sunny.", "prefill_seconds": 0.2, "token_seconds": 0.01,
                  "inference_share": null, "sampling_share": null, "error": null, "crash_after_tokens": null,
                  "probabilities": [0.9, 0.5]}],
     "load_seconds": 0.0, "load_error": null, "context_length": 4096, "max_running": 8, "lacks": ["min_p"],
     "generation_config": {}, "rejects_structure": null, "kv_cache_percent": null, "kv_cache_bytes": null,
     "speeds": [{"when": {"ov_config.INFERENCE_NUM_THREADS": "2", "scheduler.cache_size": null}, "factor": 0.5}],
     "speed_noise": 0.0, "noise_seed": null,
     "fails_when": [{"when": {"ov_config.KV_CACHE_PRECISION": "u4"}, "error": "no room"}]}

The first reply whose `when` is in the last user's message, or in a prompt that is no conversation, is played; without one,
`seed` picks among the replies that have no `when` (greedy takes the first). Other sampling numbers change nothing but the
length: the text is given, also where a structure was asked for; `rejects_structure` is a reason to refuse any.

`probabilities` are those of the reply's tokens in turn, over and over; without them they are 0.9, 0.8, ... 0.1 in turn.
The alternatives are the token itself and the end of the text, which has the rest of the probability. `lacks` may name
sampling parameters, and "structured_output", "probabilities" and "alternatives".

`inference_share` and `sampling_share` of `token_seconds` are told as inference and sampling; null: nothing is told of either.
`kv_cache_percent` and `kv_cache_bytes` are in use while something is played.

`prefill_seconds` and `token_seconds` are multiplied by every factor of `speeds` whose `when` the load has (compared as text;
null: left out), and for each request by a normally distributed one around 1 with the standard deviation `speed_noise`. With
a `noise_seed` every load draws the same ones. A load that has a `when` of `fails_when` fails. Any ov_config is taken.
"""

from __future__ import annotations

import math
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from openarc_ui import __version__
from openarc_ui.engine.backends.base import Job, LoadedModel, ReachStage, TokenOdds
from openarc_ui.engine.backends.scripted_speed import FailsWhen, Speed, matches, noise_factor, speed_factor
from openarc_ui.engine.backends.scripted_text import END_OF_TEXT, ScriptedText
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.engine.sampling import SAMPLING_NAMES
from openarc_ui.engine.types import BackendName, FinishReason, LoadRequest, WorkerGauges
from openarc_ui.errors import GenerationFailed, ModelLoadFailed, ParameterNotSupported, StructureRejected

PROBABILITIES = tuple(tenths / 10 for tenths in range(9, 0, -1))


class Reply(BaseModel):
    """One scripted answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str = ""
    when: str | None = None
    prefill_seconds: float = 0.0
    token_seconds: float = 0.0
    inference_share: float | None = Field(None, ge=0, le=1)
    sampling_share: float | None = Field(None, ge=0, le=1)
    error: str | None = None
    crash_after_tokens: int | None = None
    probabilities: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(PROBABILITIES, min_length=1)

    @model_validator(mode="after")
    def _shares_are_of_one_step(self) -> Reply:
        shares = (self.inference_share, self.sampling_share)
        if (shares[0] is None) != (shares[1] is None):
            raise ValueError("inference_share and sampling_share are told together")
        if sum(share or 0.0 for share in shares) > 1:
            raise ValueError("inference_share and sampling_share together are more than the whole")
        return self


class Script(BaseModel):
    """What script.json holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    replies: tuple[Reply, ...] = (Reply(text="Hello from the script."),)
    load_seconds: float = 0.0
    load_error: str | None = None
    context_length: int | None = 4096
    max_running: int = 8
    lacks: tuple[str, ...] = ()
    generation_config: dict[str, Any] = {}
    rejects_structure: str | None = None
    kv_cache_percent: float | None = Field(None, ge=0, le=100)
    kv_cache_bytes: int | None = Field(None, ge=0)
    speeds: tuple[Speed, ...] = ()
    speed_noise: float = Field(0.0, ge=0, lt=1)
    noise_seed: int | None = None
    fails_when: tuple[FailsWhen, ...] = ()


@dataclass(slots=True)
class _Performance:
    """A job being played: the ids of each sequence and how far it is."""

    job: Job
    reply: Reply
    token_ids: list[int]
    ready_at: float
    position: int = 0


class ScriptedBackend:
    """Plays the script of a folder, several requests at once, one token each a step."""

    name: BackendName = "scripted"
    supported_sampling = SAMPLING_NAMES
    max_running = 8
    tells_probabilities = True
    most_alternatives = 2
    has_structured_output = True

    def __init__(self) -> None:
        self._script = Script()
        self._text = ScriptedText()
        self._playing: list[_Performance] = []
        self._factor = 1.0
        self._chance = random.Random()

    def load(self, request: LoadRequest, path: str, reach_stage: ReachStage) -> LoadedModel:
        reach_stage("Reading the script", 0.3)
        try:
            self._script = Script.model_validate_json((Path(path) / "script.json").read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise ModelLoadFailed(
                f"script.json can't be used: {error}", "Compare it with the scripted backend's docstring."
            ) from error
        reach_stage("Rehearsing", 0.6)
        time.sleep(self._script.load_seconds)
        planted = next((each.error for each in self._script.fails_when if matches(request, each.when)), None)
        if error_words := self._script.load_error or planted:
            raise ModelLoadFailed(error_words, "The script says so.")
        self._factor = speed_factor(request, self._script.speeds)
        self._chance = random.Random(self._script.noise_seed)
        self.max_running = self._script.max_running
        lacks = set(self._script.lacks)
        self.supported_sampling = SAMPLING_NAMES - lacks
        self.tells_probabilities = "probabilities" not in lacks
        self.most_alternatives = 0 if lacks & {"probabilities", "alternatives"} else 2
        self.has_structured_output = "structured_output" not in lacks
        return LoadedModel(
            execution_devices=(request.device,),
            effective_properties={name: str(value) for name, value in request.ov_config.items()},
            context_length=self._script.context_length,
            context_source="script.json" if self._script.context_length else "",
            generation_config=dict(self._script.generation_config),
            versions={"openarc": __version__},
        )

    @property
    def text(self) -> ScriptedText:
        return self._text

    def check_structure(self, structure: StructuredOutput) -> None:
        if "structured_output" in self._script.lacks:
            raise ParameterNotSupported("The script has no structured output.", "Leave structured_output out.")
        if self._script.rejects_structure is not None:
            raise StructureRejected(self._script.rejects_structure, "The script says so.")

    def start(self, job: Job) -> None:
        reply = self._choose(job)
        factor = self._factor * noise_factor(self._chance, self._script.speed_noise)
        seconds = {name: getattr(reply, name) * factor for name in ("prefill_seconds", "token_seconds")}
        reply = reply.model_copy(update=seconds)
        token_ids = [*self._text.encode(reply.text), END_OF_TEXT]
        self._playing.append(_Performance(job, reply, token_ids, time.perf_counter() + reply.prefill_seconds))

    def step(self, on_output: Callable[[], None]) -> None:
        time.sleep(max((each.reply.token_seconds for each in self._playing), default=0.0))
        for playing in list(self._playing):
            self._advance(playing)
        on_output()
        if self._playing and all(each.ready_at > time.perf_counter() for each in self._playing):
            time.sleep(0.005)

    def gauges(self) -> WorkerGauges:
        percent, used_bytes = self._script.kv_cache_percent, self._script.kv_cache_bytes
        if self._playing:
            return WorkerGauges(percent, used_bytes)
        return WorkerGauges(None if percent is None else 0.0, None if used_bytes is None else 0)

    def reset(self) -> None:
        self._playing.clear()

    def close(self) -> None:
        self._playing.clear()

    def _advance(self, playing: _Performance) -> None:
        job, reply = playing.job, playing.reply
        indices = range(job.sampling.num_return_sequences)
        if all(job.wants_stop(index) for index in indices):
            self._end(playing, FinishReason.CANCELLED)
            return
        if playing.ready_at > time.perf_counter():
            return
        if reply.error is not None:
            self._playing.remove(playing)
            job.fail(GenerationFailed(reply.error, "The script says so."))
            return
        if reply.crash_after_tokens is not None and playing.position >= reply.crash_after_tokens:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        token_id = self._next_id(playing)
        odds = self._odds(playing, token_id) if job.wants_odds else ()
        playing.position += 1
        for index in indices:
            job.push(index, [token_id], odds)
        if token_id == END_OF_TEXT and not job.sampling.ignore_eos:
            self._end(playing, FinishReason.STOP)
        elif playing.position >= job.sampling.max_new_tokens:
            self._end(playing, FinishReason.LENGTH)

    def _next_id(self, playing: _Performance) -> int:
        """The reply's next token; its words once more while the answer has to be longer than they are."""
        position, words, sampling = playing.position, len(playing.token_ids) - 1, playing.job.sampling
        if not sampling.ignore_eos and position >= max(words, sampling.min_new_tokens):
            return END_OF_TEXT
        is_short = position < sampling.min_new_tokens and words > 0
        return playing.token_ids[position % (words if is_short else words + 1)]

    def _odds(self, playing: _Performance, token_id: int) -> tuple[TokenOdds, ...]:
        if "probabilities" in self._script.lacks:
            return ()
        given = playing.reply.probabilities
        own = given[playing.position % len(given)]
        both = {END_OF_TEXT: math.log(1 - own), token_id: math.log(own)}
        likeliest = tuple(sorted(both.items(), key=lambda each: -each[1]))
        return (TokenOdds(math.log(own), () if "alternatives" in self._script.lacks else likeliest),)

    def _end(self, playing: _Performance, reason: FinishReason) -> None:
        job, reply = playing.job, playing.reply
        if reply.inference_share is not None and reply.sampling_share is not None and playing.position:
            decode_seconds = (playing.position - 1) * reply.token_seconds
            job.told(reply.inference_share * decode_seconds, reply.sampling_share * decode_seconds)
        for index in range(job.sampling.num_return_sequences):
            job.finish(index, reason)
        self._playing.remove(playing)

    def _choose(self, job: Job) -> Reply:
        prompt = self._text.decode(job.prompt_ids)
        last = prompt[max(0, prompt.rfind("<user>")) :]
        for reply in self._script.replies:
            if reply.when is not None and reply.when in last:
                return reply
        free = [reply for reply in self._script.replies if reply.when is None] or [Reply(text="Nothing fits.")]
        return random.Random(job.sampling.seed).choice(free) if job.sampling.do_sample else free[0]
