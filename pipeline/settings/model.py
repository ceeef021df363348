"""Section `model`: the network."""

import dataclasses
from typing import Literal

from pipeline.settings.checks import (
    named,
    require,
    require_at_least,
    require_names,
    require_sane_numbers,
    require_share,
)
from pipeline.settings.kinds import ATTENTION_KINDS, ENCODER_CELLS, AttentionKind

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16", "float64"]


@dataclasses.dataclass(frozen=True)
class ModelConfiguration:
    """The network.

    Args:
        units: Size of the decoder's state and of each direction of the encoder.
        embedding_units: Size of the source and target symbol embeddings.
        attention_units: Size of the space in which query and keys meet; null takes units.
        readout_units: Size of the hidden layer before the output; null takes units.
        encoder_layers: Bidirectional recurrent layers; residual from the second.
        decoder_layers: Recurrent layers of the decoder, residual from the second; the first attends.
        cell: gru, lstm, layer_norm_gru or layer_norm_lstm (layer-normalised), in the encoder and the decoder; or
            conditional_gru (a decoder of two transitions with attention between, over a gru encoder).
        attention: bahdanau, multi_head_bahdanau (several additive heads), luong_dot (the encoder then has half of
            units in each direction), luong_general, monotonic (exact hard attention that moves forward; for targets
            of characters or sounds), or none (one fixed context, the classic seq2seq).
        attention_heads: Heads of multi_head_bahdanau; divides attention_units and twice units.
        coverage: Whether additive attention sees how much it looked at each position before.
        input_feeding: Whether the decoder sees its last hidden layer beside the last symbol.
        tied_embeddings: Whether the output projection is the target embedding, turned round; readout_units are then
            embedding_units.
        shared_embeddings: Whether source and target have one table of embeddings, which text.shared_vocabulary allows;
            with tied_embeddings it is the output projection, too.
        copy: Whether a source symbol may be copied: the probability of an output symbol mixes generating it and
            pointing at it by attention, with monotonic at every position; symbols that training lacks can be copied
            too.
        features: How features of the sources (data.columns) are read: encoded (as if they stood behind the source's
            symbols) or attended (a bag that the encoder does not read, and attention looks at).
        dropout: Share of embeddings, encoder outputs and readout units dropped in training.
        symbol_dropout: Share of the symbols of source and of the target as the decoder sees it whose whole embedding is
            dropped in training; start and end symbols stay.
        precision: Keras dtype policy: float32, mixed_float16, mixed_bfloat16 or float64.
        fast: Use the hand-written recurrence where one exists; false forces the plain loop.
    """

    units: int = 256
    embedding_units: int = 128
    attention_units: int | None = None
    readout_units: int | None = None
    encoder_layers: int = 1
    decoder_layers: int = 1
    cell: str = named("gru", ENCODER_CELLS)
    attention: str = named("bahdanau", ATTENTION_KINDS)
    attention_heads: int = 4
    coverage: bool = False
    input_feeding: bool = False
    tied_embeddings: bool = False
    shared_embeddings: bool = False
    copy: bool = False
    features: Literal["encoded", "attended"] = "encoded"
    dropout: float = 0.2
    symbol_dropout: float = 0.0
    precision: Precision = "float32"
    fast: bool = True

    def __post_init__(self) -> None:
        require_sane_numbers("model", self)
        sizes = ["units", "embedding_units", "attention_units", "readout_units"]
        require_at_least("model", self, 1, [*sizes, "encoder_layers", "decoder_layers", "attention_heads"])
        require_share("model", self, ["dropout", "symbol_dropout"])
        if self.attention not in ATTENTION_KINDS:
            names = " or ".join(ATTENTION_KINDS)
            wanted = f"{names}; a kind of your own is registered by a file that ATTENTIF_IMPORT names"
            require(False, "model.attention", self.attention, wanted)
        require_names("model", self)
        if self.kind.has_heads:
            fits = (self.attention_units or self.units) % self.attention_heads + 2 * self.units % self.attention_heads
            wanted = "a divisor of model.attention_units and of twice model.units"
            require(not fits, "model.attention_heads", self.attention_heads, wanted)
        if self.kind.halves_encoder:
            require(self.units % 2 == 0, "model.units", self.units, f"even for {self.attention}")
        if self.kind.is_hard:
            self._require_hard()
        wanted = "false without additive attention"
        require(self.kind.takes_coverage or not self.coverage, "model.coverage", self.coverage, wanted)
        require(self.kind.looks or not self.copy, "model.copy", self.copy, f"false with attention {self.attention}")
        if self.tied_embeddings:
            wanted = f"model.embedding_units ({self.embedding_units}) or null with tied_embeddings"
            require(
                self.readout_units in (None, self.embedding_units), "model.readout_units", self.readout_units, wanted
            )

    def _require_hard(self) -> None:
        """Refuse what does not fit to a decoder that looks at one position: it has no context."""
        with_it = f"with model.attention {self.attention}"
        cells = [cell for cell, encoder in ENCODER_CELLS.items() if cell == encoder]
        require(self.cell in cells, "model.cell", self.cell, f"{' or '.join(cells)} {with_it}")
        for name in ("input_feeding", "tied_embeddings"):
            require(not getattr(self, name), f"model.{name}", True, f"false {with_it}")

    @property
    def kind(self) -> AttentionKind:
        """What is known of its attention."""
        return ATTENTION_KINDS[self.attention]

    @property
    def encoder_units(self) -> int:
        """Size of each direction of the encoder."""
        return self.units // 2 if self.kind.halves_encoder else self.units

    @property
    def encoder_cell(self) -> str:
        """The encoder's cell."""
        return ENCODER_CELLS[self.cell]
