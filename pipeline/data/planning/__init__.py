"""Which pairs are in which batch, where that follows from lengths alone."""
