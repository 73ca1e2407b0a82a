"""A model's tokenizers on sample texts: does the text come back, and do both backends' tokenizers give the same token ids?"""

from __future__ import annotations

import json
import queue
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.files import path_outside, read_json
from openarc_ui.engine.catalogue.folder import TOKENIZER_IR, TOKENIZERS, ModelEntry
from openarc_ui.errors import BackendUnavailable, InvalidRequest
from openarc_ui.models.child import Child
from openarc_ui.models.inspection.reports import Trial
from openarc_ui.models.inspection.samples import CONTROL_TOKENS, TEXTS, control_text

PROCESS = "openarc_ui.models.inspection.tokenizer_process"
LIMIT_SECONDS = 180.0
"""transformers alone may take half a minute to import on a busy machine."""
NAMES = {"openvino": "OpenVINO's tokenizer", "hugging_face": "the Hugging Face tokenizer"}
SHOWN_CHARACTERS = 24
MOST_ADDED_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class TokenizerTrials:
    """What came of it; `problems` of tokenizers that could not be tried at all."""

    trials: tuple[Trial, ...]
    problems: tuple[str, ...]


def try_tokenizers(entry: ModelEntry, limit_seconds: float = LIMIT_SECONDS) -> TokenizerTrials:
    """Every sample text through every tokenizer the model has, in a process of its own.

    Raises:
        InvalidRequest: it has none, or one that must not be opened.
        BackendUnavailable: the process ended before it told anything.
    """
    names, problems = _tokenizers(entry)
    if not names:
        raise InvalidRequest(problems[0] if problems else f"{entry.name} has no tokenizer.")
    control = _control_tokens(entry)
    told, problem = _ask(entry, names, control, limit_seconds)
    problems += [problem] if problem else []
    for name in names:
        if "problem" in told.get(name, {}):
            problems.append(f"{_at_the_beginning(name)} can't be loaded: {told[name]['problem']}")
    found = {name: told[name]["texts"] for name in names if "texts" in told.get(name, {})}
    if not found:
        raise BackendUnavailable(problems[-1] if problems else "No tokenizer told anything.", "The log has the reason.")
    samples = [*TEXTS, (CONTROL_TOKENS, control_text(control))]
    trials = [
        judge(what, text, {name: texts[place] for name, texts in found.items()})
        for place, (what, text) in enumerate(samples)
    ]
    return TokenizerTrials(tuple(trials), tuple(problems))


def judge(what: str, text: str, found: Mapping[str, Mapping[str, Any]]) -> Trial:
    """What one text came to.

    Args:
        found: tokenizer -> {"ids", "back"} or {"problem"}.
    """
    refused = [(name, each["problem"]) for name, each in found.items() if "problem" in each]
    if refused:
        name, problem = refused[0]
        return Trial(what, "refused", f"{_at_the_beginning(name)} refuses it: {problem}")
    count = len(next(iter(found.values()))["ids"])
    ids = [each["ids"] for each in found.values()]
    if len(ids) > 1 and ids[0] != ids[1]:
        return Trial(what, "differs", _other_ids(found), count)
    for name, each in found.items():
        if each["back"] != text:
            return _changed(what, name, text, each["back"], count)
    both = "both tokenizers give the same token ids" if len(ids) > 1 else f"only {NAMES[next(iter(found))]} was tried"
    return Trial(what, "good", f"Comes back letter by letter; {both}.", count)


def _changed(what: str, name: str, text: str, back: str, count: int) -> Trial:
    """A text that came back otherwise; where only its writing is another, that is said, and is no mistake."""
    if unicodedata.normalize("NFC", text) == back:
        words = f"Comes back with composed characters (NFC): {NAMES[name]} brings every text into that form first."
        return Trial(what, "good", words, count)
    if unicodedata.normalize("NFKC", text) == back:
        return Trial(what, "differs", f"Comes back with compatible characters (NFKC) from {NAMES[name]}.", count)
    if back.strip() == text.strip():
        return Trial(what, "differs", f"{_at_the_beginning(name)} adds or loses white space at an end.", count)
    if back.split() == text.split():
        return Trial(what, "differs", f"{_at_the_beginning(name)} changes white space inside it.", count)
    at = next(
        (at for at, (one, other) in enumerate(zip(text, back, strict=False)) if one != other), min(len(text), len(back))
    )
    said, came = text[at : at + SHOWN_CHARACTERS], back[at : at + SHOWN_CHARACTERS]
    return Trial(what, "differs", f"From {NAMES[name]} comes {came!r} in place of {said!r}, at character {at}.", count)


def _at_the_beginning(name: str) -> str:
    words = NAMES[name]
    return words[0].upper() + words[1:]


def _other_ids(found: Mapping[str, Mapping[str, Any]]) -> str:
    (first, one), (second, other) = list(found.items())[:2]
    pairs = zip(one["ids"], other["ids"], strict=False)
    at = next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one["ids"]), len(other["ids"])))
    shown = [str(each["ids"][at]) if at < len(each["ids"]) else "the end" for each in (one, other)]
    return (
        f"The tokenizers disagree: at token {at} {NAMES[first]} has {shown[0]}, {NAMES[second]} {shown[1]} "
        f"({len(one['ids'])} and {len(other['ids'])} tokens); the two backends would see other prompts."
    )


def _tokenizers(entry: ModelEntry) -> tuple[list[str], list[str]]:
    """Which there are, and why others are not tried."""
    if entry.kind == "gguf":
        return ["openvino"], []
    names, problems = [], []
    outside = path_outside(Path(entry.path)) or _link_outside(entry)
    if outside:
        return [], [f"The tokenizer of {entry.name} is not opened: {outside} leads out of the model's folder."]
    if all(entry.file(name) for name in TOKENIZER_IR):
        names.append("openvino")
    elif entry.kind == "ir":
        problems.append(f"{entry.name} has no OpenVINO tokenizer, so the genai backend can't run it.")
    if any(entry.file(name) for name in TOKENIZERS):
        names.append("hugging_face")
    else:
        problems.append(f"{entry.name} has no Hugging Face tokenizer, so the optimum backend can't run it.")
    return names, problems


def _link_outside(entry: ModelEntry) -> str:
    for name in (*TOKENIZER_IR, *TOKENIZERS):
        if (Path(entry.path) / name).is_symlink() and entry.file(name) is None:
            return name
    return ""


def _control_tokens(entry: ModelEntry) -> list[str]:
    """Special tokens as its tokenizer.json writes them."""
    path = entry.file("tokenizer.json") if entry.kind != "gguf" else None
    try:
        added = read_json(path).get("added_tokens") if path is not None else None
    except (OSError, ValueError):
        added = None  # the tokenizer itself will say what is wrong
    listed = added[:MOST_ADDED_TOKENS] if isinstance(added, list) else []
    special = [each.get("content") for each in listed if isinstance(each, dict) and each.get("special")]
    found = [each for each in special if isinstance(each, str) and each.strip()]
    return found[:3] or ["<s>", "</s>", "<|im_end|>"]


def _ask(
    entry: ModelEntry, names: Sequence[str], control: list[str], limit_seconds: float
) -> tuple[dict[str, dict[str, Any]], str]:
    """What each tokenizer came to, and why one did not tell."""
    order = {"path": entry.path, "tokenizers": names, "control_tokens": control}
    child: Child[dict[str, Any]] = Child(
        PROCESS,
        (),
        _report,
        first_line=json.dumps(order),
        environment={"HF_HUB_OFFLINE": "1"},
    )
    told: dict[str, dict[str, Any]] = {}
    ends_at = time.monotonic() + limit_seconds
    try:
        while len(told) < len(names):
            if time.monotonic() > ends_at:
                return told, f"The tokenizers took longer than {limit_seconds:.0f} s and were ended."
            try:
                report = child.next_report()
            except queue.Empty:
                continue
            if report is None:
                child.log_last_lines()
                return told, child.reason_of_death("The process that tries the tokenizers")
            told[report["tokenizer"]] = report
        return told, ""
    finally:
        child.end()


def _report(line: str) -> dict[str, Any]:
    told = json.loads(line)
    if not isinstance(told, dict) or told.get("tokenizer") not in NAMES:
        raise ValueError("no report")
    return told
