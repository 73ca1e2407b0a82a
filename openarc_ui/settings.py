"""Settings: defaults, then OPENARC_* environment variables, then flags. Built once in app.py and handed down.

One table, the fields below, feeds the flags, the variables, `--help`, the validation and the documentation.
"""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from openarc_ui.engine.types import BackendChoice
from openarc_ui.errors import SettingsError, nearest

logger = logging.getLogger(__name__)

PREFIX = "OPENARC_"
OTLP_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own name for `otlp_endpoint`, for machines where it is set for every program."""
OTLP_PROTOCOL_VARIABLE = "OTEL_EXPORTER_OTLP_PROTOCOL"
OTLP_PROTOCOLS = ("", "http/protobuf", "http/json")
"""That a collector at OTEL_EXPORTER_OTLP_ENDPOINT may speak; over HTTP it takes either form."""
SIGNAL_PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")
STARTER = "starter"
NO_MODEL = "none"


class Settings(BaseModel):
    """Everything that can be set from outside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but this machine needs an API key.")
    port: int = Field(7860, ge=1, le=65535, description="Port to listen on.")
    model_folder: Path = Field(Path("models"), description="The only folder models are loaded from.")
    database: Path = Field(Path("data/openarc.sqlite3"), description="SQLite file that keeps the metrics.")
    conversations: Path = Field(
        Path("data/conversations.sqlite3"), description="SQLite file that keeps the conversations."
    )
    model: str = Field(STARTER, description="Model to load at start: a name in the model folder, 'starter', or 'none'.")
    device: str = Field("CPU", description="Device for the model loaded at start.")
    backend: BackendChoice = Field(
        "auto", description="Backend for the model loaded at start: auto, genai, optimum or scripted."
    )
    profile: str | None = Field(
        None, description="Profile to load at start, in place of a model, a device and a backend."
    )
    profile_folder: Path = Field(Path("data/profiles"), description="Where profiles are kept, one file each.")
    cache_folder: Path = Field(
        Path("data/cache"), description="Where compiled models are kept, so that the next load is faster."
    )
    queue_size: int = Field(32, ge=1, le=10_000, description="How many requests may wait for one model.")
    api_key: SecretStr | None = Field(
        None,
        description="Key that every request and the page must present. Better set as OPENARC_API_KEY than as a flag.",
    )
    keep_texts: bool = Field(
        False,
        description="Keep prompts and answers with the metrics. Off: text is private; figures are kept either way.",
    )
    metrics_days: int = Field(365, ge=0, description="Metrics older than this many days are deleted; 0: never.")
    metrics_megabytes: int = Field(
        2048, ge=0, description="The oldest metrics are deleted when their file is larger than this; 0: no limit."
    )
    otlp_endpoint: str | None = Field(
        None,
        max_length=2000,
        description="OpenTelemetry collector to send traces and metrics to, by OTLP over HTTP, such as http://localhost:4318; "
        "OTEL_EXPORTER_OTLP_ENDPOINT counts too.",
    )
    mcp: bool = Field(False, description="Serve the Model Context Protocol at /mcp, for agents.")
    open_browser: bool = Field(False, description="Open the page in a browser once it answers.")

    @field_validator("model_folder", "database", "conversations", "profile_folder", "cache_folder", mode="before")
    @classmethod
    def _a_path_has_a_name(cls, value: Any) -> Any:
        # An empty path is the working directory, and what is in there is nobody's to clear.
        if isinstance(value, str) and not value.strip():
            raise ValueError("the path is empty: name one, or leave it out for the default")
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _a_collector_has_an_address(cls, value: str | None) -> str | None:
        # Empty switches off what the environment switches on. The address may hold a password, so it is not repeated.
        if not value or not value.strip():
            return None
        problem = _problem_of_collector(value)
        if problem is not None:
            raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _a_network_needs_a_key(self) -> Settings:
        if not is_loopback(self.host) and self.api_key is None:
            raise ValueError(
                f"host {self.host} can be reached from other machines, so an API key is needed: set OPENARC_API_KEY"
            )
        if self.api_key is not None and len(self.api_key.get_secret_value()) < 8:
            raise ValueError("the API key must have at least 8 characters")
        return self

    @model_validator(mode="after")
    def _a_profile_says_it_all(self) -> Settings:
        beside = [flag_of(name) for name in ("model", "device", "backend") if name in self.model_fields_set]
        if self.profile is not None and beside:
            raise ValueError(
                f"a profile says which model is loaded, where and with what: leave out --profile, or {' and '.join(beside)}"
            )
        return self


def is_loopback(host: str) -> bool:
    """True when only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _problem_of_collector(address: str) -> str | None:
    """Why a collector can't be reached at an address, with what to give instead; None where it can."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_address = is_address and not any(map(str.isspace, address))
    except ValueError:
        is_address = False
    if not is_address:
        return "a collector's address is like http://localhost:4318 (OTLP over HTTP, not gRPC)"
    signal = next((path for path in SIGNAL_PATHS if parts.path.rstrip("/").endswith(path)), None)
    if signal is not None:
        return f"give the collector's address without {signal}, such as http://localhost:4318: the paths of the signals are added"
    return None


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Settings from flags over environment over defaults.

    Raises:
        SettingsError: an unknown flag or OPENARC_ variable (with the nearest right name), or a wrong value.
    """
    values = {**_from_environment(environment), **_from_flags(arguments)}
    if "otlp_endpoint" not in values:
        values["otlp_endpoint"] = _collector_of_all_programs(environment)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        where = f"{flag_of(name)} ({variable_of(name)}): " if name else ""
        raise SettingsError(
            f"{where}{first['msg'].removeprefix('Value error, ').rstrip('.')}.", "See --help."
        ) from None


def prepare_folders(settings: Settings) -> None:
    """Make the folders of the models and the databases, and see that they can be used, before anything slow begins.

    Raises:
        SettingsError: one can't be made, read or written, or both databases are one file; with its flag.
    """
    for name, folder, is_written in (
        ("model_folder", settings.model_folder, False),
        ("database", settings.database.parent, True),
        ("conversations", settings.conversations.parent, True),
    ):
        hint = f"Choose another with {flag_of(name)}, or mend its permissions."
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{folder} can't be made as a folder: {error.strerror or error}.", hint) from None
        if not os.access(folder, os.R_OK | os.X_OK | (os.W_OK if is_written else 0)):
            raise SettingsError(f"{folder} can't be {'written' if is_written else 'read'}.", hint)
    for name, file in (("database", settings.database), ("conversations", settings.conversations)):
        if file.is_dir():
            raise SettingsError(f"{file} is a folder, not a file.", f"Name a file with {flag_of(name)}.")
    if settings.database.resolve() == settings.conversations.resolve():
        raise SettingsError(
            f"{settings.database} can't keep both the metrics and the conversations.",
            "Name another file with --database or --conversations.",
        )


def flag_of(name: str) -> str:
    """The flag of a field: `model_folder` -> `--model-folder`."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a field: `model_folder` -> `OPENARC_MODEL_FOLDER`."""
    return PREFIX + name.upper()


def default_of(name: str) -> str:
    """The default as --help shows it."""
    value = Settings.model_fields[name].default
    return "none" if value is None else str(value)


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    fields = {variable_of(name): name for name in Settings.model_fields}
    values: dict[str, Any] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable.startswith(f"{PREFIX}TEST_"):
            continue
        if variable not in fields:
            raise SettingsError(f"There is no environment variable {variable}.", nearest(variable, fields))
        if value != "":
            values[fields[variable]] = value
    return values


def _collector_of_all_programs(environment: Mapping[str, str]) -> str | None:
    """The address in OpenTelemetry's own variable. It was not meant for OpenArc alone, so one that can't be used is only said."""
    address = environment.get(OTLP_VARIABLE, "").strip()
    if not address:
        return None
    variable, problem = OTLP_VARIABLE, _problem_of_collector(address)
    if environment.get(OTLP_PROTOCOL_VARIABLE, "").strip().lower() not in OTLP_PROTOCOLS:
        variable, problem = OTLP_PROTOCOL_VARIABLE, "OpenArc sends OTLP over HTTP only (http/protobuf)"
    if problem is None:
        return address
    logger.warning("%s can't be used, so nothing is sent to a collector: %s.", variable, problem)
    return None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message[:1].upper() + message[1:] + ".", "See --help.")


def _from_flags(arguments: Sequence[str]) -> dict[str, Any]:
    parser = _Parser(
        prog="python app.py",
        description="OpenArc: language models on Intel hardware through OpenVINO. Every flag is also an environment variable.",
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32, width=min(110, _columns())),
    )
    for name, field in Settings.model_fields.items():
        text = f"{field.description} [{variable_of(name)}; default: {default_of(name)}]".replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(
                flag_of(name), help=text, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS
            )
        else:
            parser.add_argument(flag_of(name), help=text, metavar=name.upper(), default=argparse.SUPPRESS)
    parsed, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        word = unknown[0].partition("=")[0]
        raise SettingsError(
            f"There is no flag {word}.", nearest(word, [flag_of(name) for name in Settings.model_fields])
        )
    return vars(parsed)


def _columns() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 110
