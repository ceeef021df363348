"""From a run to a folder that answers without TensorFlow: the search as one graph, for LiteRT and for ONNX Runtime."""
