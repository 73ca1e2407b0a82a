"""A run at work: the three kinds, in which order what is measured, and until when."""
