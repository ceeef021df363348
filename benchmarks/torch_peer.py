"""The default model once more, in plain eager PyTorch, written the way its users write such a model.

It is what the training speed is measured against. The equations, the parameters (biases included) and the
places of dropout are those of `pipeline.model.sequence_to_sequence.build_model` with a GRU, Bahdanau attention and one
encoder layer; `copy_weights` makes the logits the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.settings.model import ModelConfiguration
from pipeline.text.symbols import PAD


class Encoder(nn.Module):
    """Bidirectional GRU: memory `[batch, source, 2 * units]` and summary `[batch, 2 * units]`."""

    def __init__(self, features: int, units: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(features, units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, embedded: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Read the source; lengths None says that there is no padding, which spares the packing."""
        if lengths is None:
            memory, final = self.gru(embedded)
        else:
            packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
            outputs, final = self.gru(packed)
            memory, _ = pad_packed_sequence(outputs, batch_first=True, total_length=embedded.shape[1])
        return self.dropout(memory), torch.cat([final[0], final[1]], dim=-1)


class Attention(nn.Module):
    """Additive attention; the keys come from `project_memory`, once per source."""

    def __init__(self, query_units: int, memory_units: int, units: int) -> None:
        super().__init__()
        self.query_projection = nn.Linear(query_units, units, bias=False)
        self.memory_projection = nn.Linear(memory_units, units)
        self.score = nn.Linear(units, 1, bias=False)

    def forward(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, padding: torch.Tensor
    ) -> torch.Tensor:
        """The context `[batch, memory_units]`; padding is True where the source has ended."""
        scores = self.score(torch.tanh(self.query_projection(query).unsqueeze(1) + keys)).squeeze(-1)
        weights = torch.softmax(scores.masked_fill(padding, -1e9), dim=-1)
        return torch.bmm(weights.unsqueeze(1), values).squeeze(1)


class Decoder(nn.Module):
    """A loop over `nn.GRUCell`; what need not wait for the loop is computed before or after it."""

    def __init__(self, vocabulary_size: int, features: int, memory_units: int, model: ModelConfiguration) -> None:
        super().__init__()
        readout_units = model.readout_units or model.units
        self.attention = Attention(model.units, memory_units, model.attention_units or model.units)
        self.bridge = nn.Linear(memory_units, model.units)
        self.cell = nn.GRUCell(features + memory_units, model.units)
        self.readout_hidden = nn.Linear(features + model.units + memory_units, readout_units)
        self.dropout = nn.Dropout(model.dropout)
        self.output_projection = nn.Linear(readout_units, vocabulary_size)

    def forward(
        self, embedded: torch.Tensor, memory: torch.Tensor, padding: torch.Tensor, summary: torch.Tensor
    ) -> torch.Tensor:
        """Logits `[batch, target, vocabulary]` of a teacher-forced pass."""
        keys = self.attention.memory_projection(memory)
        state = torch.tanh(self.bridge(summary))
        states, contexts = [], []
        for symbol in embedded.unbind(dim=1):
            context = self.attention(state, keys, memory, padding)
            state = self.cell(torch.cat([symbol, context], dim=-1), state)
            states.append(state)
            contexts.append(context)
        features = torch.cat([embedded, torch.stack(states, dim=1), torch.stack(contexts, dim=1)], dim=-1)
        return self.output_projection(self.dropout(torch.tanh(self.readout_hidden(features))))


class TorchPeer(nn.Module):
    """The whole model: ids in, logits out.

    Args:
        model: The network; only what the peer has is accepted.
        source_size: Size of the source vocabulary.
        target_size: Size of the target vocabulary.

    Raises:
        ValueError: The configuration asks for another cell, attention, depth or precision.
    """

    def __init__(self, model: ModelConfiguration, source_size: int, target_size: int) -> None:
        super().__init__()
        if (model.cell, model.attention, model.encoder_layers, model.precision) != ("gru", "bahdanau", 1, "float32"):
            raise ValueError("the peer is a float32 GRU model with Bahdanau attention and one encoder layer")
        self.source_embedding = nn.Embedding(source_size, model.embedding_units)
        self.target_embedding = nn.Embedding(target_size, model.embedding_units)
        self.dropout = nn.Dropout(model.dropout)
        self.encoder = Encoder(model.embedding_units, model.units, model.dropout)
        self.decoder = Decoder(target_size, model.embedding_units, 2 * model.units, model)

    def forward(
        self, source: torch.Tensor, target_inputs: torch.Tensor, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits `[batch, target, vocabulary]`.

        Args:
            source: `[batch, source]` ids, `PAD` on the right.
            target_inputs: `[batch, target]` ids, the target shifted right by the start symbol.
            lengths: `[batch]` lengths of the sources; None if all are of full length.
        """
        memory, summary = self.encoder(self.dropout(self.source_embedding(source)), lengths)
        return self.decoder(self.dropout(self.target_embedding(target_inputs)), memory, source == PAD, summary)

    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


def peer_loss(logits: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy per real target symbol, as `pipeline.model.losses.token_cross_entropy` divided by its tokens."""
    return functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, label_smoothing=label_smoothing
    )


def peer_train_step(
    peer: TorchPeer,
    optimizer: torch.optim.Optimizer,
    batch: Sequence[torch.Tensor],
    lengths: torch.Tensor | None,
    clip_norm: float,
    label_smoothing: float,
) -> float:
    """One optimizer step on (source, target inputs, targets); the loss, as users log it."""
    source, target_inputs, targets = batch
    optimizer.zero_grad()
    loss = peer_loss(peer(source, target_inputs, lengths), targets, label_smoothing)
    loss.backward()
    nn.utils.clip_grad_norm_(peer.parameters(), clip_norm)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def copy_weights(keras_model: Any, peer: TorchPeer) -> None:
    """Give the peer the weights of a model of the same configuration, from `build_model`."""
    for name in ("source_embedding", "target_embedding"):
        _assign(getattr(peer, name).weight, keras_model.get_layer(name).embeddings)
    bidirectional = keras_model.get_layer("encoder").recurrent_layers[0]
    _copy_gru(bidirectional.forward_layer.cell, peer.encoder.gru, "_l0")
    _copy_gru(bidirectional.backward_layer.cell, peer.encoder.gru, "_l0_reverse")
    decoder = keras_model.get_layer("decoder")
    _copy_gru(decoder.cell, peer.decoder.cell, "")
    _copy_dense(decoder.bridges[0], peer.decoder.bridge)
    _copy_dense(decoder.attention.query_projection, peer.decoder.attention.query_projection)
    _copy_dense(decoder.attention.memory_projection, peer.decoder.attention.memory_projection)
    _assign(peer.decoder.attention.score.weight[0], decoder.attention.score_vector)
    _copy_dense(decoder.readout_hidden, peer.decoder.readout_hidden)
    _copy_dense(decoder.output_projection, peer.decoder.output_projection)


def _assign(parameter: torch.Tensor, value: Any) -> None:
    tensor = torch.tensor(np.asarray(value))
    if parameter.shape != tensor.shape:  # copy_ would broadcast
        raise ValueError(f"shapes differ: {tuple(parameter.shape)} and {tuple(tensor.shape)}")
    parameter.copy_(tensor)


def _copy_dense(dense: Any, linear: nn.Linear) -> None:
    _assign(linear.weight.T, dense.kernel)
    if dense.use_bias:
        _assign(linear.bias, dense.bias)


def _copy_gru(cell: Any, gru: nn.Module, suffix: str) -> None:
    """Keras keeps `[inputs, 3 * units]` with gates z, r, n; PyTorch the transpose with gates r, z, n."""
    values = {"weight_ih": cell.kernel, "weight_hh": cell.recurrent_kernel, "bias_ih": cell.bias[0]}
    for name, value in {**values, "bias_hh": cell.bias[1]}.items():
        update, reset, candidate = np.split(value.numpy().T, 3)
        _assign(getattr(gru, name + suffix), np.concatenate([reset, update, candidate]))
