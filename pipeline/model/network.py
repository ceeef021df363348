"""What search and scoring need of a trained model, without strings."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from layers import plain_unroll
from pipeline.model.readout import Readout
from pipeline.model.sequence_to_sequence import FEATURES, find_layer
from pipeline.model.source_reading import read_beside
from pipeline.text.symbols import PAD, START

LARGEST_TABLE = 256
LAYERS = ("source_embedding", "encoder", "target_embedding", "decoder")


class Network(Protocol):
    """From ids to probabilities. State goes in and comes out; memory, made once per source, only goes in."""

    def begin(self, source: tf.Tensor, lengths: tf.Tensor) -> tuple[Any, Any]:
        """Read sources: ids `[batch, source]` and their lengths `[batch]` to the first state and the memory."""

    def step(self, tokens: tf.Tensor, state: Any, memory: Any, beams: int = 1) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """One position: previous symbols `[batch * beams]` to logits, new state, and attention weights `[…, source]`.

        As many hypotheses as beams, one after the other, look at each source.
        """

    def take(self, memory: Any, rows: tf.Tensor) -> Any:
        """The memory of some of the sources, by their numbers `[some]`."""

    def score(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """log p of every symbol of given targets, ids `[batch, target]` closed by the end symbol: the same shape."""

    def log_probabilities(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """log p of all symbols at every position of given targets: `[batch, target, vocabulary]` float32.

        Arguments as of `score`.
        """

    def without_padding(self) -> AbstractContextManager[None]:
        """While this is entered, sources are read one at a time, without padding."""

    @property
    def heads(self) -> int:
        """Heads of its attention, as `attend` gives them."""

    def attend(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Attention weights of every head for given targets, `[batch, heads, target, source]`, 0 on padding."""

    def look(self, tokens: tf.Tensor, state: Any, memory: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
        """A step to the new state, the weights of every head, `[batch, heads, source]`, and which share of every
        symbol's probability came of copying, `[batch, vocabulary]` float32.
        """

    @property
    def copies(self) -> bool:
        """Whether it copies symbols of the source."""

    def share_copied(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Which share of the probability of every symbol of given targets came of copying, `[batch, target]`; 0 to 1.

        0 on padding, and where nothing is copied.
        """


class SingleNetwork(tf.Module):
    """One model.

    Args:
        model: From `pipeline.model.sequence_to_sequence.build_model`.
        frozen: Its weights will not change any more: what depends on nothing else is computed now, once.
    """

    source_embedding: Any
    encoder: Any
    target_embedding: Any
    decoder: Any
    readout: Readout
    features: Any

    def __init__(self, model: keras.Model, frozen: bool = False) -> None:
        super().__init__()
        # Past `tf.Module`, which would save copies of their variables, of which no function knows: Python's loader
        # does without them, TensorFlow's others find none of the variables that the functions ask for.
        layers = {name: find_layer(model, name) for name in LAYERS}
        others = {layer.name: layer for layer in model.layers}
        readout = Readout(layers["decoder"], layers["target_embedding"], others)
        self.__dict__.update(layers, readout=readout, features=others.get(FEATURES))
        owners = [*layers.values(), *(layer for layer in (readout.gate, self.features) if layer)]
        weights = [weight for layer in owners for weight in layer.weights]
        # What two layers share is saved once.
        self._saved = [weight.value for weight in {id(weight): weight for weight in weights}.values()]
        self._frozen: list[Any] | None = None
        if frozen:
            # In a graph, as where nothing is frozen: so that both have the same bits. Of many networks each is traced
            # once, which a call would take for one that is traced again and again, and warn.
            tables = tf.function(self._compute_tables, autograph=False).get_concrete_function()()
            self._frozen = [_map(lambda part: tf.Variable(part, trainable=False), table) for table in tables]

    @contextlib.contextmanager
    def without_padding(self) -> Iterator[None]:
        """See `Network`; the row of padding is 0 then in what is frozen.

        Its numbers are so large that all others would be 0 beside them where a table is rounded to 8 bits.
        """
        # Where features stand beside what is read, there is padding in their place.
        tables = (not self.features and self._frozen and self._frozen[0]) or ()
        before = [table.numpy() for table in tables]
        try:
            for table, values in zip(tables, before, strict=True):
                table.assign(np.concatenate([values[:-1], np.zeros_like(values[-1:])]))
            yield
        finally:
            for table, values in zip(tables, before, strict=True):
                table.assign(values)

    def begin(self, source: tf.Tensor, lengths: tf.Tensor) -> tuple[Any, Any]:
        """See `Network`."""
        tables = self._tables()
        memory, mask, summary = self._read(source, lengths, tables)
        prepared = self.decoder.prepare_memory(memory, mask, summary, *self.readout.for_decoder(source))
        weights = [tf.convert_to_tensor(variable) for variable in self._weights()]
        copied = self.readout.for_mixture(source)
        return self.decoder.initial_state(summary, mask), _Memory(prepared, tables.target, weights, copied)

    def step(self, tokens: tf.Tensor, state: Any, memory: Any, beams: int = 1) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """See `Network`."""
        with self._remembered(memory):
            inputs = self._inputs(tokens, memory)
            hidden, state, attention_weights = self.decoder.step(inputs, state, memory.attention, beams)
            logits = self.readout.logits(hidden, attention_weights, memory.copied, beams)
            return logits, state, attention_weights

    def take(self, memory: Any, rows: tf.Tensor) -> Any:
        """See `Network`."""
        attention, copied = (_map(lambda part: tf.gather(part, rows), of) for of in (memory.attention, memory.copied))
        return memory._replace(attention=attention, copied=copied)

    def look(self, tokens: tf.Tensor, state: Any, memory: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
        """See `Network`."""
        with self._remembered(memory):
            inputs = self._inputs(tokens, memory)
            hidden, state, weights = self.decoder.step(inputs, state, memory.attention, heads_apart=self.heads > 1)
            apart = weights if self.heads > 1 else weights[:, None]
            shares = self.readout.share_copied(hidden, tf.reduce_mean(apart, axis=1), memory.copied)
            return state, apart, tf.cast(shares, tf.float32)

    def _remembered(self, memory: Any) -> keras.StatelessScope:
        """While this is entered, the values of variables are those of the memory."""
        return keras.StatelessScope(state_mapping=zip(self._weights(), memory.weights, strict=True))

    def _inputs(self, tokens: tf.Tensor, memory: Any) -> Any:
        """What symbols bring to a step."""
        if memory.inputs is None:
            return self._prepare_inputs(tokens)
        return tf.gather(memory.inputs, tokens)

    def _prepare_inputs(self, tokens: tf.Tensor) -> Any:
        """The same, not from a table."""
        return self.decoder.prepare_inputs(_embed(self.target_embedding, tokens), *self._symbols(tokens))

    def _symbols(self, tokens: tf.Tensor) -> list[tf.Tensor]:
        """The ids, for a decoder that takes them beside what they are embedded as."""
        return [tokens] if self.decoder.takes_symbols else []

    def _weights(self) -> list[keras.Variable]:
        """What a step needs."""
        gate = self.readout.gate
        return [*self.decoder.weights, *self.target_embedding.weights, *(gate.weights if gate else ())]

    def score(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        return tf.gather(self.log_probabilities(source, lengths, target), target, batch_dims=2)

    def log_probabilities(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        hidden, weights = self._follow(source, lengths, target)
        logits = self.readout.logits(hidden, weights, self.readout.for_mixture(source))
        return tf.nn.log_softmax(tf.cast(logits, tf.float32))

    @property
    def copies(self) -> bool:
        """See `Network`."""
        return self.readout.copying is not None

    def share_copied(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        if not self.copies:
            return tf.zeros(tf.shape(target))
        hidden, weights = self._follow(source, lengths, target)
        shares = self.readout.share_copied(hidden, weights, self.readout.for_mixture(source))
        found = tf.cast(tf.gather(shares, target, batch_dims=2), tf.float32)
        return tf.where(tf.not_equal(target, PAD), found, 0)

    @property
    def attends(self) -> bool:
        """Whether it looks at all."""
        return self.decoder.attention.looks

    @property
    def heads(self) -> int:
        """See `Network`."""
        return self.decoder.attention.heads

    def attend(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        _, weights = self._follow(source, lengths, target, heads_apart=self.heads > 1)
        weights = tf.expand_dims(weights, 1) if self.heads == 1 else tf.transpose(weights, [0, 2, 1, 3])
        return tf.where(tf.not_equal(target, PAD)[:, None, :, None], weights, 0)

    def _follow(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor, **options: bool) -> tuple[Any, Any]:
        """The decoder unrolled over given targets."""
        ids = tf.concat([tf.fill([tf.shape(target)[0], 1], START), target[:, :-1]], axis=1)
        inputs = _embed(self.target_embedding, ids)
        given = [*self._read(source, lengths, self._tables()), *self._symbols(ids), *self.readout.for_decoder(source)]
        return plain_unroll(self.decoder, inputs, *given, **options)

    def _read(self, source: tf.Tensor, lengths: tf.Tensor, tables: "_Tables") -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Memory, its mask and summary."""
        mask = tf.sequence_mask(lengths, tf.shape(source)[1])

        def encode(mask: tf.Tensor) -> tuple[Any, Any]:
            if tables.source is None:
                memory, summary = self.encoder(_embed(self.source_embedding, source), mask)
            else:
                memory, summary = self.encoder.look_up(tables.source, source, mask)
            return memory, summary

        if not self.features:
            memory, summary = encode(mask)
        else:
            embedded = _embed(self.source_embedding, source)
            memory, summary = read_beside(encode, self.features, embedded, source, mask)
        return memory, mask, summary

    def _tables(self) -> "_Tables":
        if self._frozen is None:
            return self._compute_tables()
        return _Tables(*(_map(tf.convert_to_tensor, table) for table in self._frozen))

    def _compute_tables(self) -> "_Tables":
        return _Tables(
            self._tabulate(
                self.source_embedding, lambda ids: self.encoder.tabulate(_embed(self.source_embedding, ids))
            ),
            self._tabulate(self.target_embedding, self._prepare_inputs),
        )

    def _tabulate(self, embedding: keras.layers.Embedding, function: Callable[[Any], Any]) -> Any:
        # Not where a table were larger than the work it saves.
        size = embedding.input_dim
        return function(tf.range(size)) if size <= LARGEST_TABLE else None


class _Tables(NamedTuple):
    """What every symbol brings to the recurrence, by vocabulary; None where that is computed at every place."""

    source: Any
    target: Any


def _map(function: Callable[[Any], Any], table: Any) -> Any:
    return None if table is None else tf.nest.map_structure(function, table)


class _Memory(NamedTuple):
    attention: Any  # from the decoder's `prepare_memory`
    inputs: Any  # [vocabulary, …], what each symbol brings to a step; None where that is computed at every step
    weights: list[Any]  # the values of the model's variables, which a loop would read at every step
    copied: Any  # [batch, source], as what each source symbol is copied; None where nothing is


def _embed(embedding: keras.layers.Embedding, ids: tf.Tensor) -> tf.Tensor:
    """What the layer gives, without what it does about negative ids."""
    return tf.cast(tf.gather(embedding.embeddings, ids), embedding.compute_dtype)
