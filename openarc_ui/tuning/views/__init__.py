"""A record as everything that is shown of it, with its sentences."""
