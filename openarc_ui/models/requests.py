"""What can be asked of the Models tab: a download from the Hub, a conversion to OpenVINO. Immutable, and checked in full."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from openarc_ui.engine.frozen import Frozen

FolderName = Annotated[str, StringConstraints(max_length=96, pattern=r"^$|^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A new folder of the model folder: one name, no path, nothing hidden."""
OptionValue = bool | int | float | str


class DownloadRequest(Frozen):
    """A model repository of the Hub, into a folder of the model folder."""

    kind: Literal["download"] = "download"
    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")] = Field(
        description="Such as `OpenVINO/Qwen3-0.6B-int4-ov`."
    )
    revision: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\w./-]+$")] = Field(
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
