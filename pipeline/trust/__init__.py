"""Which answers to trust: how probable it is that an answer is right, and what follows for a list of them."""
