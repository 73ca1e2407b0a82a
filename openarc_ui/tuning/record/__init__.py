"""A run on disk, line by line, readable after a kill; whoever holds its lock works on it."""
