"""Device strings: their grammar, what they name, and how to put one together.

NAME[.ID] | AUTO[:d1,d2 | :-d] | HETERO:d1,d2 | MULTI:d1,d2 | BATCH:d[(n)]
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from openarc_ui.engine.devices.layer import DeviceLayer
from openarc_ui.errors import DeviceUnavailable, nearest

DRIVERS = {
    "GPU": "Install the driver of your Intel GPU (compute runtime and OpenCL loader)",
    "NPU": "Install the driver of your Intel NPU",
}
VIRTUAL_DEVICES = ("AUTO", "HETERO", "MULTI", "BATCH")
LARGEST_BATCH = 1024
BATCH_SIZE = re.compile(r"\((\d+)\)$")


def check_device(layer: DeviceLayer, device: str) -> tuple[str, ...]:
    """Check a device string against its grammar and against what exists.

    Returns:
        The real devices it names; for a bare AUTO all there are.

    Raises:
        DeviceUnavailable: with the reason and the nearest names that exist.
    """
    available = layer.available_devices()
    head, colon, tail = device.partition(":")
    if head in VIRTUAL_DEVICES:
        members = _members(device, head, tail if colon else None, available)
    elif colon:
        raise DeviceUnavailable(f"'{head}' can't stand before a colon.", nearest(head, VIRTUAL_DEVICES))
    else:
        members = [device]
    for member in members:
        if not _exists(member, available):
            raise DeviceUnavailable(f"This machine has no device '{member}'.", _what_instead(member, available))
    return tuple(members)


def compose_device(kind: str, members: Sequence[str], batch_size: int | None = None) -> str:
    """A device string from its parts, for the builder: ("HETERO", ["GPU.0", "GPU.1"]) -> "HETERO:GPU.0,GPU.1".

    Raises:
        DeviceUnavailable: the kind wants other members.
    """
    if kind not in VIRTUAL_DEVICES:
        return members[0] if members else kind
    if kind == "BATCH":
        if len(members) != 1:
            raise DeviceUnavailable("BATCH takes exactly one device.", "Choose one device to gather requests for.")
        return f"BATCH:{members[0]}" + (f"({batch_size})" if batch_size else "")
    if not members:
        if kind == "AUTO":
            return kind
        raise DeviceUnavailable(f"{kind} needs at least one device.", "Choose its devices, the preferred one first.")
    return f"{kind}:{','.join(members)}"


def _members(device: str, head: str, tail: str | None, available: list[str]) -> list[str]:
    """The devices a composite names, in order."""
    if tail is None:
        if head == "AUTO":
            return list(available)
        raise DeviceUnavailable(f"'{head}' needs devices after a colon.", f"For example {head}:{available[0]}.")
    parts = [part.strip() for part in tail.split(",")]
    if not all(parts):
        raise DeviceUnavailable(
            f"'{device}' names an empty device.", f"Write {head}:{available[0]}, with one comma between devices."
        )
    names = [_plain_name(part, head) for part in parts]
    excluded = [name[1:] for name in names if name.startswith("-")]
    if excluded and head != "AUTO":
        raise DeviceUnavailable(f"Only AUTO can leave devices out, not {head}.", f"Name the devices {head} may use.")
    for name in excluded:
        if not _exists(name, available):
            raise DeviceUnavailable(f"This machine has no device '{name}' to leave out.", nearest(name, available))
    chosen = [name for name in names if not name.startswith("-")]
    members = chosen or [name for name in available if not any(_is_same(name, each) for each in excluded)]
    if not members:
        raise DeviceUnavailable(f"'{device}' leaves no device.", f"This machine has: {', '.join(available)}.")
    if len(set(members)) < len(members):
        twice = next(name for name in members if members.count(name) > 1)
        raise DeviceUnavailable(f"'{device}' names {twice} twice.", "Name each device once.")
    if head == "BATCH" and len(members) > 1:
        raise DeviceUnavailable("BATCH takes exactly one device.", f"For example BATCH:{members[0]}(4).")
    return members


def _plain_name(part: str, head: str) -> str:
    """A member without its "(n)", which only BATCH knows."""
    size = BATCH_SIZE.search(part)
    if size is None:
        return part
    if head != "BATCH":
        raise DeviceUnavailable(f"'{part}': a size in parentheses belongs to BATCH.", f"Write {part[: size.start()]}.")
    if not 1 <= int(size.group(1)) <= LARGEST_BATCH:
        raise DeviceUnavailable(
            f"BATCH can't gather {size.group(1)[:20]} requests.",
            f"Write {part[: size.start()]}(2), or up to {LARGEST_BATCH}.",
        )
    return part[: size.start()]


def _what_instead(member: str, available: list[str]) -> str:
    """For a kind of device OpenVINO knows but does not see here, what to install; else the nearest name."""
    kind = member.partition(".")[0]
    if kind in DRIVERS and not any(name.partition(".")[0] == kind for name in available):
        return f"OpenVINO sees no {kind} here. {DRIVERS[kind]}, then look for devices again."
    return nearest(member, [*available, *VIRTUAL_DEVICES])


def _exists(member: str, available: list[str]) -> bool:
    """A bare "GPU" stands for the first of "GPU.0", "GPU.1"; "CPU.0" is not a device."""
    return member in available or any(name.partition(".")[0] == member for name in available)


def _is_same(name: str, excluded: str) -> bool:
    """ "-GPU" leaves out every GPU."""
    return name == excluded or name.partition(".")[0] == excluded
