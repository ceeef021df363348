"""Commands that make one small model of an ensemble."""
