"""The Hugging Face Hub: what it has, and a model fetched from it, whole or not at all."""
