"""What TensorFlow Serving would answer, without it: `python -m benchmarks.serving_stand_in EXPORT < REQUEST.json`.

An export in TensorFlow's C++ loader and session, of which Serving is made, behind Serving's two interfaces: gRPC with
the messages of its package, and the JSON of its REST interface, https://www.tensorflow.org/tfx/serving/api_rest. The
latter is our reading of that page; the examples of docs/serving.md were made with it, and tests hold them to it. Prints
the answer to a request as docs/serving.md has it, numbers with four digits.
"""

import argparse
import base64
import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401, its operations are in the graph

Tensors = dict[str, np.ndarray]


class RefusedError(Exception):
    """A request that does not fit the model."""


class StandIn:
    """An export in a session.

    Args:
        export: Its folder.
        fast: Leave graphs as they are, as by docs/examples/session_config.txt: that saves seconds a signature.
    """

    def __init__(self, export: Path, fast: bool = False) -> None:
        config = tf.compat.v1.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = fast
        graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=graph, config=config)
        with graph.as_default():
            meta = tf.compat.v1.saved_model.load(self.session, ["serve"], str(export))
        self.signatures = {name: of for name, of in meta.signature_def.items() if not name.startswith("__")}

    def ask(self, signature: str, inputs: Mapping[str, np.ndarray]) -> Tensors:
        """What a signature answers.

        Raises:
            RefusedError: There is no such signature, or its inputs are others.
        """
        if signature not in self.signatures:
            raise RefusedError(f'Serving signature name: "{signature}" not found in signature def')
        definition = self.signatures[signature]
        if set(inputs) != set(definition.inputs):
            raise RefusedError(f"input names {sorted(inputs)}, not {sorted(definition.inputs)}")
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        names = {name: of.name for name, of in definition.outputs.items()}
        try:
            found: Tensors = self.session.run(names, feeds)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise RefusedError(str(error)) from error
        return found

    def rest(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a `:predict` request: by rows (`instances`) as it came, or by columns (`inputs`)."""
        signature = request.get("signature_name", "serving_default")
        by_rows = "instances" in request
        found = self.ask(signature, self._tensors(signature, request["instances" if by_rows else "inputs"], by_rows))
        columns = {name: _plain(value) for name, value in sorted(found.items())}
        if not by_rows:
            return {"outputs": columns}
        return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}

    def _tensors(self, signature: str, values: Any, by_rows: bool) -> Tensors:
        names = list(self.signatures[signature].inputs) if signature in self.signatures else []
        if by_rows and values and isinstance(values[0], dict) and "b64" not in values[0]:
            values = {name: [row[name] for row in values] for name in values[0]}
        elif not isinstance(values, dict):
            # The only input needs no name.
            values = dict.fromkeys(names[:1], values)
        return {name: np.array(_encoded(value), object) for name, value in values.items()}


def _encoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_encoded(part) for part in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def _plain(value: np.ndarray) -> Any:
    def decoded(part: Any) -> Any:
        return [decoded(one) for one in part] if isinstance(part, list) else part.decode()

    return decoded(value.tolist()) if value.dtype == object else value.tolist()


@contextmanager
def serve(stand_in: StandIn, model: str) -> Iterator[str]:
    """Serve it by gRPC under a name, at a free port of this machine; yields the address."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request: Any, context: Any) -> Any:
            if request.model_spec.name != model:
                context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found: {request.model_spec.name}")
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            response = predict_pb2.PredictResponse()
            try:
                found = stand_in.ask(request.model_spec.signature_name or "serving_default", inputs)
            except RefusedError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            for name, value in found.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)


def main() -> None:
    """Answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_stand_in", description=__doc__)
    parser.add_argument("export", type=Path)
    request = json.load(sys.stdin)
    answer = StandIn(parser.parse_args().export).rest(request)
    rounded = json.loads(json.dumps(answer), parse_float=lambda digits: round(float(digits), 4))
    print(json.dumps(rounded, ensure_ascii=False))


if __name__ == "__main__":
    main()
