"""Models on disk: the starter model, and later conversion and the Hub."""
