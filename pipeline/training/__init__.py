"""One training, from data to a measured and exported run."""
