"""One configuration against another in several figures, by the rounds that count. Pure.

How sure each verdict has to be depends on what may be picked out of it: a comparison's sentence names whichever figure differs,
a sweep's the best of those it confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.round_numbers import is_confirming
from openarc_ui.tuning.judging.standings import Standing
from openarc_ui.tuning.judging.statistics import paired, paired_together
from openarc_ui.tuning.judging.summaries import rounds_of
from openarc_ui.tuning.results import Difference, Visit


def differences_of(
    of_a: Sequence[Visit],
    of_b: Sequence[Visit],
    names: Sequence[str],
    workload: str,
    seed: int,
    *,
    together: Sequence[str] = (),
    among: int = 1,
) -> dict[str, Difference]:
    """Figure -> B against A, in the order of the names, of those that both have in at least one round that counts.

    Args:
        of_a, of_b: visits that succeeded.
        together: figures that one sentence is by, judged together wherever one of them is asked for.
        among: so many configurations of which one is picked out.
    """
    wanted = dict.fromkeys((*names, *together))
    rounds = {
        name: rounds_of(of_a, of_b, BY_NAME[name], workload) for name in wanted if BY_NAME[name].place != "quality"
    }
    known = {name: each for name, each in rounds.items() if each}
    family = [name for name in together if name in known]
    judged = paired_together([(BY_NAME[name], known[name]) for name in family], seed)
    found = dict(zip(family, judged, strict=True))
    found |= {name: paired(BY_NAME[name], known[name], seed, among) for name in known if name not in found}
    return {name: found[name] for name in names if name in found}


def confirmed(standings: Sequence[Standing]) -> int:
    """How many configurations of a sweep were chosen to be confirmed: of so many the best is picked out."""
    return sum(any(is_confirming(visit.round_number) for visit in each.visits) for each in standings if each.number > 1)
