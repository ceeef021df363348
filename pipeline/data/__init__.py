"""From pairs to ids to batches, and what is said of the data on the way."""
