"""What came of a run, in one sentence. A configuration is called better only where its interval says so. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openarc_ui.tuning.figures import BY_NAME, NOUNS, Figure, nouns_of, size_words
from openarc_ui.tuning.judging.standings import Standing, is_over
from openarc_ui.tuning.judging.statistics import RESOLUTION_PERCENT, percent
from openarc_ui.tuning.results import ConfigurationState, Difference, RunState
from openarc_ui.tuning.work.comparison import PRIMARY

UNFINISHED = (RunState.WAITING, RunState.RUNNING, RunState.INTERRUPTED)


def amount(figure: Figure, value: float) -> str:
    """A value in the unit it is shown in: "316 ms"."""
    return f"{value * figure.scale:,.{figure.digits}f} {figure.unit}".rstrip()


def change(difference: Difference) -> str:
    """How much, which way and of what: "14% lower latency"."""
    value = difference.difference_percent or 0.0
    size = f"{abs(value):.0f}%" if 10.0 <= abs(value) < 10_000.0 else percent(abs(value))
    return f"{size} {'higher' if value > 0.0 else 'lower'} {NOUNS[difference.figure]}"


def sweep_words(
    state: RunState,
    standings: Sequence[Standing],
    best: Standing | None,
    front_size: int,
    objectives: Sequence[Figure],
    against_base: Difference | None,
    rival: Standing | None,
    awaits_texts: bool,
    memory_limit_bytes: int | None = None,
) -> str:
    """Of a sweep; the base is the first configuration.

    Args:
        against_base: the best one against the base, in the first objective; where the base is the best, its rival.
            None where there is no such pair of rounds.
        rival: the one that comes nearest to the base where that is the best.
        awaits_texts: texts are wanted, and the run is not over.
    """
    if best is None:
        return _none_within(state, standings, memory_limit_bytes) or _nothing(standings)
    ahead = f"{_counted(standings)}. " if state in UNFINISHED else ""
    several = f"{front_size} configurations on the front. " if len(objectives) > 1 and front_size > 1 else ""
    if best.number == 1:
        return ahead + several + _base(rival, objectives[0], against_base)
    text = _text_of(best, awaits_texts)
    return ahead + several + _winner(standings, best, objectives[0], against_base, text)


def comparison_words(
    state: RunState, standings: Sequence[Standing], differences: Mapping[str, Difference], awaits_texts: bool
) -> str:
    """Of a comparison: what is better, what is worse, and where there is no difference."""
    chief = [differences[name] for name in PRIMARY if name in differences]
    if not chief:
        failed = [each for each in standings if each.state is ConfigurationState.FAILED]
        reasons = "; ".join(f"{each.configuration.label}: {each.failure.message}" for each in failed if each.failure)
        if failed:
            return f"Nothing could be compared. {reasons}"
        return "Nothing is compared yet." if state in UNFINISHED else "Nothing could be compared; the notes say why."
    if all(each.verdict == "too few" for each in chief):
        return chief[0].words
    real = [each for each in chief if each.verdict in ("better", "worse")]
    alike = [each for each in chief if each.verdict == "no real difference"]
    if not real:
        changed = " But B's text is changed." if standings[-1].changes_text else ""
        return f"No real difference in {_alike(alike)}.{changed}"
    told = ", ".join(f"{change(each)} ({each.verdict})" for each in real)
    rest = f"; no real difference in {_alike(alike)}" if alike else ""
    return f"B against A: {told}{rest}.{_text_of(standings[-1], awaits_texts)}"


def winner_of(standings: Sequence[Standing], differences: Mapping[str, Difference]) -> Standing | None:
    """In a comparison the one that is better in something and worse in nothing; None where there is no such one.

    Nor is one that writes another text: it is faster at something else.
    """
    verdicts = {differences[name].verdict for name in PRIMARY if name in differences}
    if len(standings) < 2 or not all(each.can_win for each in standings):
        return None
    if "better" in verdicts and "worse" not in verdicts:
        return None if standings[1].changes_text else standings[1]
    return standings[0] if "worse" in verdicts and "better" not in verdicts else None


def bench_words(standings: Sequence[Standing], workloads: Sequence[str]) -> str:
    """Of a bench: the figures of its first workload, and how many more there are."""
    medians = standings[0].medians if standings else {}
    if not medians:
        return _nothing(standings)
    names = ("ttft_seconds", "prefill_tokens_per_second", "decode_tokens_per_second", "throughput_tokens_per_second")
    told = [f"{NOUNS[name]} {amount(BY_NAME[name], medians[name])}" for name in names if name in medians]
    more = len(workloads) - 1
    rest = f"; {more} more workload{'s' * (more > 1)}" if more else ""
    return f"{workloads[0]}: {', '.join(told)}{rest}."


def _base(rival: Standing | None, objective: Figure, against_base: Difference | None) -> str:
    """Where the base has the best median."""
    noun = NOUNS[objective.name]
    if rival is None:
        return "Only the base is measured."
    if objective.place != "quality" and (against_base is None or against_base.verdict == "too few"):
        return f"The base has the best {noun} so far, by too few rounds to be sure."
    if against_base is not None and against_base.verdict == "better":
        label, gain = rival.configuration.label, change(against_base)
        return f"The base has the best median, but in the rounds of both {label} has {gain} than it: measure again."
    return f"No configuration showed to be better than the base in {noun}{_unseen([against_base])}."


def _winner(
    standings: Sequence[Standing], best: Standing, objective: Figure, against_base: Difference | None, text: str
) -> str:
    """Args: text: what is known of the best one's text, as a sentence that is put after the others."""
    noun, label = NOUNS[objective.name], best.configuration.label
    if against_base is None or against_base.difference_percent is None:
        base = standings[0].medians.get(objective.name)
        value = amount(objective, best.medians[objective.name])
        beside = f", {amount(objective, base)} in the base" if base is not None else ""
        return f"Best: {label}, {noun} {value}{beside}.{text}"
    if against_base.verdict == "better":
        return f"Best: {label}, {change(against_base)} than the base.{text}"
    if against_base.verdict == "too few":
        rounds = "1 round" if against_base.rounds == 1 else f"{against_base.rounds} rounds"
        return f"Best so far: {label}, {change(against_base)} than the base in {rounds}, too few to be sure.{text}"
    if against_base.verdict == "worse":
        return f"No configuration showed to be better than the base; {label} is next, with {change(against_base)}."
    nearest = f"{label} comes nearest, with {change(against_base)}"
    return f"No configuration showed to be better than the base; {nearest}{_unseen([against_base])}.{text}"


def _text_of(standing: Standing, awaits_texts: bool) -> str:
    """What is known of its text, as a sentence after the others."""
    quality = standing.quality
    if quality is None or quality.changes_text is None:
        is_open = awaits_texts and quality is None and standing.quality_failure is None
        return " Its text is not compared yet." if is_open else " Its text was not compared."
    if quality.is_sure is False:
        return (
            " Its text is changed, but not surely."
            if quality.changes_text
            else " It writes like the reference, but not surely."
        )
    if quality.changes_text:
        return " Its text is changed."
    return " Its text is unchanged." if quality.identical_share in (None, 1.0) else " It writes like the reference."


def _none_within(state: RunState, standings: Sequence[Standing], memory_limit_bytes: int | None) -> str | None:
    """That all that was measured needs more memory than it may, and how much it would take; None where that is not so."""
    over = [each for each in standings if each.can_win and is_over(each, memory_limit_bytes)]
    if memory_limit_bytes is None or not over:
        return None
    least = min(over, key=lambda each: each.medians["memory_bytes"])
    told = f"{size_words(least.medians['memory_bytes'])} ({least.configuration.label})"
    failed = sum(each.state is ConfigurationState.FAILED for each in standings)
    rest = f" {failed} of {len(standings)} configurations could not be measured." if failed else ""
    begin = "None so far" if state in UNFINISHED else "None"
    return f"{begin} keeps within {size_words(memory_limit_bytes)} of memory; the least was {told}.{rest}"


def _nothing(standings: Sequence[Standing]) -> str:
    failed = [each for each in standings if each.state is ConfigurationState.FAILED]
    if not failed:
        return "Nothing is measured yet."
    first = failed[0].failure
    reason = f" {_sentence(first.message)}" if first is not None else ""
    count = "The configuration" if len(standings) == 1 else f"{len(failed)} of {len(standings)} configurations"
    return f"{count} could not be measured.{reason}"


def _sentence(words: str) -> str:
    """A reason that is a library's own begins small and ends without a period."""
    words = words.strip()
    first = words.partition(" ")[0]
    begun = words[:1].upper() + words[1:] if first.isalpha() else words
    return begun if begun.endswith((".", "!", "?", "…")) else f"{begun}."


def _counted(standings: Sequence[Standing]) -> str:
    failed = sum(each.state is ConfigurationState.FAILED for each in standings)
    measured = sum(each.can_win for each in standings)
    return f"{measured} measured" + (f", {failed} failed" if failed else "")


def _alike(differences: Sequence[Difference]) -> str:
    """Figures without a real difference, and how large one would have to be to show."""
    return f"{nouns_of(each.figure for each in differences)}{_unseen(differences)}"


def _unseen(differences: Sequence[Difference | None]) -> str:
    """Of several figures the widest: half of its interval. Nothing where no interval is known, or it is next to nothing."""
    halves = [
        (each.high_percent - each.low_percent) / 2.0
        for each in differences
        if each is not None
        and each.verdict == "no real difference"
        and each.low_percent is not None
        and each.high_percent is not None
    ]
    widest = max(halves, default=0.0)
    size = f"{widest:.0f}%" if 10.0 <= widest < 10_000.0 else percent(widest)
    return f"; smaller than about {size} would not show" if widest >= RESOLUTION_PERCENT else ""
