"""Comparing trainings: what attention does for long inputs."""
