"""The Models tab's questions, with what they ask of the model folder kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.models import library, tidy
from openarc_ui.models.conversion.needs import ConversionNeeds
from openarc_ui.models.inspection import inspect
from openarc_ui.models.work import planning
from openarc_ui.ui.models import conversions
from tests.browser import models_answers as made_up
from tests.ui.models.asked_questions import Asking


@pytest.fixture
def kept() -> list[tuple[Any, ...]]:
    """What was asked of the model folder."""
    return []


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: list[tuple[Any, ...]]) -> Asking:
    def remembered(name: str, answer: Any) -> Callable[..., Any]:
        def do(engine: Any, *given: Any, **named: Any) -> Any:
            kept.append((name, *given))
            return answer

        return do

    monkeypatch.setattr(library, "library", lambda engine, device, context_tokens: made_up.LIBRARY)
    monkeypatch.setattr(tidy, "folder_sizes", remembered("sizes", made_up.FOLDERS))
    monkeypatch.setattr(tidy, "rename_model", remembered("rename", "other"))
    monkeypatch.setattr(tidy, "delete_model", remembered("delete", 5))
    monkeypatch.setattr(tidy, "verify_model", remembered("verify", made_up.VERIFIED))
    monkeypatch.setattr(inspect, "inspect_model", remembered("inspect", made_up.INSPECTION))
    options = SimpleNamespace(options=made_up.OPTIONS, versions={"optimum-intel": "2.1.0"})
    monkeypatch.setattr(conversions, "conversion_options", lambda: options)
    plan = planning.ConversionPlan("m-int4", "m.gguf", "gguf", 5, {}, (), ("optimum-cli",), "optimum-cli", notes=("n",))
    monkeypatch.setattr(conversions, "plan_conversion", lambda engine, request: plan)
    monkeypatch.setattr(conversions, "source_of", lambda engine, source: engine.entry)
    monkeypatch.setattr(conversions, "needs_of", lambda entry, options: ConversionNeeds(5, 6, 7))
    return Asking(tmp_path)
