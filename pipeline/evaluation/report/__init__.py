"""What goes wrong: a model's errors by kind, by source, by its own doubts, as tables and as a page."""
