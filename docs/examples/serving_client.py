"""Ask a model that TensorFlow Serving serves, by gRPC: `python serving_client.py HOST:PORT STRING [STRING …]`.

Copy it; it needs `pip install -r requirements-serving-client.txt` and nothing of this project. The signatures, and what
they answer, are in docs/serving.md.
"""

import sys
from collections.abc import Sequence

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

MODEL = "attentif"
SECONDS = 10.0
# gRPC's own limit is 4 MiB; an answer of `explain` holds 4 bytes for every source symbol of every output symbol.
MOST_BYTES = 64 * 2**20
HINTS = {
    grpc.StatusCode.UNAVAILABLE: "no server answers there, or it is still loading; try again after a while",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer in time; send fewer strings at once, or allow more seconds",
    grpc.StatusCode.NOT_FOUND: "the server has no model of this name or version",
    grpc.StatusCode.INVALID_ARGUMENT: "the request does not fit the model's signatures, or has too many strings",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "the request or the answer is too large; send fewer strings at once",
}

Answer = dict[str, np.ndarray]


class ServingError(Exception):
    """There is no answer; the message says why, and what to do."""


class Client:
    """A connection, which any number of threads may use.

    Args:
        address: "host:port"; 8500 is Serving's port for gRPC.
        model: The name under which it is served.
        seconds: How long to wait for an answer.
    """

    def __init__(self, address: str, model: str = MODEL, seconds: float = SECONDS) -> None:
        self.address, self.model, self.seconds = address, model, seconds
        limits = [(f"grpc.max_{way}_message_length", MOST_BYTES) for way in ("send", "receive")]
        self.channel = grpc.insecure_channel(address, options=limits)
        self.service = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def ask(self, signature: str, **inputs: Sequence[str] | Sequence[Sequence[str]]) -> Answer:
        """What a signature answers, by name; strings are bytes in UTF-8.

        Raises:
            ServingError: There is no answer.
        """
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self.model, signature
        for name, strings in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(strings, tf.string))
        try:
            response = self.service.Predict(request, timeout=self.seconds)
        except grpc.RpcError as error:
            why = HINTS.get(error.code(), error.code().name)
            raise ServingError(f"{self.address}, {self.model}: {why} ({error.details()})") from error
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def predict(self, sources: Sequence[str]) -> list[tuple[str, float]]:
        """The best output of every source, and its score, log p."""
        found = self.ask("serving_default", source=sources)
        return [(text.decode(), float(score)) for text, score in zip(found["text"], found["score"], strict=True)]

    def explain(self, source: str) -> tuple[list[str], list[str], np.ndarray]:
        """The symbols of a source and of its best output, and where each of these looked, `[target, source]`."""
        found = {name: value[0] for name, value in self.ask("explain", source=[source]).items()}
        rows, columns = found["target_length"], found["source_length"]
        targets, sources = found["target_tokens"][:rows], found["source_tokens"][:columns]
        attention = found["attention"][:rows, :columns]  # what follows is padding
        return [symbol.decode() for symbol in sources], [symbol.decode() for symbol in targets], attention


def main() -> None:
    """Print an output for every string."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        for source, (text, score) in zip(sys.argv[2:], Client(sys.argv[1]).predict(sys.argv[2:]), strict=True):
            print(f"{source}\t{text}\t{score:.4f}")
    except ServingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
