"""Strings to symbols to ids and back, all in the graph; vocabularies and how they are learned."""
