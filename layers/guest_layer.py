"""What lets a layer be a guest in anybody's Keras model: its methods make nodes of its own, its masks are seen.

A functional model is saved, loaded and cloned by its nodes. A method that calls a sublayer on a symbolic tensor would
make the node the sublayer's: in the loaded model that is a layer of its own, with weights of its own, beside its
owner. So the node belongs to the owner, and says which method it is.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras


def makes_node(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a method of a `GuestLayer` so that it takes symbolic tensors too.

    Tensors, plain values and (nested) lists, tuples and dicts of them may be arguments; all results are tensors.
    """

    @functools.wraps(method)
    def either(self: Any, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(part, keras.KerasTensor) for part in keras.tree.flatten((args, kwargs))):
            return self.make_node(method.__name__, args, kwargs)
        return method(self, *args, **kwargs)

    either.makes_node = True  # type: ignore[attr-defined]
    return either


class GuestLayer(keras.layers.Layer):
    """A layer whose methods may be used in a functional model, as its call may.

    Example:
        >>> @keras.saving.register_keras_serializable("example")
        ... class Twice(GuestLayer):
        ...     @makes_node
        ...     def half(self, inputs):
        ...         return inputs / 2
        ...
        ...     def call(self, inputs):
        ...         return 2 * inputs
        >>> inputs, layer = keras.Input([1]), Twice()
        >>> model = keras.models.clone_model(keras.Model(inputs, layer.half(layer(inputs))))
        >>> [type(each).__name__ for each in model.layers], model(keras.ops.ones([1, 1])).numpy().tolist()
        (['InputLayer', 'Twice'], [[1.0]])
    """

    def __call__(self, *args: Any, method: str | None = None, build_config: Any = None, **kwargs: Any) -> Any:
        """The call; or, where a functional model runs, is loaded or cloned, the method that a node is."""
        if method is None:
            return super().__call__(*args[:1], **self._by_name(args, kwargs))
        function: Any = getattr(type(self), method, None)
        if not getattr(function, "makes_node", False):
            raise ValueError(f"{type(self).__name__} has no method {method!r} for symbolic tensors")
        if build_config and not self.built:
            self.build_from_config(build_config)
        if "training" not in inspect.signature(function).parameters:
            kwargs.pop("training", None)  # a model passes it to all of its nodes
        return function(self, *args, **kwargs)

    def _by_name(self, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments but the first by name: a mask in its place Keras would not see, and None there not fill.

        A mask that there is not is None, so that the one which Keras finds is found again where the model is loaded,
        and not saved as an input of the layer.
        """
        names = self.call_signature_parameters
        named = inspect.signature(self.call).bind_partial(*args).arguments
        twice = sorted(named.keys() & kwargs.keys())
        if twice:
            raise TypeError(f"{type(self).__name__} got {', '.join(twice)} twice")
        absent = {"mask": None} if "mask" in names else {}
        return {**absent, **{name: named[name] for name in names[1:] if name in named}, **kwargs}

    def make_node(self, method: str, args: Any, kwargs: Any) -> Any:
        """Add to the graph of layers what a method makes of symbolic tensors, and return that, symbolic too."""
        # A layer that is used by its methods alone is built by nothing else where it is cloned.
        more = {"method": method, "build_config": self.get_build_config()}
        # Not a layer's: that leaves the node to `__call__`.
        return keras.Operation.symbolic_call(self, *args, **kwargs, **more)

    @property
    def output(self) -> Any:
        """The symbolic tensors that came of its use: where it was used several times, of the use that gave the most."""
        # Of the first use, as Keras has it, a functional model would take their number for that of every other.
        most: list[Any] = max((node.output_tensors for node in self._inbound_nodes), key=len, default=[])
        return most if len(most) > 1 else super().output

    def compute_output_spec(
        self, *args: Any, method: str | None = None, build_config: Any = None, **kwargs: Any
    ) -> Any:
        """Shapes and dtypes of the call, or of a node's method."""
        if method is None:
            return super().compute_output_spec(*args, **kwargs)
        return _Method(getattr(self, method)).compute_output_spec(*args, **kwargs)


class _Method(keras.Operation):
    """A method as an operation, for what Keras knows about the shapes of operations."""

    def __init__(self, method: Callable[..., Any]) -> None:
        super().__init__()
        self.call = method
