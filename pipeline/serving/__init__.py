"""Strings over HTTP: a folder that answers many clients at once, each in its turn."""
