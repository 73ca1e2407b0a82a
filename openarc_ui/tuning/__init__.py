"""Tuning: one configuration measured, two held against each other, many searched; with the text they write looked at too."""
