"""The help texts of devices, properties and traps, read from assets/help.

Each function reads its file when it is called; whoever shows the texts keeps what it got. It knows no device and no page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

import openarc_ui

HELP_FOLDER = Path(openarc_ui.__file__).parent.parent / "assets" / "help"
PropertyGroup = Literal[
    "performance", "precision", "threads", "cache", "memory", "gpu", "npu", "composite", "diagnostics"
]


@dataclass(frozen=True, slots=True)
class PropertyHelp:
    """What is worth knowing about one OpenVINO property, whatever device has it.

    Attributes:
        is_common: a person who tunes a language model really touches it; `common` in the file.
        unit: of a number, "" where there is none.
        help: one line of at most 100 characters.
        text: Markdown of 60 to 140 words: what it does, when it helps an LLM, when it hurts; "" unless common.
        values: value as written in an ov_config -> a few words.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    group: PropertyGroup
    is_common: Annotated[bool, Field(alias="common")]
    help: str
    unit: str = ""
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceHelp:
    """One kind of device, real or composite, in plain words.

    Attributes:
        good_for: two or three sentences on what it is good at with language models.
        properties: names of the properties that matter most, in order.
        limits: one sentence each.
        not_run: the paths follow OpenVINO's documentation and were not run on hardware.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    title: str
    good_for: str
    properties: tuple[str, ...]
    limits: tuple[str, ...]
    not_run: bool = False


@dataclass(frozen=True, slots=True)
class Trap:
    """A setting that looks right and is not: what happens, why, and what to do instead."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    title: str
    text: str


def property_help(folder: Path = HELP_FOLDER) -> Mapping[str, PropertyHelp]:
    """Help by property name.

    Raises:
        ValueError: the file is no TOML, or has a key this module does not know.
    """
    return TypeAdapter(dict[str, PropertyHelp]).validate_python(_read(folder / "properties.toml"))


def device_help(folder: Path = HELP_FOLDER) -> Mapping[str, DeviceHelp]:
    """Help by kind of device: CPU, GPU, NPU, AUTO, HETERO, MULTI, BATCH.

    Raises:
        ValueError: see `property_help`.
    """
    return TypeAdapter(dict[str, DeviceHelp]).validate_python(_read(folder / "devices.toml"))


def traps(folder: Path = HELP_FOLDER) -> Mapping[str, Trap]:
    """Traps by the id that findings name.

    Raises:
        ValueError: see `property_help`.
    """
    return TypeAdapter(dict[str, Trap]).validate_python(_read(folder / "traps.toml"))


def _read(file: Path) -> Mapping[str, object]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
