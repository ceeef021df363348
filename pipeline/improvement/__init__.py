"""From an ensemble to one small model: what is labelled, the labels, the student, and all of it in one command."""
