"""What goes into a decoder step beside the symbol: what is looked at, and the state; and into a whole unroll."""

from typing import Any, NamedTuple, Protocol


class AttentionMemory(NamedTuple):
    """What the decoder looks at, computed once per source by `AttentionDecoder.prepare_memory`."""

    keys: Any
    """`[batch, source, attention_units]`: the memory, projected to where the query meets it."""
    values: Any
    """`[batch, source * heads, gate_units + readout_units]`: the memory, projected to where the context goes;
    `[batch, 1, …]` with a fixed context."""
    mask: Any
    """`[batch, source]` bool: False on padding."""
    copied: Any = ()
    """`[batch, source]` int32, as which target symbol each position is copied, -1 as none; of a decoder that copies by
    itself alone."""


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

    @classmethod
    def of(cls, state: list[Any], layers: int, parts: int, coverage: bool, fed: bool) -> "DecoderState":
        """The state that a flat list is.

        Args:
            state: The list.
            layers: Recurrent layers.
            parts: Tensors of each layer's state.
            coverage: Whether coverage is among them.
            fed: Whether input feeding is.
        """
        cells = [list(state[first : first + parts]) for first in range(0, layers * parts, parts)]
        rest = list(state[layers * parts :])
        return cls(cells[0], cells[1:], rest.pop(0) if coverage else None, rest.pop(0) if fed else None)

    def flatten(self) -> list[Any]:
        """The list that goes in and out."""
        ends = [part for part in (self.coverage, self.fed) if part is not None]
        return [*self.cell, *(part for layer in self.above for part in layer), *ends]


class Steps(Protocol):
    """A decoder, a position at a time; `layers.decoder.AttentionDecoder` says what each does."""

    def prepare_inputs(self, inputs: Any, *symbols: Any) -> Any:
        """What y_{t-1} brings, for all positions at once; of a decoder that takes symbols, with their ids."""

    def prepare_memory(self, memory: Any, memory_mask: Any, summary: Any, *copied: Any) -> AttentionMemory:
        """What every step looks at; of a decoder that copies by itself, with the target ids of sources."""

    def initial_state(self, summary: Any, memory_mask: Any) -> list[Any]:
        """The first state."""

    def step(
        self, inputs: Any, state: list[Any], memory: AttentionMemory, beams: int = 1, heads_apart: bool = False
    ) -> tuple[Any, list[Any], Any]:
        """One output position."""


class DecoderParts(NamedTuple):
    """The layers of a decoder that a hand-written unroll takes weights from."""

    cell_kind: str
    """Of `layers.cells.equations.EQUATIONS`."""
    cell: Any
    context_cell: Any
    """The second transition of a conditional cell; None of others."""
    attention: Any
    readout_hidden: Any


class Given(NamedTuple):
    """What a whole target is decoded from, as in the call of the decoder."""

    inputs: Any
    memory: Any
    memory_mask: Any
    summary: Any
