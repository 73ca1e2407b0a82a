"""Settings: defaults, then OPENARC_* environment variables, then flags. Built once in app.py and handed down.

One table, the fields below, feeds the flags, the variables, `--help`, the validation and the documentation.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from openarc_ui.addresses import is_loopback, problem_of_collector, problem_of_host, problem_of_hub, problem_of_origin
from openarc_ui.engine.types import BackendChoice
from openarc_ui.errors import SettingsError, nearest

logger = logging.getLogger(__name__)

PREFIX = "OPENARC_"
OTLP_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own name for `otlp_endpoint`, for machines where it is set for every program."""
OTLP_PROTOCOL_VARIABLE = "OTEL_EXPORTER_OTLP_PROTOCOL"
OTLP_PROTOCOLS = ("", "http/protobuf", "http/json")
"""That a collector at OTEL_EXPORTER_OTLP_ENDPOINT may speak; over HTTP it takes either form."""
HUB_ENDPOINT_VARIABLE, HUB_TOKEN_VARIABLE = "HF_ENDPOINT", "HF_TOKEN"
"""Hugging Face's own names for `hub_endpoint` and `hub_token`, for machines where they are set for every program."""
SECRETS = ("api_key", "admin_key", "hub_token")
"""Set by a variable or by a file that a flag names: what stands in a command line is shown to every user of the machine."""
LISTS = ("allowed_hosts", "allowed_origins")
LEAST_KEY_CHARACTERS = 8
MOST_KEY_BYTES = 4096
OTHERS_MAY_READ = 0o077
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
    tuning_folder: Path = Field(
        Path("data/tuning"), description="Where the runs of the Tune tab are kept, one folder each."
    )
    queue_size: int = Field(32, ge=1, le=10_000, description="How many requests may wait for one model.")
    api_key: SecretStr | None = Field(
        None,
        description="Key for use: chat, generate, read. Without an admin key it is for everything. The flag names a file that "
        "holds it.",
    )
    admin_key: SecretStr | None = Field(
        None,
        description="Key for administration: models, profiles, caches; and for use. The flag names a file that holds it.",
    )
    open_to_network: bool = Field(
        False,
        description="Listen on another host without a key: everybody who reaches the port may use and administer everything.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names this server is called by, separated by commas, for example behind a proxy."
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Origins of other web pages that may call it, separated by commas, such as https://app.example."
    )
    requests_per_minute: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="How many calls that make a model work each key may send in a minute; 0: no limit. A call may ask for several "
        "answers.",
    )
    request_seconds: int = Field(
        3600, ge=0, description="A request is ended when it took longer, waiting included; 0: no limit."
    )
    max_body_megabytes: int = Field(
        8, ge=1, le=1024, description="The largest body of a request, and file of the page."
    )
    trust_remote_code: bool = Field(
        False, description="Run Python files that come with a model. They can do all that this program can."
    )
    keep_texts: bool = Field(
        False,
        description="Keep prompts and answers with the metrics, of everybody, for who has the administration key. Figures are kept "
        "either way.",
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
    hub_endpoint: str = Field(
        "https://huggingface.co",
        max_length=2000,
        description="The Hugging Face Hub or a mirror, asked only when somebody searches or downloads; HF_ENDPOINT counts too.",
    )
    hub_token: SecretStr | None = Field(
        None,
        description="Token for gated models of the Hub; HF_TOKEN counts too. The flag names a file that holds it.",
    )
    mcp: bool = Field(False, description="Serve the Model Context Protocol at /mcp, for agents.")
    open_browser: bool = Field(False, description="Open the page in a browser once it answers.")

    @field_validator(
        "model_folder", "database", "conversations", "profile_folder", "cache_folder", "tuning_folder", mode="before"
    )
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
        problem = problem_of_collector(value)
        if problem is not None:
            raise ValueError(problem)
        return value

    @field_validator("hub_endpoint")
    @classmethod
    def _a_hub_has_an_address(cls, value: str) -> str:
        problem = problem_of_hub(value)  # a wrong one may hold a password, so it is not repeated
        if problem is not None:
            raise ValueError(problem)
        return value.rstrip("/")

    @field_validator(*LISTS, mode="before")
    @classmethod
    def _a_list_is_separated_by_commas(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator(*LISTS)
    @classmethod
    def _each_is_one(cls, value: tuple[str, ...], checked: ValidationInfo) -> tuple[str, ...]:
        problem_of = problem_of_host if checked.field_name == "allowed_hosts" else problem_of_origin
        problem = next((problem for each in value if (problem := problem_of(each)) is not None), None)
        if problem is not None:
            raise ValueError(problem)
        return value

    @field_validator(*SECRETS)
    @classmethod
    def _a_key_can_be_sent_and_not_guessed(cls, value: SecretStr | None, checked: ValidationInfo) -> SecretStr | None:
        problem = _problem_of_key(value.get_secret_value()) if value is not None else None
        if problem is not None:
            raise ValueError(problem.replace("key", "token") if checked.field_name == "hub_token" else problem)
        return value

    @model_validator(mode="after")
    def _keys_suit_the_host_and_each_other(self) -> Settings:
        if not is_loopback(self.host) and not self.needs_key and not self.open_to_network:
            raise ValueError(
                f"host {self.host} can be reached from other machines, so an API key is needed: set OPENARC_API_KEY, "
                "or say --open-to-network"
            )
        if self.open_to_network and (is_loopback(self.host) or self.needs_key):
            raise ValueError(
                "--open-to-network is for another --host without any key: leave it out, or the key and not the host"
            )
        if self.api_key is not None and self.api_key == self.admin_key:
            raise ValueError("both keys are the same: leave OPENARC_ADMIN_KEY out, or choose another")
        return self

    @model_validator(mode="after")
    def _a_profile_says_it_all(self) -> Settings:
        beside = [flag_of(name) for name in ("model", "device", "backend") if name in self.model_fields_set]
        if self.profile is not None and beside:
            raise ValueError(
                f"a profile says which model is loaded, where and with what: leave out --profile, or {' and '.join(beside)}"
            )
        return self

    @property
    def needs_key(self) -> bool:
        """Nothing is answered without a key."""
        return self.api_key is not None or self.admin_key is not None


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Settings from flags over environment over defaults.

    Raises:
        SettingsError: an unknown flag or OPENARC_ variable (with the nearest right name), or a wrong value.
    """
    values = {**_from_environment(environment), **_from_flags(arguments)}
    if "otlp_endpoint" not in values:
        values["otlp_endpoint"] = _collector_of_all_programs(environment)
    values = {**_hub_of_all_programs(environment), **values}
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
    """The flag of a field: `model_folder` -> `--model-folder`, `api_key` -> `--api-key-file`."""
    return "--" + name.replace("_", "-") + ("-file" if name in SECRETS else "")


def variable_of(name: str) -> str:
    """The environment variable of a field: `model_folder` -> `OPENARC_MODEL_FOLDER`."""
    return PREFIX + name.upper()


def secret_variables() -> tuple[str, ...]:
    """Every variable that may hold a secret: no process that the server starts has a use for one."""
    return (*map(variable_of, SECRETS), HUB_TOKEN_VARIABLE)


def default_of(name: str) -> str:
    """The default as --help shows it."""
    value = Settings.model_fields[name].default
    return "none" if value in (None, ()) else str(value)


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
    variable, problem = OTLP_VARIABLE, problem_of_collector(address)
    if environment.get(OTLP_PROTOCOL_VARIABLE, "").strip().lower() not in OTLP_PROTOCOLS:
        variable, problem = OTLP_PROTOCOL_VARIABLE, "OpenArc sends OTLP over HTTP only (http/protobuf)"
    if problem is None:
        return address
    logger.warning("%s can't be used, so nothing is sent to a collector: %s.", variable, problem)
    return None


def _hub_of_all_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """Address and token in Hugging Face's own variables; one that can't be used is only said, as it was not meant for OpenArc alone."""
    found: dict[str, str] = {}
    for name, variable, problem_of in (
        ("hub_endpoint", HUB_ENDPOINT_VARIABLE, problem_of_hub),
        ("hub_token", HUB_TOKEN_VARIABLE, _problem_of_key),
    ):
        value = environment.get(variable, "").strip()
        if value and problem_of(value) is None:
            found[name] = value
        elif value:
            logger.warning("%s can't be used: %s.", variable, problem_of(value))
    return found


def _problem_of_key(key: str) -> str | None:
    if not key.isascii() or not key.isprintable() or key != key.strip():
        return "a key is one line of letters, digits and punctuation (ASCII)"
    if len(key) < LEAST_KEY_CHARACTERS:
        return f"a key must have at least {LEAST_KEY_CHARACTERS} characters"
    return None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message[:1].upper() + message[1:] + ".", "See --help.")


def _from_flags(arguments: Sequence[str]) -> dict[str, Any]:
    parser = _Parser(
        prog="python app.py",
        description="OpenArc: language models on Intel hardware through OpenVINO. Every flag is also an environment variable.",
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(
            prog, max_help_position=32, width=min(110, shutil.get_terminal_size((110, 24)).columns)
        ),
    )
    for name, field in Settings.model_fields.items():
        text = f"{field.description} [{variable_of(name)}; default: {default_of(name)}]".replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(
                flag_of(name), help=text, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS
            )
        else:
            shown = "FILE" if name in SECRETS else name.upper()
            parser.add_argument(flag_of(name), help=text, metavar=shown, dest=name, default=argparse.SUPPRESS)
    parsed, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        word = unknown[0].partition("=")[0]
        if word in (flag_of(name).removesuffix("-file") for name in SECRETS):
            raise SettingsError(
                f"{word} is no flag: every user of this machine could read the key in the list of processes.",
                f"Set OPENARC_{word[2:].replace('-', '_').upper()}, or name a file that holds it with {word}-file.",
            )
        raise SettingsError(
            f"There is no flag {word}.", nearest(word, [flag_of(name) for name in Settings.model_fields])
        )
    values = vars(parsed)
    return {**values, **{name: _key_in(Path(values[name]), flag_of(name)) for name in SECRETS if name in values}}


def _key_in(file: Path, flag: str) -> str:
    """A key from its file, read once. What is in there is shown nowhere.

    Raises:
        SettingsError: it can't be read, or there is no key in it.
    """
    try:
        with file.open("rb") as opened:
            key = opened.read(MOST_KEY_BYTES).decode("ascii").strip()
            mode = os.fstat(opened.fileno()).st_mode
    except OSError as error:
        # What was given may be the key itself, so it is not repeated.
        why = error.strerror or type(error).__name__
        raise SettingsError(f"{flag}: the key file can't be read: {why}.", "Name a file, not the key.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{flag}: the file holds no key.", "A key is one line of ASCII.") from None
    if not key:
        raise SettingsError(f"{flag}: the file is empty.", "Write the key into it, in one line.")
    if os.name == "posix" and mode & OTHERS_MAY_READ:
        logger.warning("Other users of this machine can read %s, which holds a key: chmod 600 it.", file)
    return key
