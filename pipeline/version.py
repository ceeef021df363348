"""The version of Attentif."""

__version__ = "0.1.0"
