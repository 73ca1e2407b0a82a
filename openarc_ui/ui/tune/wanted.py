"""What the Tune tab's script asks, as frozen bodies; a misspelt field is refused with the nearest name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.types import LoadRequest
from openarc_ui.snippets import SnippetKind
from openarc_ui.tuning.requests import MOST_AXES, Axis, RunName, RunRequest

RunId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ConfigurationId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ProfileName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class AskedView(Frozen):
    """Asked of `tune_view`: the list, and the run that is open; what did not change since a revision is not sent."""

    run_id: RunId | None = None
    since_revision: Annotated[int, Field(ge=0, le=2**62)] | None = None


class AskedOffers(Frozen):
    """Asked of `tune_offers`: what can be chosen for a base; without one it is the loaded model, or the first there is.

    Attributes:
        axes: given with a base, it is only answered what can't be loaded: the base, or a value of theirs with the rest of it.
    """

    base: LoadRequest | None = None
    axes: Annotated[tuple[Axis, ...], Field(max_length=MOST_AXES)] | None = None


class AskedStart(Frozen):
    """Asked of `tune_start`."""

    request: RunRequest


class AskedRun(Frozen):
    """Asked of `tune_pause`, `tune_cancel`, `tune_resume` and `tune_delete`."""

    run_id: RunId


class AskedName(Frozen):
    """Asked of `tune_rename`."""

    run_id: RunId
    name: RunName


class AskedApply(Frozen):
    """Asked of `tune_apply`."""

    run_id: RunId
    configuration_id: ConfigurationId


class AskedProfile(Frozen):
    """Asked of `tune_profile`: keep a configuration under a name."""

    run_id: RunId
    configuration_id: ConfigurationId
    name: ProfileName
    replace: bool = False


class AskedCode(Frozen):
    """Asked of `tune_code`."""

    run_id: RunId
    configuration_id: ConfigurationId
    kind: SnippetKind
