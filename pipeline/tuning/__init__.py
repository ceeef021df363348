"""Finding settings: keras-tuner proposes, every trial is a training in a process of its own."""
