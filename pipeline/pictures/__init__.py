"""Heat-maps, fonts, and what TensorBoard reads."""
