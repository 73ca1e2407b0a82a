"""Which key each tool needs, in one table. A tool that is in none of its sets is for the administrator.

A test holds the table against the tools, so that a new one gets a decision.
"""

from __future__ import annotations

from collections.abc import Mapping

from openarc_ui.access import ROLE_HEADER, Access, Role

USE: frozenset[str] = frozenset(
    {"list_devices", "list_models", "status", "chat", "metrics", "tuning_results", "recommended_models"}
)
ADMINISTER: Mapping[str, str] = {
    "list_profiles": "Listing profiles",
    "load_profile": "Loading a profile",
    "load_model": "Loading a model",
    "unload_model": "Unloading a model",
    "start_bench": "Starting a run",
    "start_download": "Downloading a model",
    "start_conversion": "Converting a model",
    "model_tasks": "Listing downloads and conversions",
    "pause_task": "Pausing a download",
    "resume_task": "Resuming a download or a conversion",
    "cancel_task": "Cancelling a download or a conversion",
}
"""Tool -> what its caller is told that needs the administration key."""
COUNTED: frozenset[str] = frozenset({"chat"})
"""Those that make a model work: a key may call them only so many times a minute."""


def check_right(access: Access, tool: str, headers: Mapping[str, str] | None) -> None:
    """See that a call may be made.

    Args:
        headers: of its request; None: it came without one, so past the guard, and may use but not administer.

    Raises:
        AdministratorNeeded: the tool is not for the key that was sent.
        RateLimited: the key has asked too often.
    """
    told = {ROLE_HEADER: Role.USER.value} if headers is None else headers
    if tool not in USE:
        access.require_administrator(told, ADMINISTER.get(tool, "This tool"))
    if tool in COUNTED:
        access.count(told)
