"""Downloads and conversions under way: one place that starts, pauses, resumes and ends them, and remembers them."""
