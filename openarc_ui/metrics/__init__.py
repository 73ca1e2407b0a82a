"""Metrics: what every request cost, kept in SQLite and read back as pandas frames."""
