"""Dropout, of a batch or of a share of one."""
