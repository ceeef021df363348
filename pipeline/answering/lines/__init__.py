"""Lines of a file, each answered by one line."""
