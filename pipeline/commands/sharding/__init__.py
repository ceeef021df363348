"""`predict --shards`: its options, and the workers that it starts."""
