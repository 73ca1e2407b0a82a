"""The model folder: which models there are, what they are, and what is wrong with them."""
