"""What REST, the Gradio endpoints and the tools for agents say alike about runs.

A request read with the nearest right name for a wrong one, a run as JSON without paths of this machine, and what can be
done with one of its configurations. It knows none of the three.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from openarc_ui.engine.answers import with_recommended
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.places import Places
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, TuningConfigurationNotFound, nearest
from openarc_ui.profiles import Profile
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, RunRequest, SweepRequest
from openarc_ui.tuning.results import Configuration, RunView

REQUESTS: Mapping[str, type[BenchRequest | SweepRequest | ComparisonRequest]] = {
    "bench": BenchRequest,
    "sweep": SweepRequest,
    "comparison": ComparisonRequest,
}
LONGEST_ID = 64
"""Of a run or a configuration, in characters, as it comes in."""


def read_request(given: object) -> RunRequest:
    """What is asked for, by its `kind`.

    Raises:
        InvalidRequest: it has no kind, a field that its kind does not know, or a wrong value.
    """
    if not isinstance(given, Mapping):
        raise InvalidRequest("A run is asked for with an object.", 'For example {"kind": "bench", ...}.')
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in REQUESTS:
        near = nearest(kind, REQUESTS) if isinstance(kind, str) and kind else ""
        raise InvalidRequest("kind must be bench, sweep or comparison.", near if near.startswith("Did") else "")
    model = REQUESTS[kind]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise explain(error.errors(include_url=False), fields_by_path(model)) from None


def settled(engine: Engine, request: RunRequest) -> RunRequest:
    """The request with an ov_config in each of its loads: its own, or the one that a load without one takes now.

    Raises:
        InvalidRequest: what a model recommends is no ov_config.
    """
    loads = {name: each for name, each in request if isinstance(each, LoadRequest)}
    return request.model_copy(update={name: with_recommended(engine, each) for name, each in loads.items()})


def as_json(value: Any, places: Places) -> dict[str, Any]:
    """A head, a view or an offer as JSON has it: what is no number is null, and no text names a path of this machine."""
    kind: Any = type(value)
    shown: dict[str, Any] = places.hidden(json.loads(_adapter(kind).dump_json(value)))
    return shown


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def configuration_in(view: RunView, configuration_id: str) -> Configuration:
    """One of a run's configurations.

    Raises:
        TuningConfigurationNotFound: the run has none of that id; with the nearest.
    """
    known = {each.configuration.configuration_id: each.configuration for each in view.results}
    if configuration_id in known:
        return known[configuration_id]
    asked = configuration_id[:LONGEST_ID]
    raise TuningConfigurationNotFound(
        f"The run '{view.head.run_id}' has no configuration '{asked}'.", nearest(asked, known) if known else ""
    )


def profile_of(view: RunView, configuration: Configuration, name: str, description: str = "") -> Profile:
    """A configuration as a profile; without a description it says where it was measured.

    Raises:
        InvalidRequest: no profile can be like that.
    """
    words = description or f"Measured in the run '{view.head.name}' as '{configuration.label}'."
    load = configuration.load.model_copy(update={"allow_overcommit": False})
    try:
        return Profile(name=name, description=words[:2000], load=load)
    except ValidationError as error:
        raise explain(error.errors(include_url=False), fields_by_path(Profile)) from None
