"""What a run leaves on disk: its directory, its lock, its checkpoints, its best epoch."""
