"""The process that renders chat templates: orders in, texts out, one JSON line each. It imports Jinja and nothing of ours.

A template is a program, and one that comes with a request or a downloaded model may loop for ever or fill the memory. In a
process of its own it can be ended from outside. The environment is that of transformers (`chat_template_utils`), which
takes a second and 40 MB to import; tests/engine/test_templates.py holds the two against each other.
"""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import functools
import json
import os
import signal
import sys
from typing import Any

import jinja2
import jinja2.ext
import jinja2.meta
import jinja2.nodes
import jinja2.parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

ADDRESS_SPACE_BYTES = 2**30
"""Where the system can bound it; what the parent watches is the resident part."""
LONGEST_REASON = 500
KEPT_TEMPLATES = 16
TEMPLATE_FILE = "<template>"
"""What Jinja calls a template without a file in a traceback."""


class _GenerationTag(jinja2.ext.Extension):
    """`{% generation %}` marks what a model is trained on; for a prompt it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own form

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_unchanged"), [], [], body).set_lineno(line)

    def _unchanged(self, caller: Any) -> str:
        return str(caller())


def _raise_exception(message: Any) -> None:
    raise jinja2.TemplateError(str(message))


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """Jinja's own filter escapes HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@functools.cache
def environment() -> ImmutableSandboxedEnvironment:
    """The sandbox: no attribute that begins with an underscore, no change to lists and dicts, no range above 100,000."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, jinja2.ext.loopcontrols]
    )
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise_exception
    made.globals["strftime_now"] = _strftime_now
    return made


@functools.lru_cache(KEPT_TEMPLATES)
def _compile(source: str) -> tuple[jinja2.Template, frozenset[str]]:
    """A template, and the names of the variables it reads."""
    made = environment()
    return made.from_string(source), frozenset(jinja2.meta.find_undeclared_variables(made.parse(source)))


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Render one order.

    Args:
        order: `template`; `variables` for it; `wanted`, names that it must read; `longest`, the most characters.

    Returns:
        One of {"text", "names"}, {"unread", "names"}: the first of `wanted` that is never read, and what is;
        {"too_long"}, {"memory"}, and {"refused", "kind", "line"}: Jinja's words, the exception's name, where in the template.
    """
    try:
        template, names = _compile(order["template"])
        unread = next((name for name in order["wanted"] if name not in names), None)
        if unread is not None:
            return {"unread": unread, "names": sorted(names)}
        parts, length = [], 0
        for part in template.generate(order["variables"]):
            parts.append(part)
            length += len(part)
            if length > order["longest"]:
                return {"too_long": True}
        return {"text": "".join(parts), "names": sorted(names)}
    except MemoryError:
        return {"memory": True}
    except Exception as error:  # noqa: BLE001 - whatever a template does wrong is told with its line
        return _refusal(error)


def _refusal(error: Exception) -> dict[str, Any]:
    # Python's own complaint about what a template became names lines of the generated code, which nobody wrote.
    message = error.msg if isinstance(error, SyntaxError) else getattr(error, "message", None) or str(error)
    line = error.lineno if isinstance(error, jinja2.TemplateSyntaxError) else _line_of(error)
    return {"refused": str(message)[:LONGEST_REASON], "kind": type(error).__name__, "line": line}


def _line_of(error: Exception) -> int | None:
    """The line of the innermost frame that is the template's."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEMPLATE_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, resource.RLIM_INFINITY))


def _reply(output: Any, message: dict[str, Any]) -> None:
    output.write(json.dumps(message).encode("ascii") + b"\n")
    output.flush()


def main() -> None:
    """Serve until the parent is gone. What takes too long ends the process, from a thread that needs no interpreter lock."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bound_memory()
    environment()
    output = sys.stdout.buffer
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - faulthandler wants a file that stays open
        _reply(output, {"ready": True})
        for line in sys.stdin.buffer:
            order = json.loads(line)
            faulthandler.dump_traceback_later(order["seconds"], exit=True, file=nowhere)
            reply = answer(order)
            faulthandler.cancel_dump_traceback_later()
            _reply(output, reply)


if __name__ == "__main__":
    main()
