"""What decides the text of a load: equal keys, and the same text is written, as far as can be said before it is compared.

Left out is only what spreads the same work over cores, time or requests; what that is worth is in docs/tuning.md.
"""

from __future__ import annotations

from openarc_ui.engine.options import flatten, nest
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.configurations import identify
from openarc_ui.tuning.quality.scoring import PLACES, SPREADS_REQUESTS, SPREADS_WORK


def text_key(load: LoadRequest) -> str:
    """Hash of the model, backend, device, and everything else that may change what is written."""
    ov_config = {name: value for name, value in load.ov_config.items() if name not in SPREADS_WORK | PLACES}
    given = flatten(load.scheduler.given())
    scheduler = nest({name: value for name, value in given.items() if name not in SPREADS_REQUESTS})
    return identify(
        load.model_copy(update={"ov_config": ov_config, "scheduler": SchedulerOptions.model_validate(scheduler)})
    )
