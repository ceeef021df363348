"""Pairs that are made up of the training's, where these are few."""
