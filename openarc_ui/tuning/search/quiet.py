"""Optuna's words go to the logging module like everybody's, and only those that matter. It sends nothing anywhere."""

from __future__ import annotations

import warnings


def quiet() -> None:
    """Switch its own handler off, and its warnings of features that may change: versions are pinned. Cheap, idempotent."""
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
