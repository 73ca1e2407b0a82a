"""A request in OpenTelemetry's words for generative AI: attributes, parts and figures. Pure, and nothing that a person typed.

Names, units and bounds are those of the semantic conventions (github.com/open-telemetry/semantic-conventions, docs/gen-ai),
which are still in development there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport
from openarc_ui.metrics.outcomes import outcome_of

AttributeValue = str | int | float | tuple[str, ...]
Attributes = Mapping[str, AttributeValue]

OPERATION = "chat"
PROVIDER = "openarc"
OTHER_ERROR = "_OTHER"

SAMPLING = {
    "max_new_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "seed": "gen_ai.request.seed",
    "min_p": "openarc.request.min_p",
    "repetition_penalty": "openarc.request.repetition_penalty",
}
"""Field of a request -> attribute. Stop strings have one too, but somebody typed them."""
DOUBLES = {"temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p", "repetition_penalty"}


@dataclass(frozen=True, slots=True)
class Instrument:
    """One histogram of the conventions, with the bounds that they say it should have."""

    name: str
    unit: str
    description: str
    bounds: tuple[float, ...]


DURATION = Instrument(
    "gen_ai.server.request.duration",
    "s",
    "From submission until the request ended.",
    (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
FIRST_TOKEN = Instrument(
    "gen_ai.server.time_to_first_token",
    "s",
    "Time to first token of requests that succeeded.",
    (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
OUTPUT_TOKEN = Instrument(
    "gen_ai.server.time_per_output_token",
    "s",
    "Time per output token after the first of requests that succeeded.",
    (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
)
TOKEN_USAGE = Instrument(
    "gen_ai.client.token.usage",
    "{token}",
    "Tokens of a request: its prompt's, and those it generated.",
    tuple(float(4**power) for power in range(14)),
)
INSTRUMENTS = (DURATION, FIRST_TOKEN, OUTPUT_TOKEN, TOKEN_USAGE)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a request's time, in seconds from its submission."""

    name: str
    begins_at: float
    seconds: float


def of_request(request: GenerationRequest) -> Attributes:
    """What was asked for, in numbers; a field that was left out is absent."""
    found: dict[str, AttributeValue] = {}
    for field, attribute in SAMPLING.items():
        value = getattr(request, field)
        if value is not None:
            found[attribute] = float(value) if field in DOUBLES else value
    if request.num_return_sequences is not None and request.num_return_sequences != 1:
        found["gen_ai.request.choice.count"] = request.num_return_sequences
    if request.structured_output is not None:
        found["gen_ai.output.type"] = "json" if request.structured_output.json_schema is not None else "text"
    return found


def of_report(report: PerformanceReport) -> Attributes:
    """What the request's span says of how it ended and what it cost."""
    found: dict[str, AttributeValue | None] = {
        **common(report),
        "gen_ai.response.id": report.request_id,
        "gen_ai.response.finish_reasons": (outcome_of(report),),
        "gen_ai.usage.input_tokens": report.prompt_tokens,
        "gen_ai.usage.output_tokens": report.generated_tokens,
        "gen_ai.usage.cache_read.input_tokens": report.cached_prompt_tokens,
        "error.type": error_type(report),
        "openarc.backend": report.backend,
        "openarc.device": report.device,
        "openarc.configuration_id": report.configuration_id,
        "openarc.source": report.source,
        "openarc.concurrent_requests": report.concurrent_requests,
        "openarc.dropped_messages": report.dropped_messages,
        "openarc.time_to_first_token": report.ttft_seconds,
        "openarc.time_per_output_token": report.tpot_seconds,
    }
    return {name: value for name, value in found.items() if value is not None}


def common(report: PerformanceReport) -> Attributes:
    """What span and metrics share."""
    return {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": report.model,
        "gen_ai.response.model": report.model,
    }


def error_type(report: PerformanceReport) -> str | None:
    """The error's code, None where there was none. Its message may quote the prompt, so it is not told."""
    return (report.error_code or OTHER_ERROR) if report.finish_reason is FinishReason.ERROR else None


def parts(report: PerformanceReport) -> Iterator[Part]:
    """Queue, prefill and decode, as far as the request came."""
    if report.queue_seconds is not None:
        yield Part("queue", 0.0, report.queue_seconds)
    if report.ttft_seconds is None:
        return
    if report.prefill_seconds is not None:
        yield Part("prefill", report.ttft_seconds - report.prefill_seconds, report.prefill_seconds)
    if report.decode_seconds is not None:
        yield Part("decode", report.ttft_seconds, report.decode_seconds)


def figures(report: PerformanceReport) -> Iterator[tuple[Instrument, float, Attributes]]:
    """What each histogram is given."""
    shared = common(report)
    failed = error_type(report)
    yield DURATION, report.total_seconds, {**shared, "error.type": failed} if failed else shared
    if report.finish_reason in (FinishReason.STOP, FinishReason.LENGTH):
        if report.ttft_seconds is not None:
            yield FIRST_TOKEN, report.ttft_seconds, shared
        if report.tpot_seconds is not None:
            yield OUTPUT_TOKEN, report.tpot_seconds, shared
    if report.prompt_tokens is not None:
        yield TOKEN_USAGE, report.prompt_tokens, {**shared, "gen_ai.token.type": "input"}
        yield TOKEN_USAGE, report.generated_tokens, {**shared, "gen_ai.token.type": "output"}
