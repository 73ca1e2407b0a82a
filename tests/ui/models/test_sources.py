"""What the Convert form offers: whatever has weights, with what stands against it; nothing that has none."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.options import OptionSpec
from openarc_ui.ui.models import conversions


def test_what_holds_no_weights_is_no_source_and_a_cut_one_says_why(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversions, "conversion_options", lambda: SimpleNamespace(options=(), versions={}))
    engine = make_engine()
    for name in ("empty", "tokens", "part"):
        (engine.model_folder / name).mkdir(parents=True)
    (engine.model_folder / "empty" / "config.json").write_text("{}")
    (engine.model_folder / "tokens" / "tokenizer.json").write_text("{}")
    (engine.model_folder / "part" / "config.json").write_text("{}")
    (engine.model_folder / "part" / "model-00001-of-00002.safetensors").write_bytes(b"x")
    (engine.model_folder / "cut.gguf").write_bytes(b"GG")
    told = {each["name"]: each["problem"] for each in conversions.offers(engine)["sources"]}
    assert set(told) == {"part", "cut.gguf"} and all(told.values())
    assert {"empty", "tokens"} <= {entry.name for entry in engine.catalog()}, "their names are taken all the same"


def test_the_form_offers_the_files_that_may_hold_own_texts(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (
        OptionSpec("dataset", "text", "Weights", False, "Data."),
        OptionSpec("sym", "switch", "Weights", True, "x"),
    )
    monkeypatch.setattr(conversions, "conversion_options", lambda: SimpleNamespace(options=options, versions={}))
    engine = make_engine()
    engine.model_folder.mkdir(exist_ok=True)
    (engine.model_folder / "mine.jsonl").write_text('"x"')
    dataset, other = conversions.offers(engine)["options"]
    assert dataset["kind"] == "choice" and [each["value"] for each in dataset["choices"]] == ["auto", "mine.jsonl"]
    assert (other["kind"], other["choices"]) == ("switch", ())
