"""How a run was measured, in sentences for a reader who has only the report. Pure; docs/tuning.md has all of it."""

from __future__ import annotations

from openarc_ui.tuning.figures import NOUNS
from openarc_ui.tuning.judging.statistics import CONFIDENCE_PERCENT, FEWEST_ROUNDS, FEWEST_SAMPLES, FEWEST_VISITS
from openarc_ui.tuning.reading import objectives_of, request_of, workload_words, workloads_of
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, SweepRequest
from openarc_ui.tuning.results import ConfigurationState, RunView


def method_of(view: RunView) -> list[str]:
    """What was asked, in which order, and what the numbers are."""
    request = request_of(view)
    workloads = "; ".join(f"{each.name}: {workload_words(each)}" for each in workloads_of(view))
    times = "once" if request.repetitions == 1 else f"{request.repetitions} times"
    return [
        _order_words(request, view),
        f"In each visit the model was loaded anew, warmed up with one repetition that is not counted, and asked {times} "
        f"({workloads}). {_text_words(view)} Generation is greedy, of the length that is given where the backend has a way to that.",
        f"Numbers are medians of all repetitions. A 95% interval is by visits from {FEWEST_VISITS} visits on, else by "
        f"repetitions where there are at least {FEWEST_SAMPLES}. A difference is called one only where the "
        f"interval of the rounds' ratios, of {CONFIDENCE_PERCENT:g}% or more, leaves out 0, in at least {FEWEST_ROUNDS} rounds."
        f"{_rounds_words(request)}",
        *_quality_words(request, view),
    ]


def _text_words(view: RunView) -> str:
    """What keeps the prefix cache from serving one repetition from another."""
    if any(each.prompts for each in workloads_of(view)):
        return "A line with a number, another one each time, stands before each own prompt, so the prefix cache has only the template."
    return "Each repetition has new text, so the prefix cache can't serve one from another."


def _rounds_words(request: BenchRequest | SweepRequest | ComparisonRequest) -> str:
    """Which rounds count, and how sure each verdict has to be."""
    if isinstance(request, SweepRequest):
        return (
            " Of those that were confirmed only rounds count that were made after they were chosen, and their number makes the "
            "interval surer (Bonferroni)."
        )
    if isinstance(request, ComparisonRequest):
        return " The figures of the sentence are judged together (Holm)."
    return ""


def _order_words(request: BenchRequest | SweepRequest | ComparisonRequest, view: RunView) -> str:
    if isinstance(request, BenchRequest):
        return f"One configuration, loaded {'once' if request.loads == 1 else f'{request.loads} times'}."
    if isinstance(request, ComparisonRequest):
        return (
            "A and B were measured in turn, in rounds of one visit each, in an order that is drawn and turned round in each "
            "second round, so that what drifts disturbs both alike."
        )
    combinations = 1
    for axis in request.axes:
        combinations *= len(axis.values)
    objectives = " and ".join(NOUNS[figure.name] for figure in objectives_of(view))
    return (
        f"{combinations} combinations of {len(request.axes)} settings were open, {request.budget_minutes:g} minutes were given, and "
        f"{objectives} decided.{_happened_words(view)}"
    )


def _happened_words(view: RunView) -> str:
    """Of a sweep, what of its steps came about; each of them depends on the time."""
    others = [each for each in view.results if each.configuration.configuration_id != view.reference_id]
    if not any(each.against_reference for each in others):
        return " No configuration was measured beside the base."
    said = [" Configurations were measured side by side with the base, in rounds of random order."]
    given_up = sum(each.state is ConfigurationState.PRUNED for each in others)
    if given_up:
        said.append(f"After one round {given_up} {'was' if given_up == 1 else 'were'} given up, clearly no winner.")
    if any(difference.verdict != "too few" for each in others for difference in each.against_reference):
        said.append("The best were measured on, to make sure of them.")
    else:
        said.append(f"None was measured in the {FEWEST_ROUNDS} rounds beside it that a verdict needs.")
    return " ".join(said)


def _quality_words(request: BenchRequest | SweepRequest | ComparisonRequest, view: RunView) -> list[str]:
    if not request.quality.is_wanted:
        return ["Whether the text is the same was not looked at."]
    if not any(each.quality is not None for each in view.results):
        return ["Texts could not be compared."]
    if isinstance(request, ComparisonRequest):
        return ["B's text was compared with A's."]
    is_named = isinstance(request, SweepRequest) and request.reference is not None
    kind = (
        "that was named"
        if is_named
        else "of the same model with f32 in computation and cache, where the device takes it"
    )
    return [f"Texts were compared with those of a reference {kind}."]
