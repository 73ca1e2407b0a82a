"""What a run was measured on is told in words, and nothing of it says whose machine it is."""

from __future__ import annotations

import getpass
import platform
import socket
from pathlib import Path

import pytest

from openarc_ui.tuning.machine import describe_machine


def write(root: Path, **files: str) -> Path:
    """Files below a root; `__` in a name stands for a slash."""
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_it_tells_what_figures_depend_on() -> None:
    told = describe_machine()
    assert {"Cores", "Memory", "System", "Python", "openarc", "openvino", "openvino-genai"} <= told.keys()
    assert all(told.values())
    assert told["Memory"].endswith(" GB") and float(told["Memory"].split()[0]) > 0


def test_it_names_no_host_no_user_and_no_path() -> None:
    told = " ".join(describe_machine().values())
    for secret in (socket.gethostname(), platform.node(), str(Path.home()), f"/{getpass.getuser()}"):
        assert not secret or secret not in told


def test_what_follows_the_number_of_a_kernel_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "release", lambda: "6.8.0-somebodys-laptop")
    assert "somebody" not in describe_machine()["System"] and "6.8.0" in describe_machine()["System"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {
                "sys__devices__system__cpu__cpu0__cpufreq__scaling_governor": "powersave\n",
                "sys__devices__system__cpu__intel_pstate__no_turbo": "0\n",
            },
            "governor powersave, turbo on",
        ),
        ({"sys__devices__system__cpu__intel_pstate__no_turbo": "1\n"}, "turbo off"),
        ({"sys__devices__system__cpu__cpufreq__boost": "0\n"}, "turbo off"),
        ({"sys__devices__system__cpu__cpufreq__boost": "1\n"}, "turbo on"),
    ],
)
def test_the_clock_is_told_where_the_system_tells_it(tmp_path: Path, files: dict[str, str], words: str) -> None:
    assert describe_machine(write(tmp_path, **files))["Clock"] == words


def test_what_the_system_does_not_tell_is_left_out(tmp_path: Path) -> None:
    assert "Clock" not in describe_machine(tmp_path)


def test_a_processor_is_called_by_its_name(tmp_path: Path) -> None:
    root = write(tmp_path, proc__cpuinfo="processor\t: 0\nmodel name\t: Intel(R)  Core(TM)  Ultra 7\n")
    assert describe_machine(root)["Processor"] == "Intel(R) Core(TM) Ultra 7"
