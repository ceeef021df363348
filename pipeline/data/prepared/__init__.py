"""A prepared corpus as a training reads it."""
