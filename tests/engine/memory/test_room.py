"""What a device has free: containers by files that were never mounted, and the real machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from openarc_ui.engine.devices import OpenVinoLayer
from openarc_ui.engine.memory.room import device_room, system_room


def cgroup(root: Path, lines: str, files: Mapping[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": lines, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_container_limit_of_version_2_counts_when_it_is_tighter(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/a/b/"
    files = {
        base + "memory.max": "500000000\n",
        base + "memory.current": "300000000\n",
        base + "memory.stat": "anon 1\ninactive_file 100000000\n",
        "sys/fs/cgroup/a/memory.max": "max\n",
        "sys/fs/cgroup/a/memory.current": "300000000\n",
    }
    room = system_room(cgroup(tmp_path, "0::/a/b\n", files))
    assert (room.free_bytes, room.total_bytes) == (300_000_000, 500_000_000)
    assert "container" in room.limit


def test_a_container_limit_of_version_1_counts_and_no_limit_does_not(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/memory/"
    files = {base + "memory.limit_in_bytes": "400000000", base + "memory.usage_in_bytes": "150000000"}
    lines = "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n"
    assert system_room(cgroup(tmp_path / "limited", lines, files)).free_bytes == 250_000_000
    unlimited = {**files, base + "memory.limit_in_bytes": "9223372036854771712"}
    assert system_room(cgroup(tmp_path / "unlimited", lines, unlimited)).limit == "system memory"


def test_a_container_over_its_limit_has_nothing_free(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/"
    files = {base + "memory.max": "100", base + "memory.current": "200"}
    assert system_room(cgroup(tmp_path, "0::/\n", files)).free_bytes == 0


@pytest.mark.parametrize("lines", ["", "nonsense\n", "0::\n", "0::/../..\n"])
def test_a_cgroup_file_that_makes_no_sense_limits_nothing(tmp_path: Path, lines: str) -> None:
    assert system_room(cgroup(tmp_path, lines, {})).limit == "system memory"


def test_the_real_machine_tells_its_memory() -> None:
    room = device_room(OpenVinoLayer(), "CPU")
    assert room.free_bytes is not None and room.total_bytes is not None
    assert 0 < room.free_bytes <= room.total_bytes
