"""The engine: models in worker processes, requests in, tokens and reports out. No web, no Gradio."""
