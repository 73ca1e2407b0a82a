"""The API as text, written from its own description: docs/api.md for people, /llms.txt for prompts."""
