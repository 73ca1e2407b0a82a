"""OpenArc: language models on Intel hardware through OpenVINO, driven from a browser.

Importing the package imports nothing else; every room is imported where it is needed.
"""

__version__ = "3.0.0"
