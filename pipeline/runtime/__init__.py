"""A folder of `export --format litert` or `onnx` that answers without TensorFlow: as a module and as a command."""
