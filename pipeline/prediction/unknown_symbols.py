"""What is shown in the place of unknown output symbols: what they looked at, copied or looked up; in the graph."""

import logging
from collections.abc import Mapping, Sequence

import tensorflow as tf

from pipeline.errors import DataError, count_of
from pipeline.pairs.pair_file import Pair, read_table
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.normalization import normalize
from pipeline.text.symbols import UNKNOWN
from pipeline.text.tokenizers import make_tokenizer

logger = logging.getLogger(__name__)


class UnknownReplacement(tf.Module):
    """Shows the source symbol that an unknown output symbol looked at most, or its entry in a dictionary.

    As in Luong et al. (2015), https://arxiv.org/abs/1410.8206, with the attention in the place of an aligner. Of a
    model that copies, an unknown symbol is first of all the copy of a source symbol that has no target id.

    Args:
        dictionary: What to show for a source symbol; one that it lacks is copied.
        copied: The target id of every source id, of a model that copies; None of one that does not.
        always: Whether source symbols are shown that cannot have been copied.

    Example:
        >>> replace = UnknownReplacement({"b": "B"})
        >>> attention = tf.constant([[[[0.4, 0.1, 0.5], [0.3, 0.6, 0.1], [0.0, 0.0, 1.0]]]])
        >>> ids, shown = tf.constant([[[3, 3, 2]]]), tf.constant([[["<unk>", "<unk>", "</s>"]]])
        >>> replace(ids, shown, attention, tf.constant([["a", "b", "</s>"]]), tf.constant([3])).numpy().tolist()
        [[[b'a', b'B', b'</s>']]]
    """

    def __init__(
        self,
        dictionary: Mapping[str, str] | None = None,
        copied: Sequence[int] | None = None,
        always: bool = True,
    ) -> None:
        super().__init__()
        self.copied, self.always = copied, always
        self.table = None
        if dictionary:
            keys, values = (tf.constant(list(side), tf.string) for side in (dictionary.keys(), dictionary.values()))
            # A resource: it must be an attribute, so that an export takes it along.
            self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), "")

    def __call__(
        self,
        ids: tf.Tensor,
        symbols: tf.Tensor,
        attention: tf.Tensor,
        source_symbols: tf.Tensor,
        source_lengths: tf.Tensor,
        source_ids: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Replace the unknown ones among the symbols of outputs.

        Args:
            ids: `[batch, n_best, target]` int32.
            symbols: The same as strings, as they are shown.
            attention: `[batch, n_best, target, source]`. Where no weight is above 0, nothing is replaced; weights of
                the source's end symbol do not count.
            source_symbols: `[batch, source]` strings, each row closed by the end symbol, then ''.
            source_lengths: `[batch]` int32, end symbol included.
            source_ids: `[batch, source]` int32; needed of a model that copies.

        Returns:
            `[batch, n_best, target]` strings.
        """
        positions = tf.sequence_mask(source_lengths - 1, tf.shape(attention)[3])
        if self.copied is not None:
            as_unknown = tf.equal(tf.gather(tf.constant(self.copied, tf.int32), source_ids), UNKNOWN)
            others = self.always & ~tf.reduce_any(as_unknown, axis=1, keepdims=True)
            positions &= as_unknown | others
        chosen, is_any = _most_attended(attention, positions)
        # A column more: of an empty source there is nothing to choose.
        choice = tf.gather(tf.pad(source_symbols, [[0, 0], [0, 1]]), chosen, batch_dims=1)
        if self.table is not None:
            entry = self.table.lookup(choice)
            choice = tf.where(entry == "", choice, entry)
        return tf.where((ids == UNKNOWN) & is_any, choice, symbols)


def _most_attended(attention: tf.Tensor, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The one of the source positions, `[batch, source]` bool, with the largest weight, `[batch, n_best, target]`, and
    whether that is above 0.
    """
    weights = attention * tf.cast(positions, attention.dtype)[:, None, None]
    # Of an empty batch the attention has no column at all, in which there would be no largest.
    weights = tf.pad(weights, [[0, 0], [0, 0], [0, 0], [0, 1]])
    return tf.argmax(weights, axis=3, output_type=tf.int32), tf.reduce_max(weights, axis=3) > 0


def read_dictionary(path: str, text: TextConfiguration) -> dict[str, str]:
    """What a file of SOURCE TAB TARGET symbols holds, both in the form that the text settings give a string.

    Sources that are no single symbol are warned of: nobody looks them up.

    Args:
        path: A UTF-8 file, source TAB target on every line.
        text: Of the model.

    Raises:
        DataError: The file cannot be read, a line is not a pair, or a source symbol stands there twice.
    """
    pairs = list(read_table(path))
    sides = [[pair.source for pair in pairs], [pair.target for pair in pairs]]
    sources, targets = (
        [string.decode() for string in normalize(strings, form, text.lowercase).numpy()]
        for strings, form in zip(sides, (text.normalization, text.target_form), strict=True)
    )
    lines: dict[str, int] = {}
    for source, pair in zip(sources, pairs, strict=True):
        first = lines.setdefault(source, pair.line)
        if first != pair.line:
            raise DataError(f"{path}:{pair.line}: {source!r} stands on line {first} already; keep one of them")
    _warn_of_unused(sources, pairs, path, text)
    return dict(zip(sources, targets, strict=True))


def _warn_of_unused(sources: list[str], pairs: list[Pair], path: str, text: TextConfiguration) -> None:
    if text.source.subwords:
        return
    how = text.side("source")
    counts = make_tokenizer(how.tokenizer, separator=how.separator).split(sources).row_lengths().numpy()
    unused = [pair for pair, count in zip(pairs, counts, strict=True) if count != 1]
    if unused:
        logger.warning(
            "%s: %s no single symbol, so that nobody looks it up, first on line %d: %r; an entry is for one symbol as "
            "text.source_tokenizer %s and text.normalization %s make them",
            path,
            count_of(len(unused), "source is", "sources are"),
            unused[0].line,
            unused[0].source,
            text.source_tokenizer,
            text.normalization,
        )


def make_replacement(
    search: SearchConfiguration, text: TextConfiguration, copied: Sequence[int] | None = None
) -> UnknownReplacement | None:
    """What the search settings ask for, with their dictionary read; None if unknown symbols stay as they are.

    Args:
        search: The settings.
        text: How the dictionary's strings become symbols.
        copied: The target id of every source id, of a model that copies.

    Raises:
        DataError: The dictionary cannot be used.
    """
    if not search.replace_unknown and copied is None:
        return None
    dictionary = read_dictionary(search.dictionary, text) if search.dictionary else None
    return UnknownReplacement(dictionary, copied, always=search.replace_unknown)
