"""The commands that say what to trust, of answers and of data."""
