"""The network as a Keras model, its loss, its weights on disk, and several networks that vote."""
