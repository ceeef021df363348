"""Lines of a file or a pipe in, answers out: as lines, as JSON, as alignments, as a page."""
