"""From anybody's files to pairs of source and target and their splits, and what is odd about the files."""
