"""The name under which Keras knows the layers."""

PACKAGE = "attentif"
"""What saved models call the layers begins with it."""
