"""What the Tune tab's script may ask, as functions from one JSON text to another; an OpenArcError is an answer too.

Looking is for every key; what starts, ends, changes or loads, and what tells how to load, wants the administration key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import gradio as gr
from pydantic import ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.places import Places
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import AdministratorNeeded, InvalidRequest, OpenArcError, TuningBusy, TuningRunNotFound
from openarc_ui.profiles import NAME_RULE, Profile, ProfileStore
from openarc_ui.snippets import local_path, snippet
from openarc_ui.tuning.answers import as_json, configuration_in
from openarc_ui.tuning.configurations import PLAIN_FIELDS
from openarc_ui.tuning.figures import FIGURES
from openarc_ui.tuning.reading import field_label, request_of
from openarc_ui.tuning.requests import ComparisonRequest, SweepRequest
from openarc_ui.tuning.results import Configuration, RunHead, RunView
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.metrics.tab import Readers, address_of, as_text
from openarc_ui.ui.metrics.wanted import read
from openarc_ui.ui.rights import Rights
from openarc_ui.ui.tune.offers import checked, offers
from openarc_ui.ui.tune.wanted import (
    AskedApply,
    AskedCode,
    AskedName,
    AskedOffers,
    AskedProfile,
    AskedRun,
    AskedStart,
    AskedView,
)

Json = dict[str, Any]
Question = Callable[..., Awaitable[str]]


def questions(
    engine: Engine, runs: TuningRuns, profiles: ProfileStore, rights: Rights, needs_key: bool = False
) -> list[Question]:
    """All of them, under the names by which the script calls them."""
    readers = Readers()
    desk = _Desk(engine, runs, profiles, needs_key)

    async def tune_view(asked: Any, request: gr.Request) -> str:
        may = _may(rights, request)
        return await _answered(lambda: readers.run(lambda: desk.view(read(asked, AskedView), may)), engine.places)

    async def tune_offers(asked: Any, request: gr.Request) -> str:
        kept = profiles if rights.may_administer(request) else None

        def tell() -> Json:
            wanted = read(asked, AskedOffers)
            if wanted.base is not None and wanted.axes is not None:
                return checked(engine, wanted.base, wanted.axes)
            return offers(engine, kept, wanted.base)

        return await _answered(lambda: readers.run(tell), engine.places)

    async def tune_code(asked: Any, request: gr.Request) -> str:
        def write() -> Json:
            rights.require("Reading a load as code", request)
            return desk.code(read(asked, AskedCode), address_of(request))

        return await _answered(lambda: readers.run(write), engine.places)

    def administers(name: str, action: str, work: Callable[[Any], Json]) -> Question:
        async def ask(asked: Any, request: gr.Request) -> str:
            def do() -> Json:
                rights.require(action, request)
                return work(asked)

            return await _answered(lambda: anyio.to_thread.run_sync(do), engine.places)

        ask.__name__ = name
        return ask

    return [
        tune_view,
        tune_offers,
        tune_code,
        administers(
            "tune_start", "Starting a run", lambda asked: desk.head(runs.start(read(asked, AskedStart).request))
        ),
        administers("tune_pause", "Pausing a run", lambda asked: desk.head(runs.pause(read(asked, AskedRun).run_id))),
        administers(
            "tune_cancel", "Cancelling a run", lambda asked: desk.head(runs.cancel(read(asked, AskedRun).run_id))
        ),
        administers(
            "tune_resume", "Resuming a run", lambda asked: desk.head(runs.resume(read(asked, AskedRun).run_id))
        ),
        administers("tune_rename", "Renaming a run", lambda asked: desk.rename(read(asked, AskedName))),
        administers("tune_delete", "Deleting a run", lambda asked: desk.delete(read(asked, AskedRun))),
        administers("tune_apply", "Loading a model", lambda asked: desk.apply(read(asked, AskedApply))),
        administers("tune_profile", "Saving a profile", lambda asked: desk.profile(read(asked, AskedProfile))),
    ]


class _Desk:
    """The longer answers."""

    def __init__(self, engine: Engine, runs: TuningRuns, profiles: ProfileStore, needs_key: bool) -> None:
        self._engine, self._runs, self._profiles, self._needs_key = engine, runs, profiles, needs_key

    def view(self, asked: AskedView, may: Json) -> Json:
        revision = self._runs.revision()
        if revision == asked.since_revision:
            return {"revision": revision}
        active, places = self._runs.active(), self._engine.places
        answer: Json = {
            "revision": revision,
            "active": as_json(active, places) if active is not None else None,
            "heads": [as_json(head, places) for head in self._runs.heads()],
            "figures": [dataclasses.asdict(figure) for figure in FIGURES],
            "fields": {},
            "missing": None,
            "view": None,
            **may,
        }
        if asked.run_id is not None:
            try:
                view = self._runs.view(asked.run_id)
            except TuningRunNotFound as error:
                answer["missing"] = f"{error.message} {error.hint}".strip()
            else:
                answer |= {"view": as_json(view, places), "fields": _fields(view)}
        return answer

    def head(self, head: RunHead) -> Json:
        return {"head": as_json(head, self._engine.places)}

    def rename(self, asked: AskedName) -> Json:
        return self.head(self._runs.rename(asked.run_id, asked.name))

    def delete(self, asked: AskedRun) -> Json:
        self._runs.delete(asked.run_id)
        return {"deleted": asked.run_id}

    def apply(self, asked: AskedApply) -> Json:
        """Load it as the Load tab would; what answers to the name now is replaced."""
        active = self._runs.active()
        if active is not None:
            raise TuningBusy(f"'{active.name}' measures now.", "Wait for its end, or pause it.")
        load = self._configuration(asked.run_id, asked.configuration_id).load
        info = self._engine.load(load)
        return {
            "model": info.name,
            "words": f"{info.name} is loaded with these settings, in {info.load_seconds:.1f} s, and answers in the Chat tab.",
        }

    def profile(self, asked: AskedProfile) -> Json:
        found = self._configuration(asked.run_id, asked.configuration_id)
        if not asked.name:
            raise InvalidRequest("The profile needs a name.", "Write one, then save it.")
        load = found.load.model_copy(update={"allow_overcommit": False})
        told = f"Found by tuning: {found.label}."[:2000]
        try:
            profile = Profile(name=asked.name, description=told, load=load)
        except ValidationError:
            rule = NAME_RULE[:1].upper() + NAME_RULE[1:].rstrip(".") + "."
            raise InvalidRequest(f"'{asked.name[:40]}' can't be the name of a profile.", rule) from None
        self._profiles.save(profile, replace=asked.replace)
        return {"words": f"{profile.name} is saved. The Load tab has it among its profiles."}

    def code(self, asked: AskedCode, address: str) -> Json:
        load = self._configuration(asked.run_id, asked.configuration_id).load
        path = local_path(self._engine.model_folder, load.model_path)
        return {"code": snippet(asked.kind, load, address=address, model_path=path, needs_key=self._needs_key)}

    def _configuration(self, run_id: str, configuration_id: str) -> Configuration:
        return configuration_in(self._runs.view(run_id), configuration_id)


def _set_in(load: LoadRequest) -> list[str]:
    names = {"ov_config": load.ov_config, "scheduler": load.scheduler.given()}
    return [f"{section}.{name}" for section, given in names.items() for name in given]


def _fields(view: RunView) -> Json:
    """What varies in a sweep or is set in a comparison, by field: its name in plain words, and as it is set ("": the same)."""
    request, fields = request_of(view), list[str]()
    if isinstance(request, SweepRequest):
        fields = [axis.field for axis in request.axes]
    elif isinstance(request, ComparisonRequest):
        fields = [*PLAIN_FIELDS, *_set_in(request.a), *_set_in(request.b)]
    return {field: {"label": field_label(field), "name": field.partition(".")[2]} for field in fields}


def _may(rights: Rights, request: gr.Request) -> Json:
    """Whether the page offers what needs the administration key, and the sentence why not."""
    try:
        rights.require("Starting or changing a run", request)
    except AdministratorNeeded as error:
        return {"may_administer": False, "why_not": f"{error.message} {error.hint}".strip()}
    return {"may_administer": True, "why_not": ""}


async def _answered(work: Callable[[], Awaitable[Json]], places: Places) -> str:
    try:
        return as_text(await work())
    except OpenArcError as raised:
        error = places.hidden_error(raised)
        return as_text({"error": {"message": error.message, "hint": error.hint, "code": error.code}})
