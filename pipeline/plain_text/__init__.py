"""Strings to symbols to ids and back without TensorFlow: the same as `pipeline.text` has in the graph."""
