"""What goes into a decoder step beside the symbol: what is looked at, and the state."""

from typing import Any, NamedTuple


class AttentionMemory(NamedTuple):
    """What the decoder looks at, computed once per source by `AttentionDecoder.prepare_memory`."""

    keys: Any
    """`[batch, source, attention_units]`: the memory, projected to where the query meets it."""
    values: Any
    """`[batch, source * heads, gate_units + readout_units]`: the memory, projected to where the context goes;
    `[batch, 1, …]` with a fixed context."""
    mask: Any
    """`[batch, source]` bool: False on padding."""


class DecoderState(NamedTuple):
    """A decoder's state, which outside of it is the flat list of its tensors."""

    cell: list[Any]
    """s_{t-1} of the attending cell, `[batch, units]`; h and c of an LSTM."""
    above: list[list[Any]]
    """The same of every further layer."""
    coverage: Any
    """`[batch, source]`, the sum of the attention weights so far; None without coverage."""
    fed: Any
    """`[batch, readout_units]`, tanh of g's last hidden layer; None without input feeding."""

    def flatten(self) -> list[Any]:
        """The list that goes in and out."""
        ends = [part for part in (self.coverage, self.fed) if part is not None]
        return [*self.cell, *(part for layer in self.above for part in layer), *ends]
