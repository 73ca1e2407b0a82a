"""OpenAI's API over the engine: /v1."""
