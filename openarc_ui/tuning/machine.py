"""What a run was measured on, in words: processor, memory, system, clock, versions.

No name of the machine or of a user and no path: a report is made to be shown to others.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from openarc_ui import __version__
from openarc_ui.engine.memory.room import system_room

PACKAGES = ("openvino", "openvino-genai", "optimum-intel", "openvino-tokenizers", "transformers")


def describe_machine(root: Path = Path("/")) -> dict[str, str]:
    """Name -> words, in the order they are shown. What the system does not tell is left out.

    Args:
        root: where /proc and /sys are.
    """
    told = {
        "Processor": _processor(root),
        "Cores": _cores(),
        "Memory": f"{(system_room(root).total_bytes or 0) / 1e9:.1f} GB",
        "System": f"{platform.system()} {_release()} {platform.machine()}".strip(),
        "Clock": _clock(root),
        "Python": platform.python_version(),
        "openarc": __version__,
        **{name: _version(name) for name in PACKAGES},
    }
    return {name: words for name, words in told.items() if words}


def _processor(root: Path) -> str:
    """The model's name, as /proc/cpuinfo has it on Linux; on ARM it has none."""
    for line in _text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return " ".join(value.split())
    return platform.processor()


def _cores() -> str:
    """All of them, and how many this process may use, where these are fewer."""
    threads, cores = psutil.cpu_count() or 0, psutil.cpu_count(logical=False)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads
    words = f"{cores} cores, {threads} threads" if cores else f"{threads} threads"
    return words if usable == threads else f"{words}, {usable} usable"


def _release() -> str:
    """The system's version as far as it is a number: who builds a kernel may write a name of theirs behind it."""
    return platform.release().partition("-")[0]


def _clock(root: Path) -> str:
    """How the processor's clock is governed, on Linux, where a virtual machine does not hide it."""
    cpu = root / "sys/devices/system/cpu"
    governor = _text(cpu / "cpu0/cpufreq/scaling_governor").strip()
    preference = _text(cpu / "cpu0/cpufreq/energy_performance_preference").strip()
    turbo_off, boost = _text(cpu / "intel_pstate/no_turbo").strip(), _text(cpu / "cpufreq/boost").strip()
    is_boosting = {"0": True, "1": False}.get(turbo_off, {"1": True, "0": False}.get(boost))
    words = [f"governor {governor}" if governor else "", f"preference {preference}" if preference else ""]
    words.append("" if is_boosting is None else f"turbo {'on' if is_boosting else 'off'}")
    return ", ".join(word for word in words if word)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
