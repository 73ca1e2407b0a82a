"""The page in a real Chromium, against a real process with the real starter model."""
