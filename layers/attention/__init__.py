"""Where to look: a query and a memory in, a context and the weights that made it out."""
