"""Backends: one module each, imported only in the worker process."""
