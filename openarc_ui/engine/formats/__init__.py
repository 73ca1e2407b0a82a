"""How models write tool calls and thoughts into their answers, and how to read them back."""
