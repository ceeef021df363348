"""Finding outputs: greedy, beam search and sampling, knowing nothing of the model."""
