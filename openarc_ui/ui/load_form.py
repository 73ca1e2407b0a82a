"""The values of the load form: what the components hold, and the LoadRequest they make. No component is known here.

What is set stands twice on the page, as widgets and as JSON; the widgets' value is the one that counts, and JSON that can't
be read stops a load.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.options import flatten, nest
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest

TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
SECTIONS = ("ov_config", "scheduler", "sampling_defaults")


@dataclass(frozen=True, slots=True)
class FormValues:
    """What the form holds, field by field, in the order of its components.

    Attributes:
        ov_config, scheduler, sampling_defaults: only what is set; nested names have dots.
        ov_config_text, scheduler_text, sampling_defaults_text: the same as JSON, as it stands in the editors.
    """

    model: str | None
    backend: str
    device: str | None
    ov_config: Mapping[str, Any] | None
    ov_config_text: str | None
    scheduler: Mapping[str, Any] | None
    scheduler_text: str | None
    sampling_defaults: Mapping[str, Any] | None
    sampling_defaults_text: str | None
    name: str | None
    use_cache: bool
    dynamic_shapes: bool
    export_model: bool
    bos_token_id: str | None
    eos_token_id: str | None
    pad_token_id: str | None
    allow_overcommit: bool

    def as_request_values(self) -> dict[str, Any]:
        """The fields of a LoadRequest, unchecked.

        Raises:
            InvalidRequest: no model is chosen, or an editor holds no JSON.
        """
        if not self.model:
            raise InvalidRequest(
                "No model is chosen.", "Choose one, or put one into the model folder and press Refresh."
            )
        for section in SECTIONS:
            read_object(getattr(self, f"{section}_text"), section)
        ids = {name: getattr(self, name) for name in TOKEN_IDS}
        return {
            "model_path": self.model.strip(),
            "name": (self.name or "").strip() or None,
            "backend": self.backend,
            "device": (self.device or "").strip(),
            "ov_config": dict(self.ov_config or {}),
            "scheduler": nest(self.scheduler or {}),
            "sampling_defaults": dict(self.sampling_defaults or {}),
            "use_cache": self.use_cache,
            "dynamic_shapes": self.dynamic_shapes,
            "export_model": self.export_model,
            "allow_overcommit": self.allow_overcommit,
            **{key: value for key, value in ids.items() if (value or "").strip()},
        }

    def as_request(self) -> LoadRequest:
        """The load that the form describes.

        Raises:
            InvalidRequest: no model, broken JSON, or a value out of range; with the field's name.
        """
        try:
            return LoadRequest.model_validate(self.as_request_values())
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InvalidRequest(f"{field}: {first['msg']}.", "Correct it in the form.") from None


def form_of(values: list[Any]) -> FormValues:
    """The components' values, in their order."""
    return FormValues(*values)


def values_of(request: LoadRequest) -> FormValues:
    """The form that would make this request."""
    scheduler, sampling = request.scheduler.given(), request.sampling_defaults.model_dump(exclude_none=True)
    if "stop" in sampling:
        sampling["stop"] = list(sampling["stop"])
    ids = {name: "" if getattr(request, name) is None else str(getattr(request, name)) for name in TOKEN_IDS}
    return FormValues(
        model=request.model_path,
        backend=request.backend,
        device=request.device,
        ov_config=dict(request.ov_config),
        ov_config_text=as_json(request.ov_config),
        scheduler=flatten(scheduler),
        scheduler_text=as_json(scheduler),
        sampling_defaults=sampling,
        sampling_defaults_text=as_json(sampling),
        name=request.name or "",
        use_cache=request.use_cache,
        dynamic_shapes=request.dynamic_shapes,
        export_model=request.export_model,
        allow_overcommit=False,
        **ids,
    )


FORM_FIELDS = tuple(field.name for field in fields(FormValues))


def read_object(text: str | None, what: str) -> dict[str, Any]:
    """A JSON object as typed; nothing typed is an empty one.

    Raises:
        InvalidRequest: not a JSON object; with line and column.
    """
    if not (text or "").strip():
        return {}
    try:
        value = json.loads(text or "", object_pairs_hook=_once)
    except RecursionError:
        raise InvalidRequest(f"{what} is nested too deeply.", "Write one object of names and values.") from None
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"{what} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.", "Check quotes and commas."
        ) from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be an object in braces.", 'For example {"PERFORMANCE_HINT": "LATENCY"}.')
    return value


def as_json(values: Mapping[str, Any]) -> str:
    """An object as the editors show it."""
    return json.dumps(dict(values), indent=2, ensure_ascii=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand in it once; the first of two would be lost without a word."""
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise InvalidRequest(f"'{key}' stands in the JSON twice.", "Keep one of them.")
        seen[key] = value
    return seen
