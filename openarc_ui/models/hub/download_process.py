"""The downloading process: what to fetch lies in the folder's plan; where from and with which token comes by standard input.

Started by openarc_ui.models.hub.download. A token is in no argument, no variable and no file of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from openarc_ui.errors import DownloadFailed, OpenArcError
from openarc_ui.models.childhood import claim_stdout, end_with_parent
from openarc_ui.models.hub.connection import Connection
from openarc_ui.models.hub.plan import Plan, PlannedFile, finish, finished, kept_plan
from openarc_ui.models.hub.reports import Failed, Finished, Report, to_line
from openarc_ui.models.hub.transfer import Transfer
from openarc_ui.models.work.problems import folder_problem
from openarc_ui.privacy import forbid_telemetry

logger = logging.getLogger(__name__)


def main() -> int:
    """Entry of the process.

    Returns:
        The exit code: 0 when all is there, 1 when not.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    forbid_telemetry()
    order = json.loads(sys.stdin.readline())
    end_with_parent()
    output = claim_stdout()

    def tell(report: Report) -> None:
        output.write(to_line(report) + "\n")
        output.flush()

    try:
        _run(order, tell)
    except OpenArcError as error:
        tell(Failed(error.code, error.message, error.hint))
        return 1
    except OSError as error:
        problem = folder_problem(error)
        tell(Failed(problem.code, problem.message, problem.hint))
        return 1
    tell(Finished())
    return 0


def _run(order: Mapping[str, Any], tell: Any) -> None:
    folder = Path(order["folder"])
    plan = kept_plan(folder)
    if plan is None:
        raise DownloadFailed("What was to be downloaded is not known any more.", "Start the download anew.")
    token = SecretStr(order["token"]) if order["token"] else None
    connection = Connection(order["endpoint"], token)
    hashes = Transfer(connection, plan, folder, tell, patience_seconds=order["patience_seconds"]).run()
    finish(plan, folder, {each.path: hashes.get(each.path) or _sha256(plan, each, folder) for each in plan.files})


def _sha256(plan: Plan, file: PlannedFile, folder: Path) -> str:
    """Of a file that an earlier run fetched: told by the Hub and checked then, or small enough to be read again."""
    if file.sha256 is not None:
        return file.sha256
    with finished(folder, file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
