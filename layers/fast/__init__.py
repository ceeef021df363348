"""Hand-written loops with their gradients, held to the plain ones by parity tests."""
