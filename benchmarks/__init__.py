"""Measurements of speed and quality; nothing in the project imports this package."""
