"""How long learning subwords takes: `python -m benchmarks.subword_speed [--tokenizer bpe] [--sentences 1000000]`.

The sentences are made up from a seed: words of syllables whose frequencies follow Zipf's law. Prints one JSON object as
the last line of standard output.
"""

import argparse
import json
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.memory import peak_memory
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration
from pipeline.text.learning import normalized
from pipeline.text.subwords import learn_sentence_pieces, learn_word_pieces, sample

WORDS = 500_000
MEAN_LENGTH = 18
CHUNK = 10_000
ONSETS = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "gr", "sch", "st", "tr")
VOWELS = ("a", "e", "i", "o", "u", "ai", "au", "ei", "ie", "ou", "ä", "ö", "ü", "é")
CODAS = ("", "", "", "l", "m", "n", "r", "s", "t", "nd", "ng", "rk", "st")


def make_words(count: int, seed: int) -> list[str]:
    """Distinct words, the first of them shorter: frequent words are."""
    random = np.random.default_rng(seed)
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = 1 + random.poisson(min(3.0, np.log10(len(words) + 1) / 2))
        parts = (
            ONSETS[random.integers(len(ONSETS))]
            + VOWELS[random.integers(len(VOWELS))]
            + CODAS[random.integers(len(CODAS))]
            for _ in range(syllables)
        )
        words["".join(parts)] = None
    return list(words)


def make_sentences(count: int, words: list[str], seed: int) -> Iterator[str]:
    """Sentences of 18 words on average, word k drawn with a probability proportional to 1 / k."""
    random = np.random.default_rng(seed)
    shares = np.cumsum(1 / np.arange(1, len(words) + 1))
    shares /= shares[-1]
    for first in range(0, count, CHUNK):
        lengths = 1 + random.poisson(MEAN_LENGTH - 1, min(CHUNK, count - first))
        drawn = iter(np.searchsorted(shares, random.random(lengths.sum())).tolist())
        for length in lengths.tolist():
            yield " ".join(words[next(drawn)] for _ in range(length)).capitalize() + "."


def measure(tokenizer: str, sentences: int, words: int, vocabulary_size: int, learn_size: int) -> dict[str, float]:
    """Seconds of reading (with normalisation and the sample) and of learning, and of learning on all cores together;
    number of subwords; MiB at the peak."""
    strings = list(make_sentences(sentences, make_words(words, seed=1), seed=1))
    made = peak_memory()
    began = time.perf_counter()
    chosen, _ = sample(normalized(strings), learn_size, seed=1)
    read, used = time.perf_counter(), time.process_time()
    if TOKENIZER_KINDS[tokenizer].bytewise:
        pieces = learn_sentence_pieces(chosen, tokenizer, vocabulary_size)[1]
    else:
        pieces = learn_word_pieces(chosen, vocabulary_size)
    return {
        "distinct_words": len({word for string in chosen for word in string.split()}),
        "read_seconds": round(read - began, 1),
        "learn_seconds": round(time.perf_counter() - read, 1),
        "learn_cpu_seconds": round(time.process_time() - used, 1),
        "subwords": len(pieces),
        "made_mib": round(made or 0),
        "peak_mib": round(peak_memory() or 0),
    }


def main() -> None:
    """Measure and print."""
    text = TextConfiguration()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tokenizer", choices=[name for name, kind in TOKENIZER_KINDS.items() if kind.subwords], default="bpe"
    )
    parser.add_argument("--sentences", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, default=WORDS, help="distinct words to draw from")
    parser.add_argument("--vocabulary-size", type=int, default=text.vocabulary_size)
    parser.add_argument("--learn-size", type=int, default=text.learn_size)
    arguments = parser.parse_args()
    figures = measure(
        arguments.tokenizer, arguments.sentences, arguments.words, arguments.vocabulary_size, arguments.learn_size
    )
    print(json.dumps({arguments.tokenizer: figures}))


if __name__ == "__main__":
    main()
