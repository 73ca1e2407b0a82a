"""What can be asked of the Models tab: a download from the Hub, a conversion to OpenVINO. Immutable, and checked in full."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from openarc_ui.engine.frozen import Frozen

_REPOSITORY = r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$"
_REVISION = r"^[\w./-]+$"
_FOLDER = r"^$|^[A-Za-z0-9][A-Za-z0-9._-]*$"


def _written(pattern: str, words: str) -> AfterValidator:
    """Whoever writes something else is told in words what is right: a pattern tells a person nothing."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(words)
        return text

    return AfterValidator(check)


def _shown(pattern: str) -> Any:
    """In the description of the API, for programs."""
    return Field(json_schema_extra={"pattern": pattern})


FolderName = Annotated[
    str,
    StringConstraints(max_length=96),
    _written(_FOLDER, "Write letters, digits and ._-, with a letter or digit first: one name, no path"),
    _shown(_FOLDER),
]
"""A new folder of the model folder: one name, no path, nothing hidden."""
Repository = Annotated[
    str,
    _written(_REPOSITORY, "Write owner/name, such as OpenVINO/Qwen3-0.6B-int4-ov"),
    _shown(_REPOSITORY),
]
Revision = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    _written(_REVISION, "Write a branch, a tag or a commit: letters, digits and ./_-"),
    _shown(_REVISION),
]
LONGEST_TOKEN = 4000


def _check_token(token: SecretStr) -> SecretStr:
    """In our words: pydantic's count the items of a secret."""
    if not 1 <= len(token.get_secret_value()) <= LONGEST_TOKEN:
        raise ValueError(f"Write the token as the Hub shows it: 1 to {LONGEST_TOKEN} characters")
    return token


HubToken = Annotated[
    SecretStr,
    AfterValidator(_check_token),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_TOKEN}),
]
OptionValue = bool | int | float | str


class DownloadRequest(Frozen):
    """A model repository of the Hub, into a folder of the model folder."""

    kind: Literal["download"] = "download"
    repository: Repository = Field(description="Such as `OpenVINO/Qwen3-0.6B-int4-ov`.")
    revision: Revision = Field(
        "main", description="A branch, a tag or a commit; what it means when the download begins is kept to the end."
    )
    files: tuple[str, ...] = Field(
        (), max_length=1000, description="Only these files; left out: all that are needed to run or convert it."
    )
    name: FolderName = Field("", description="The folder it becomes; left out: the repository's own name.")


class ConversionRequest(Frozen):
    """A checkpoint or a GGUF of the model folder, to OpenVINO IR."""

    kind: Literal["conversion"] = "conversion"
    source: str = Field(min_length=1, max_length=1000, description="A model of the catalogue: a checkpoint or a GGUF.")
    name: FolderName = Field(
        "", description="The folder it becomes; left out: the source's name and the weight format."
    )
    options: dict[str, OptionValue] = Field(
        {},
        description="Options of the installed `optimum-cli export openvino` by their own names without dashes before "
        "them, such as `weight-format`, `group-size`, `sym`. See GET /models/conversion-options.",
    )
    check: bool = Field(
        True, description="Measure perplexity and tokens a second afterwards, of the result and of the source."
    )


ModelRequest = Annotated[DownloadRequest | ConversionRequest, Field(discriminator="kind")]
