"""The words under the fields of the chat's settings: pure functions from what is typed, and what the model says, to HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from openarc_ui.engine.formats import TOOL_FORMATS, tool_format_of
from openarc_ui.engine.prompts import Tool
from openarc_ui.engine.types import EngineStatus, ModelState, ModelStatus
from openarc_ui.errors import InvalidRequest, OpenArcError, nearest
from openarc_ui.ui.chat.settings import (
    STRUCTURE_TITLES,
    ChatSettings,
    StructureKind,
    choices_of,
    read_arguments,
    read_documents,
    read_structure,
)
from openarc_ui.ui.chat.template_view import TemplateNames
from openarc_ui.ui.html import Tone

STRUCTURE_CHOICES = [("Anything", ""), *[(title, kind) for kind, title in STRUCTURE_TITLES.items()]]
STRUCTURE_EXAMPLES: dict[str, str] = {
    "json_schema": (
        "{\n"
        '  "type": "object",\n'
        '  "properties": {\n'
        '    "city": {"type": "string"},\n'
        '    "population": {"type": "integer"}\n'
        "  },\n"
        '  "required": ["city", "population"],\n'
        '  "additionalProperties": false\n'
        "}"
    ),
    "regex": r"[A-Z][a-z]+, \d{4}-\d{2}-\d{2}",
    "grammar": 'root ::= answer "."\nanswer ::= "yes" | "no" | number\nnumber ::= [0-9] | [1-9] [0-9]+',
    "choice": "positive\nneutral\nnegative",
}
STRUCTURE_HELP: dict[str, str] = {
    "": "",
    "json_schema": "The answer is JSON that satisfies this schema.",
    "regex": "The whole answer matches this expression.",
    "grammar": "EBNF as in GBNF; the answer is made from the rule root.",
    "choice": "The answer is one of these: one a line, or a JSON list.",
}
TOOLS_JSON_EXAMPLE = (
    "[\n"
    "  {\n"
    '    "name": "get_weather",\n'
    '    "description": "The weather in a city now.",\n'
    '    "parameters": {\n'
    '      "type": "object",\n'
    '      "properties": {\n'
    '        "city": {"type": "string", "description": "Its name."},\n'
    '        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}\n'
    "      },\n"
    '      "required": ["city"]\n'
    "    }\n"
    "  }\n"
    "]"
)
TOOLS_PYTHON_EXAMPLE = (
    'def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:\n'
    '    """The weather in a city now.\n'
    "\n"
    "    Args:\n"
    "        city: Its name.\n"
    '    """\n'
)


def note(words: str, tone: Tone = "", hint: str = "") -> str:
    """A sentence under a field; "" for no words."""
    if not words:
        return ""
    role = "alert" if tone == "bad" else "status"
    below = f' <span class="oa-note-hint">{escape(hint)}</span>' if hint else ""
    return f'<p class="oa-chat-note {tone}" role="{role}">{escape(words)}{below}</p>'


def problem(error: OpenArcError) -> str:
    """An error under a field."""
    return note(error.message, "bad", error.hint)


def model_choices(status: EngineStatus) -> list[tuple[str, str]]:
    """The model selector: the one loaded last, then every one that is ready."""
    latest = f"{status.default_model} (loaded last)" if status.default_model else "The one loaded last"
    return [(latest, ""), *[(name, name) for name in ready_names(status)]]


def compare_choices(status: EngineStatus) -> list[tuple[str, str]]:
    """The second selector."""
    return [("No second model", ""), *[(name, name) for name in ready_names(status)]]


def ready_names(status: EngineStatus) -> list[str]:
    """Names that can answer now."""
    return list(dict.fromkeys(model.name for model in status.users_models if model.state is ModelState.READY))


def chosen_model(status: EngineStatus, name: str) -> ModelStatus | None:
    """The loaded model that would answer; None when there is none of that name, or none at all."""
    wanted = name or status.default_model
    return next((each for each in status.users_models if each.name == wanted and each.info is not None), None)


def models_note(status: EngineStatus, model: str, compare_with: str) -> str:
    """What is wrong with the chosen names, or what comparing does."""
    ready = ready_names(status)
    for name in (model, compare_with):
        if name and name not in ready:
            return note(f"'{name}' is not loaded.", "warn", "Load it in the Load tab, or choose another one.")
    if compare_with and compare_with == (model or status.default_model):
        return note(
            "A model can't be compared with itself.",
            "warn",
            "Load it a second time under another name, with other settings.",
        )
    if compare_with:
        return note(
            "Both answer each message at the same time, with the same seed; their speeds are measured while both run."
        )
    return ""


def structure_note(kind: StructureKind, text: str) -> str:
    """What is wrong with the form of a structure; "" when it can be shown to the model."""
    try:
        read_structure(kind, text)
    except InvalidRequest as error:
        return problem(error)
    return ""


def structure_accepted(kind: StructureKind, text: str) -> str:
    """The words for a structure the model takes."""
    if kind == "choice":
        count = len(choices_of(text))
        return note(
            f"The model takes it: one of {count} texts." if count > 1 else "The model takes it: one text.", "good"
        )
    return note("The model takes it.", "good")


def tool_format_choices(template: str | None, names: TemplateNames | None) -> list[tuple[str, str]]:
    """The ways to read tool calls; the first says what the template suggests.

    Args:
        template: the chat template in use; None while no model is ready.
        names: what it reads; None where it can't be read.
    """
    words = "From the template"
    if template is not None and names is not None:
        unknown = "none known: calls stay text" if names.has_tools else "it has no tools"
        words += f" ({tool_format_of(template) or unknown})"
    return [(words, "auto"), *[(each.title, each.name) for each in TOOL_FORMATS], ("None: calls stay text", "none")]


def tools_note(text: str, names: TemplateNames | None) -> str:
    """What was understood as tools, as cards; or what is wrong, with line and column."""
    try:
        tools = ChatSettings(tools=text).read_tools()
    except InvalidRequest as error:
        return problem(InvalidRequest(error.message.removeprefix("Tools: "), error.hint))
    if not tools:
        return note(_tools_of_template(names))
    warning = ""
    if names is not None and not names.has_tools:
        warning = note(
            _tools_of_template(names),
            "warn",
            "The model will not see them: override the template in the Prompt tab, or load another model.",
        )
    return warning + "".join(map(tool_card, tools))


def tool_card(tool: Tool) -> str:
    """One tool as a card: name, what it is for, its parameters."""
    function = tool.function
    properties = function.parameters.get("properties")
    required = function.parameters.get("required")
    needed = set(required) if isinstance(required, list) else set()
    rows = "".join(
        _parameter(name, each if isinstance(each, dict) else {}, name in needed)
        for name, each in (properties.items() if isinstance(properties, dict) else ())
    )
    described = f"<p>{escape(function.description)}</p>" if function.description else ""
    listed = f'<dl class="oa-tool-parameters">{rows}</dl>' if rows else '<p class="oa-muted">No parameters.</p>'
    return f'<div class="oa-tool"><h4>{escape(function.name)}</h4>{described}{listed}</div>'


def tools_title(text: str) -> str:
    """The heading of the tools: with how many there are."""
    return _counted("Tools", len(_or_none(lambda: ChatSettings(tools=text).read_tools())))


def structure_title(kind: str) -> str:
    """The heading of structured output: with which kind."""
    return f"Structured output · {STRUCTURE_TITLES[kind]}" if kind else "Structured output"


def more_title(arguments: str, documents: str) -> str:
    """The heading of arguments and documents: with how many there are."""
    count = len(_or_none(lambda: read_arguments(arguments))) + len(_or_none(lambda: read_documents(documents)))
    return _counted("Template arguments and documents", count)


def arguments_note(text: str, names: TemplateNames | None) -> str:
    """What is wrong with template arguments, and which ones the template reads."""
    try:
        values = read_arguments(text)
    except InvalidRequest as error:
        return problem(error)
    if names is None:
        return note("Which names the template reads is said when a model is ready, and its template can be read.")
    for name in values:
        if name not in names.arguments:
            return note(
                f"The template never reads '{name}'.",
                "bad",
                nearest(name, names.arguments) or "It reads no name of its own.",
            )
    if not names.arguments:
        return note("The template reads no argument of its own.")
    return note("The template reads: " + ", ".join(names.arguments) + ".")


def documents_note(text: str, names: TemplateNames | None) -> str:
    """What is wrong with the documents, or whether the template reads them."""
    try:
        documents = read_documents(text)
    except InvalidRequest as error:
        return problem(error)
    if not documents:
        return note("" if names is None or names.has_documents else "The template has no place for documents.")
    if names is not None and not names.has_documents:
        return note(
            "The template has no place for documents: it is refused with them.",
            "bad",
            "Take them out, or override the template.",
        )
    return note(f"{len(documents)} document{'' if len(documents) == 1 else 's'}.", "good")


def _tools_of_template(names: TemplateNames | None) -> str:
    if names is None:
        return "Whether the template has tools is said when a model is ready, and its template can be read."
    return (
        "The chat template of this model has tools."
        if names.has_tools
        else "The chat template of this model has no tools."
    )


def _parameter(name: str, schema: dict[str, Any], is_required: bool) -> str:
    kind = _type_words(schema)
    asked = "" if is_required else '<span class="oa-tool-optional">optional</span>'
    words = schema.get("description")
    described = f"<dd>{escape(words)}</dd>" if isinstance(words, str) and words else ""
    return f'<dt><code>{escape(name)}</code> <span class="oa-tool-type">{escape(kind)}</span>{asked}</dt>{described}'


def _type_words(schema: dict[str, Any]) -> str:
    """A schema's type, as short as it can be said."""
    options = schema.get("enum")
    if isinstance(options, list):
        return " | ".join(str(each) for each in options)
    kind = schema.get("type", "any")
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_type_words(schema['items'])}"
    return " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _or_none(read: Any) -> Sequence[Any]:
    try:
        found: Sequence[Any] = read()
    except InvalidRequest:
        return ()
    return found


def _counted(title: str, count: int) -> str:
    return f"{title} · {count}" if count else title
