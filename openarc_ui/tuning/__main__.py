"""`python -m openarc_ui.tuning`: bench, sweep and compare without a server, on the same models and the same kept runs."""

from __future__ import annotations

import logging
import os
import signal
import sys

from openarc_ui.errors import OpenArcError
from openarc_ui.privacy import forbid_telemetry


def main(arguments: list[str] | None = None) -> int:
    """Entry: 0 done, 2 wrong arguments or nothing to be done, 3 the run failed, 130 Ctrl+C.

    Args:
        arguments: left out, those of the process.
    """
    forbid_telemetry()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A terminal that can't show a character shows ? for it; a run is not lost by that.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from openarc_ui.tuning.command.arguments import parse
    from openarc_ui.tuning.command.doing import act

    try:
        return act(parse(sys.argv[1:] if arguments is None else arguments), os.environ)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who read our output has seen enough; what is still to be flushed goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OpenArcError as error:
        sys.stderr.write(f"openarc: {error.message} {error.hint}".rstrip() + "\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
