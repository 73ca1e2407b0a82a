"""A visit to a configuration: load, warm up, measure, unload; and what else went on meanwhile."""
