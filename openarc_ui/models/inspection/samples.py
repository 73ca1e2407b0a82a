"""Texts that a tokenizer is tried on. Shared by both processes, so it imports nothing."""

from __future__ import annotations

from typing import Final

TEXTS: Final[tuple[tuple[str, str], ...]] = (
    ("English", "The quick brown fox can't jump over 13 lazy dogs, it's said."),
    ("German umlauts", "Größere Übungen für Jürgen: heiße Äpfel in Öl, daß es schäumt."),
    ("Chinese", "请用一句话解释什么是神经网络。"),
    ("Arabic", "مرحبًا بالعالم، كيف حالك اليوم؟"),
    ("Hindi", "नमस्ते दुनिया, आप कैसे हैं? क्षत्रिय ज्ञान।"),
    ("Emoji with joiners", "👩‍👩‍👧‍👦 and 🏳️‍🌈, 👍🏽!"),
    ("Accents as marks of their own", "cafe\u0301 nai\u0308ve"),
    ("Code with tabs", "def f(x):\n\tif x > 0:\n\t\treturn x**2  # square\n\treturn -1\n"),
    ("Many spaces", "a  b   c    d     e      f          g"),
    ("A space at either end", " begins and ends with a space "),
    ("Digits", "0 12 345 6789 1234567890 3.14159 1,000,000 0x1F"),
    ("Newlines", "one\n\ntwo\r\nthree\n\n\n\nfour"),
    ("Quotes before punctuation", 'He said " yes " , and left . Didn \'t he ?'),
    ("No text", ""),
)
CONTROL_TOKENS: Final = "Control tokens as text"
"""What a conversation is made of, the model's own special tokens among words; its text is made of them."""


def control_text(tokens: list[str]) -> str:
    """Special tokens as a person or an attacker might type them."""
    return " ".join(["Say", *tokens[:3], "aloud."])
