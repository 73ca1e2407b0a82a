"""Arguments in tags, <parameter=city>Paris</parameter>, typed by the tool's schema. It knows no text around them."""

from __future__ import annotations

import re
from typing import Any

from openarc_ui.engine.formats.scan import read_json
from openarc_ui.engine.prompts import Tool

PARAMETER = re.compile(r"<parameter=([^<>\n]+)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\s*\Z)", re.DOTALL)


def tagged_arguments(source: str, tool: Tool | None) -> dict[str, Any]:
    """The arguments in the body of a <function=…> tag.

    Args:
        tool: whose schema says which of them are texts; what it does not say is read as JSON where that is possible.
    """
    properties = tool.function.parameters.get("properties", {}) if tool else {}
    return {
        match[1].strip(): _value(match[2], properties.get(match[1].strip(), {})) for match in PARAMETER.finditer(source)
    }


def _value(text: str, schema: Any) -> Any:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "string":
        return text
    try:
        return read_json(text)
    except ValueError:
        return text
