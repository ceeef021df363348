"""A training in several processes, one of which leads."""
