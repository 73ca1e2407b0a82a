"""What is said of a model that is asked for and not loaded: whether it is in the model folder, and how to load one.

How depends on who asks: a route, one of the page's endpoints, or a tool for agents.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import ModelNotLoaded, nearest

BY_ROUTE = "with POST /model/load or in the Load tab"
BY_ENDPOINT = "with /load_model or in the Load tab"
BY_TOOL = "with load_model"


def not_loaded(engine: Engine, name: str | None, how: str) -> ModelNotLoaded:
    """The error for a name under which nothing is loaded, or on its way; None: there is nothing at all.

    Looks into the model folder, which takes some hundredths of a second where that is large.

    Args:
        how: one of the constants above.
    """
    if name is None:
        return ModelNotLoaded("No model is loaded.", f"Load one {how}.")
    there = [entry.name for entry in engine.catalogue.entries()]
    if name in there or name in {Path(each).name for each in there}:
        return ModelNotLoaded(f"The model '{name}' is in the model folder and not loaded.", f"Load it {how}.")
    near = nearest(name, [model.name for model in engine.status().users_models])
    return ModelNotLoaded(f"No model '{name}' is loaded.", near or f"Load one {how}.")


@contextmanager
def saying_how_to_load(engine: Engine, name: str | None, how: str) -> Iterator[None]:
    """Within it, the engine's ModelNotLoaded says where the model is and how to load it; one that is no longer ready keeps its reason.

    Raises:
        ModelNotLoaded: as `not_loaded` says it.
    """
    try:
        yield
    except ModelNotLoaded as error:
        status = engine.status()
        wanted = name if name is not None else status.default_model
        if wanted is not None and wanted in {model.name for model in status.models}:
            raise
        raise not_loaded(engine, wanted, how) from error
