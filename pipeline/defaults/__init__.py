"""Settings that follow from the data: what `--config auto` chooses, and why."""
