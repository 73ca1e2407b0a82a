"""Whether a model fits, as HTML: a bar of what it needs against what is free, and what to change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from openarc_ui.engine.findings import Finding
from openarc_ui.engine.memory.estimate import FitEstimate
from openarc_ui.ui.html import Tone, card, number, size
from openarc_ui.ui.status_strip import TUNE_LINK

TABS = {
    "ov_config": "settings-ov_config",
    "scheduler": "settings-scheduler",
    "sampling_defaults": "settings-sampling_defaults",
    "device": "",
    "backend": "",
    "model_path": "",
}
"""Where a field stands; every other is under More."""
VERDICTS: dict[str, tuple[Tone, str]] = {
    "green": ("good", "It fits"),
    "amber": ("warn", "It fits, barely"),
    "red": ("bad", "It does not fit"),
    "unknown": ("", "Whether it fits is not known"),
}


def fit_card(estimate: FitEstimate, asked_tokens: int | None = None) -> str:
    """The estimate as a card; `asked_tokens` is the context that was asked for, which may be more than the model has."""
    tone, title = VERDICTS[estimate.verdict]
    rows = "".join(
        f'<li title="{escape(part.how)}"><i class="oa-fit-{index}"></i>{escape(part.label)}<b>{size(part.memory_bytes)}</b></li>'
        for index, part in enumerate(estimate.parts)
    )
    limit = estimate.largest_context_tokens
    context = f"Largest context that fits: {number(limit, 0)} tokens." if limit else ""
    context = "Not even one token fits." if limit == 0 else context
    if asked_tokens is not None and asked_tokens > estimate.context_tokens:
        context = f"The model holds at most {number(estimate.context_tokens, 0)} tokens. {context}"
    advice = "".join(f"<li>{escape(sentence)}</li>" for sentence in estimate.advice)
    body = (
        f"<p>{escape(estimate.words)}</p>{_bar(estimate)}"
        + (f'<ul class="oa-fit-parts">{rows}</ul>' if rows else "")
        + (f"<p>{context}</p>" if context else "")
        + (f'<ul class="oa-fit-advice">{advice}</ul>' if advice else "")
        + _formulas(estimate)
    )
    return card(title, body, tone)


def fit_problem(message: str) -> str:
    """In place of an estimate."""
    return card("Does it fit", f'<p class="oa-muted">{escape(message)}</p>')


def verdict(findings: Sequence[Finding], consequence: str = "", reserved: str | None = None) -> str:
    """The line below the Load button: ready and what it brings about, or what stands in the way.

    Args:
        reserved: who has the machine alone, as the beginning of a sentence; None: nobody, so loads are taken.
    """
    errors = [each for each in findings if each.is_error]
    warnings = [each for each in findings if not each.is_error]
    if not errors:
        words = f" · {_count(len(warnings), 'warning')} in the form" if warnings else ""
        if reserved is not None:
            why = f"{reserved.rstrip('.')}, and loads are refused until it ends."
            link = f'<a href="{TUNE_LINK}">Open the Tune tab</a>'
            return f'<div class="oa-verdict warn" role="status"><p>Not now{words}</p><span>{escape(why)}</span> {link}</div>'
        more = f' <span class="oa-muted">{escape(consequence)}</span>' if consequence else ""
        return f'<div class="oa-verdict good" role="status"><p>Ready to load{words}</p>{more}</div>'
    marks = " ".join(sorted({TABS.get(each.field.partition(".")[0], "settings-more") for each in errors if each.field}))
    lines = "".join(f"<li>{_link(each)} {escape(each.message)} {escape(each.hint)}</li>" for each in errors[:4])
    rest = f"<li>and {len(errors) - 4} more</li>" if len(errors) > 4 else ""
    return (
        f'<div class="oa-verdict bad" role="status" data-marks="{marks}"><p>{_count(len(errors), "mistake")} to correct</p>'
        f"<ul>{lines}{rest}</ul></div>"
    )


def _link(found: Finding) -> str:
    """The field, as a link that leads to it; nothing for what belongs to no field."""
    if not found.field:
        return ""
    name = found.field.partition(".")[2] or found.field
    return f'<a href="#" data-goto="{escape(found.field)}"><code>{escape(name)}</code></a>'


def field_notes(findings: Sequence[Finding], field: str, traps: dict[str, str]) -> str:
    """What stands under one field of the form itself."""
    lines = [
        f'<div class="oa-form-{each.severity}"><span>{escape(each.message)} {escape(each.hint)}</span>{_why(traps.get(each.trap, ""))}</div>'
        for each in findings
        if each.field == field
    ]
    return "".join(lines)


def _why(text: str) -> str:
    return f'<details class="oa-form-why"><summary>Why</summary><span>{escape(text)}</span></details>' if text else ""


def _bar(estimate: FitEstimate) -> str:
    """Parts in proportion to the larger of what is needed and what is free; a mark where the free memory ends."""
    if not estimate.free_bytes or not estimate.needed_bytes:
        return ""
    whole = max(estimate.needed_bytes, estimate.free_bytes)
    parts = "".join(
        f'<span class="oa-fit-{index}" style="width:{part.memory_bytes / whole:.2%}"></span>'
        for index, part in enumerate(estimate.parts)
    )
    words = f"{size(estimate.needed_bytes)} needed of {size(estimate.free_bytes)} free"
    return (
        f'<div class="oa-fit-bar {estimate.verdict}" role="img" aria-label="{escape(words)}">{parts}'
        f'<em style="left:{estimate.free_bytes / whole:.2%}"></em></div><p class="oa-fit-words"><b>{escape(words)}</b></p>'
    )


def _formulas(estimate: FitEstimate) -> str:
    lines = "".join(f"<li><b>{escape(part.label)}</b>: {escape(part.how)}</li>" for part in estimate.parts)
    return f"<details><summary>How this was computed</summary><ul>{lines}</ul></details>" if lines else ""


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count != 1 else "")
