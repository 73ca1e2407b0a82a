"""The Models tab: recommended models, downloads from the Hub, conversions, the model folder, a look inside a model."""
