"""`python -m openarc_ui.tuning`."""
