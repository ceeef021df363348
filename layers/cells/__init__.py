"""Recurrent cells and their equations."""
