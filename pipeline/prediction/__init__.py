"""Strings in, strings, scores and attention out: the graph, and who calls it."""
