"""What is inside a model: operations, precisions and sizes by layer, whether its tokenizer and its template are sound."""
