"""The vocabularies of a run, from its training pairs."""
