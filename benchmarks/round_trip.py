"""Whether subwords join to what was cut: `python -m benchmarks.round_trip --tokenizer bpe FILE …`.

Learns subwords from the sentences of all files and turns each of these sentences into ids and back, as training and
prediction do. Prints one JSON object as the last line of standard output: for each file how many sentences there are,
how many of them do not come back as their normalised text, and how many symbols are unknown; the first sentence that
does not come back goes to standard error.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator

import numpy as np

from benchmarks.split_pairs import read_columns
from pipeline.files.lines import read_lines
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.learning import normalized
from pipeline.text.processor import TextProcessor
from pipeline.text.subwords import learn_sentence_pieces, learn_word_pieces, sample
from pipeline.text.symbols import UNKNOWN
from pipeline.text.vocabulary import Vocabulary


def read_sentences(path: str, columns: list[int]) -> Iterator[str]:
    """The lines of a file, or of TAB-separated lines the columns asked for, from 1.

    Raises:
        DataError: See `read_columns`.
    """
    return itertools.chain.from_iterable(read_columns(path, columns)) if columns else read_lines(path)


def learn(sentences: Iterable[str], tokenizer: str, text: TextConfiguration) -> TextProcessor:
    """Subwords of at most `text.learn_size` sentences, learned as `train` does."""
    chosen, _ = sample(normalized(sentences, text.normalization, text.lowercase), text.learn_size, seed=1)
    if TOKENIZER_KINDS[tokenizer].bytewise:
        model, pieces = learn_sentence_pieces(chosen, tokenizer, text.vocabulary_size)
        vocabulary = Vocabulary(pieces, model)
    else:
        vocabulary = Vocabulary(learn_word_pieces(chosen, text.vocabulary_size))
    return TextProcessor(vocabulary, tokenizer, text.normalization, text.lowercase)


def count_differences(sentences: Iterable[str], text: TextProcessor) -> tuple[dict[str, int], list[str]]:
    """Sentences, those that do not come back, symbols and unknown ones; the first that differs, before and after."""
    counts = {"sentences": 0, "different": 0, "symbols": 0, "unknown": 0}
    first: list[str] = []
    for chunk in in_chunks(sentences, CHUNK):
        ids = text.encode(chunk)
        before, after = text.normalize(chunk).numpy(), text.decode(ids.to_tensor()).numpy()
        different = before != after
        counts["sentences"] += len(chunk)
        counts["different"] += int(different.sum())
        # Each closes with the end symbol.
        counts["symbols"] += len(ids.flat_values) - len(chunk)
        counts["unknown"] += int((ids.flat_values.numpy() == UNKNOWN).sum())
        if different.any() and not first:
            place = int(np.argmax(different))
            first = [before[place].decode(), after[place].decode()]
    return counts, first


def main(argv: list[str] | None = None) -> None:
    """Learn, compare, print."""
    defaults = TextConfiguration()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", metavar="FILE", nargs="+", help="UTF-8 lines, decompressed if it ends in .gz")
    parser.add_argument(
        "--tokenizer", choices=[name for name, kind in TOKENIZER_KINDS.items() if kind.subwords], default="bpe"
    )
    parser.add_argument("--vocabulary-size", type=int, default=defaults.vocabulary_size)
    parser.add_argument("--columns", type=int, nargs="+", default=[], help="TAB-separated columns, from 1")
    arguments = parser.parse_args(argv)
    text = TextConfiguration(vocabulary_size=arguments.vocabulary_size)
    sentences = itertools.chain.from_iterable(read_sentences(path, arguments.columns) for path in arguments.files)
    processor = learn(sentences, arguments.tokenizer, text)
    results: dict[str, dict[str, int]] = {}
    for path in arguments.files:
        results[path], first = count_differences(read_sentences(path, arguments.columns), processor)
        if first:
            print(f"{path}: the first that differs, before and after:", *map(repr, first), sep="\n  ", file=sys.stderr)
    print(json.dumps({"tokenizer": arguments.tokenizer, "subwords": len(processor.vocabulary), "files": results}))


if __name__ == "__main__":
    main()
