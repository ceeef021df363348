"""Characters, without TensorFlow: white space, normal forms, how strings are shown."""
