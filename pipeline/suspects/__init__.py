"""Errors in the data: training pairs that models which have not seen them disbelieve."""
