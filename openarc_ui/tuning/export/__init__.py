"""A run as Markdown, CSV, JSON, and as one page with pictures."""
