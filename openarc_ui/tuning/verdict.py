"""Whether a text is still the reference's, and that in words. Pure.

Thresholds and where they come from: docs/tuning.md, "How the text is compared".
"""
