"""Which recurrent cells there are equations for, and what the equations of a cell are."""

from collections.abc import Sequence
from typing import Any, Protocol

from layers.cells import gru, lstm


class Equations(Protocol):
    """One step of a cell and its gradient: `layers.cells.gru` and `layers.cells.lstm` are such modules.

    A state is a tuple of tensors `[batch, units]`, its first part what others see of the cell. x is the input's share
    of the gates and u the state's, biases included, each in parts `[batch, units]`.
    """

    PARTS: int
    """Of the state."""
    GATES: int
    """Parts of x and of u."""
    SAVED: int
    """Parts of what `retreat` needs."""
    PADDING: tuple[float, ...]
    """Added to each part of x where nothing is to be read: it leaves a state of zeros as it is."""

    def split_bias(self, bias: Any) -> tuple[Any, Any]:
        """The biases of x and of u, from a Keras cell's."""

    def join_bias_gradients(self, input_bias: Any, recurrent_bias: Any) -> Any:
        """The gradient of `split_bias`."""

    def advance(
        self, input_gates: Sequence[Any], recurrent_gates: Sequence[Any], state: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The new state, and `[batch, units]` each for `retreat`."""

    def retreat(
        self, d_state: tuple[Any, ...], state: tuple[Any, ...], saved: tuple[Any, ...]
    ) -> tuple[Sequence[Any], Sequence[Any], tuple[Any, ...]]:
        """The gradient of `advance`: of x and of u in parts, and the direct share of that of the state."""


EQUATIONS: dict[str, Equations] = {"gru": gru, "lstm": lstm}
