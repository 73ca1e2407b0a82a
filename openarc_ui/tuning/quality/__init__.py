"""The quality guard: whether a configuration still writes the text of its reference."""
