"""The arguments of `python -m openarc_ui.tuning`: what there is to say, and its help. It does nothing with them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, get_args

from openarc_ui.engine.types import BackendChoice
from openarc_ui.errors import SettingsError, nearest
from openarc_ui.tuning.requests import ObjectiveName, Preset, Sampler

COMMANDS = {
    "bench": "measure one configuration on one or more workloads",
    "sweep": "search the best of many configurations",
    "compare": "find out whether two configurations differ",
    "list": "list the runs that are kept",
    "show": "show what came of a run",
    "export": "write a run as Markdown, CSV, JSON or HTML",
    "resume": "go on with a run that was interrupted",
    "delete": "delete a run",
}
MEASURING = ("bench", "sweep", "compare")
FORMATS = ("markdown", "csv", "json")
LAST = "last"
EPILOG = """examples:
  python -m openarc_ui.tuning bench SmolLM2-135M-Instruct-int4 -p 128,512 -n 64 -d 0,512 -c 1,4 -r 5 --ov KV_CACHE_PRECISION=u8
  python -m openarc_ui.tuning sweep SmolLM2-135M-Instruct-int4 --axis ov_config.INFERENCE_NUM_THREADS=1,2 \\
      --axis backend=genai,optimum --objective total_seconds --minutes 5
  python -m openarc_ui.tuning compare SmolLM2-135M-Instruct-int4 --a ov_config.KV_CACHE_PRECISION=u8 \\
      --b ov_config.KV_CACHE_PRECISION=f16
  python -m openarc_ui.tuning resume last

The result goes to the standard output, the progress to the standard error. Folders are also read from OPENARC_MODEL_FOLDER,
OPENARC_TUNING_FOLDER and OPENARC_CACHE_FOLDER. Exit codes: 0 done, 2 wrong arguments, 3 the run failed, 130 Ctrl+C."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message[:1].upper() + message[1:].rstrip(".") + ".", f"See {self.prog} --help.")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments by name; `command` is one of COMMANDS.

    Raises:
        SettingsError: an unknown command or flag, with the nearest right names, or a wrong value.
    """
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        raise SettingsError(f"There is no command '{arguments[0]}'.", nearest(arguments[0], COMMANDS))
    parser, below = _parsers()
    parsed, unknown = parser.parse_known_args(list(arguments))
    if parsed.command is None:
        parser.print_help()
        raise SystemExit(0)
    if unknown:
        word = unknown[0].partition("=")[0]
        flags = [flag for flag in below[parsed.command]._option_string_actions if flag.startswith("--")]
        if not word.startswith("-"):
            raise SettingsError(f"'{word}' is one word too many.", f"See {below[parsed.command].prog} --help.")
        raise SettingsError(f"There is no flag {word}.", nearest(word, flags))
    return parsed


def one_of(known: Sequence[str], what: str) -> Callable[[str], str]:
    """A type for argparse: one of these names, or an error that tells the nearest."""

    def check(value: str) -> str:
        if value not in known:
            raise SettingsError(f"There is no {what} '{value}'.", nearest(value, known))
        return value

    return check


def listed(kind: Callable[[str], Any], what: str) -> Callable[[str], tuple[Any, ...]]:
    """A type for argparse: values separated by commas."""

    def read(text: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
        except ValueError:
            raise SettingsError(f"'{text}' is no {what}.", "Separate several by commas, such as 128,512.") from None

    return read


def _parsers() -> tuple[_Parser, dict[str, argparse.ArgumentParser]]:
    about = "Measure language models on OpenVINO, search their best settings, and compare them."
    form = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="python -m openarc_ui.tuning", description=about, epilog=EPILOG, formatter_class=form)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    below: dict[str, argparse.ArgumentParser] = {}
    for name, words in COMMANDS.items():
        added = below[name] = commands.add_parser(
            name, help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False
        )
        _add_folders(added)
        if name in MEASURING:
            _add_measured(added, name)
        elif name != "list":
            added.add_argument("run_id", metavar="RUN", help=f"id of the run, as `list` shows it, or '{LAST}'")
        if name != "delete":
            _add_format(added, name)
    _add_search(below["sweep"])
    _add_comparison(below["compare"])
    return parser, below


def _add_folders(parser: argparse.ArgumentParser) -> None:
    for name, words in (
        ("model", "the folder the models are in"),
        ("tuning", "where the runs are kept, one folder each"),
        ("cache", "where compiled models are kept"),
    ):
        parser.add_argument(f"--{name}-folder", metavar="FOLDER", help=words)


def _add_format(parser: argparse.ArgumentParser, command: str) -> None:
    special: dict[str, tuple[str, ...]] = {"export": (*FORMATS, "html"), "list": ("text", "json")}
    known = special.get(command, FORMATS)
    parser.add_argument(
        "--format", type=one_of(known, "format"), default=known[0], help=f"{', '.join(known)} (default: {known[0]})"
    )


def _add_measured(parser: argparse.ArgumentParser, command: str) -> None:
    """What bench, sweep and compare have in common."""
    add = parser.add_argument
    add("model", metavar="MODEL", nargs="?", help="name of a model in the model folder")
    add("--request", metavar="FILE", help="a request as JSON, in place of everything else that says what is measured")
    add("--device", default="CPU", help="CPU, GPU.0, NPU, AUTO:GPU,CPU, ... (default: CPU)")
    add("--backend", type=one_of(get_args(BackendChoice), "backend"), default="auto", help="auto, genai or optimum")
    add("--ov", metavar="NAME=VALUE", action="append", default=[], help="an OpenVINO property; may be given again")
    add(
        "--scheduler",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of GenAI's scheduler; likewise",
    )
    presets = get_args(Preset)
    add("--preset", type=listed(one_of(presets, "preset"), "preset"), help=f"a workload: {', '.join(presets)}")
    several = "; several by commas" if command == "bench" else ""
    numbers = listed(int, "whole number")
    add("-p", "--prompt-tokens", type=numbers, metavar="N", help=f"tokens of the prompt (default: 512){several}")
    add("-n", "--generated-tokens", type=numbers, metavar="N", help=f"tokens generated (default: 128){several}")
    add("-d", "--depth", type=numbers, metavar="N", help=f"tokens of context before the prompt{several}")
    add("-c", "--concurrency", type=numbers, metavar="N", help=f"users who ask at the same time{several}")
    add("--turns", type=int, metavar="N", help="requests of each user, one after the other")
    add(
        "--prompt",
        action="append",
        default=[],
        metavar="TEXT",
        help="a prompt of your own, in place of -p; may be given again",
    )
    add(
        "-r",
        "--repetitions",
        type=int,
        metavar="N",
        help="of a workload, each time the model is loaded (default: 3; of a bench 5)",
    )
    add("--name", help="what to call the run")
    add("--seed", type=int, metavar="N", help="of orders, prompts and the search")
    quality = "compare what is written with the reference"
    add("--quality", action=argparse.BooleanOptionalAction, default=None, help=quality)
    if command == "bench":
        add("--loads", type=int, metavar="N", help="how often the model is loaded anew (default: 1)")


def _add_search(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--axis",
        metavar="FIELD=VALUES",
        action="append",
        default=[],
        help="what varies: model_path, backend, device, ov_config.NAME or scheduler.NAME, and its values, separated by commas, "
        "or by ; where one has a comma in it; 'default' leaves the field out. May be given again",
    )
    objectives = get_args(ObjectiveName)
    add(
        "--objective",
        type=listed(one_of(objectives, "objective"), "objective"),
        help=f"what is to be best: {', '.join(objectives)}; several by commas (default: total_seconds)",
    )
    add("--minutes", type=float, metavar="N", help="time for all of it (default: 10)")
    samplers = get_args(Sampler)
    add("--sampler", type=one_of(samplers, "sampler"), help=f"{', '.join(samplers)} (default: auto)")
    add("--most", type=int, metavar="N", help="at most so many configurations are tried")
    add("--memory-limit-megabytes", type=int, metavar="N", help="what needs more memory can't win")
    add("--tightness", type=float, metavar="PERCENT", help="how tight the intervals of the best are to be (default: 3)")


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for side in ("a", "b"):
        words = f"a field of {side.upper()} that is not as said for both; may be given again"
        add(f"--{side}", metavar="FIELD=VALUE", action="append", default=[], help=words)
    add("--least-rounds", type=int, metavar="N", help="rounds at least (default: 6)")
    add("--most-rounds", type=int, metavar="N", help="rounds at most (default: 20)")
    add("--minutes", type=float, metavar="N", help="time for all of it (default: 10)")
    add("--tightness", type=float, metavar="PERCENT", help="it ends when the intervals are so tight (default: 2)")
