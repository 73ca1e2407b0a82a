"""Optuna behind a few words, in the run's folder; all combinations; how much each axis matters."""
