"""Runs in stores: who may write one, what is there, and the copy of it that a training works on."""
