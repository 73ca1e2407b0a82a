"""The options of the installed `optimum-cli export openvino`, as JSON on standard output; run as a process of its own.

Read from the command's own argument parser, so they are those of this version. The main process imports no optimum.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from typing import Any

from openarc_ui.privacy import forbid_telemetry

KINDS: dict[Any, str] = {str: "text", int: "integer", float: "number"}
PACKAGES = ("optimum-intel", "nncf", "openvino", "transformers", "torch")


def read_options() -> list[dict[str, Any]]:
    """Every option with a name of two dashes: name, kind, choices, default, help."""
    from optimum.commands.export.openvino import parse_args_openvino

    parser = argparse.ArgumentParser()
    parse_args_openvino(parser)
    return [_option(action) for action in parser._actions if _long_name(action)]


def versions() -> dict[str, str]:
    """Of the packages that do a conversion."""
    return {name: version(name) for name in PACKAGES}


def _option(action: argparse.Action) -> dict[str, Any]:
    is_switch = action.nargs == 0
    kind = "switch" if is_switch else "choice" if action.choices else KINDS.get(action.type, "json")
    default = action.default if isinstance(action.default, (str, int, float)) and not is_switch else None
    return {
        "name": _long_name(action),
        "kind": kind,
        "choices": [str(choice) for choice in action.choices or ()],
        "default": default,
        "help": (action.help or "") % vars(action) if action.help else "",
    }


def _long_name(action: argparse.Action) -> str:
    return next((text[2:] for text in action.option_strings if text.startswith("--") and text != "--help"), "")


if __name__ == "__main__":
    forbid_telemetry()
    json.dump({"options": read_options(), "versions": versions()}, sys.stdout)
