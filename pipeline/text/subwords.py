"""Learning subwords from training data: SentencePiece (BPE, unigram) and WordPiece."""

import io
import logging
import os
import random
import re
from collections import Counter
from collections.abc import Iterable

import sentencepiece

from pipeline.errors import DataError, count_of
from pipeline.text.symbols import CONTINUES
from pipeline.unicode.white_space import split

logger = logging.getLogger(__name__)

# What SentencePiece writes for a space.
SPACE_SIGN = "▁"
# Of the characters of the training data, the rarest in this share of the text become bytes.
RARE_SHARE = 0.0005
# Unigram begins with this many candidates at least, and 10 for every subword. SentencePiece's own million takes longer
# to shrink to some thousands, and those are no better: 20,000 sentences became 39.6 subwords each instead of 40.0.
SEEDS, SEEDS_PER_PIECE = 100_000, 10
# WordPiece's learner, in Python, counts all parts of all words again and again: those of half a million sentences, with
# 670,000 different words, took more than 5 GB. Words beyond the most frequent ones are hardly ever seen twice.
MOST_WORDS = 50_000
# Unigram's time grows with more than the length of a word, and its sums overflow in one of a million characters.
LONGEST_WORD = 1 << 14


def sample(strings: Iterable[str], size: int, seed: int) -> tuple[list[str], int]:
    """At most `size` of the strings, each as likely as any other, and how many there were; streams.

    Example:
        >>> sample(["a", "b", "c"], 5, seed=1)
        (['a', 'b', 'c'], 3)
    """
    chosen: list[str] = []
    generator, number = random.Random(seed), 0
    for number, string in enumerate(strings, 1):
        if len(chosen) < size:
            chosen.append(string)
        else:
            place = generator.randrange(number)
            if place < size:
                chosen[place] = string
    return chosen, number


def learn_sentence_pieces(strings: Iterable[str], kind: str, size: int) -> tuple[bytes, list[str]]:
    """A SentencePiece model with byte fallback, of normalised strings.

    Args:
        strings: What to learn from; kept in memory.
        kind: "bpe" or "unigram".
        size: Number of subwords, 256 bytes among them; fewer where the strings have no more to give.

    Returns:
        The serialised model, and its subwords.

    Raises:
        DataError: `size` has no room for bytes and characters, or no string is fit to learn from.
    """
    strings = _without_endless_words(list(strings))
    signs = sum(SPACE_SIGN in string for string in strings)
    if signs:
        found = count_of(signs, "sentence has", "sentences have")
        _warn_of_signs(found, f"{SPACE_SIGN} (U+2581)", "a space there")
    while True:
        try:
            return _train(strings, kind, size)
        except RuntimeError as error:
            most = re.search(r"Vocabulary size too high \(\d+\).*<= (\d+)", str(error))
            if not most or int(most[1]) >= size:
                raise DataError(
                    f"text.vocabulary_size: {size} subwords cannot be learned ({_reason(error)}); another number may do"
                ) from error
            size = int(most[1])


def _warn_of_signs(found: str, sign: str, instead: str) -> None:
    """Say so if the data have what stands for something else in subwords."""
    logger.warning("%s %s, which is a sign of its own in subwords: outputs have %s", found, sign, instead)


def _without_endless_words(strings: list[str]) -> list[str]:
    kept = [
        string for string in strings if len(string) <= LONGEST_WORD or max(map(len, string.split(" "))) <= LONGEST_WORD
    ]
    if len(kept) < len(strings):
        logger.warning(
            "%d strings have more than %d characters without a space: no subwords are learned from them",
            len(strings) - len(kept),
            LONGEST_WORD,
        )
    if not kept:
        raise DataError(
            f"no subwords can be learned: every string has more than {LONGEST_WORD} characters without a space; "
            "give a file with one item a line"
        )
    return kept


def _train(strings: list[str], kind: str, size: int) -> tuple[bytes, list[str]]:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(strings),
        model_writer=model,
        model_type=kind,
        vocab_size=size,
        character_coverage=1 - RARE_SHARE,
        byte_fallback=True,
        seed_sentencepiece_size=max(SEEDS, SEEDS_PER_PIECE * size),
        # Strings come in their normal form; joining must give back all of them.
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        # The start and end of a sequence are no text.
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        max_sentence_length=1 << 20,
        num_threads=os.cpu_count() or 1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [
        processor.id_to_piece(index) for index in range(processor.get_piece_size()) if not processor.is_unknown(index)
    ]
    return model.getvalue(), pieces


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[-200:]


def learn_word_pieces(strings: Iterable[str], size: int) -> list[str]:
    """The subwords of a WordPiece vocabulary (Schuster & Nakajima 2012), most useful first.

    Args:
        strings: What to learn from: words between white space; distinct words are kept in memory. Of those beyond the
            50,000 most frequent ones only such count as have characters that no word before them has.
        size: About how many subwords.
    """
    counts: Counter[str] = Counter(word for string in strings for word in split(string))
    signs = sum(word.startswith(CONTINUES) for word in counts)
    if signs:
        found = count_of(signs, "word begins", "words begin")
        _warn_of_signs(found, f"with {CONTINUES}", "no space before it")
    # All of tensorflow-text comes with it, which nothing else needs.
    from tensorflow_text.tools.wordpiece_vocab import wordpiece_tokenizer_learner_lib

    pieces = wordpiece_tokenizer_learner_lib.learn(
        _choose_words(counts),
        vocab_size=size,
        reserved_tokens=[],
        lower_thresh=1,
        max_unique_chars=size,
        joiner=CONTINUES,
    )
    # The bare sign of a continuation is no piece.
    return [piece for piece in dict.fromkeys(pieces) if piece and piece != CONTINUES]


def _choose_words(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent words, and of the others those without which a character would be unknown."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    chosen = ordered[:MOST_WORDS]
    characters = {character for word, _ in chosen for character in word}
    for word, count in ordered[MOST_WORDS:]:
        if not characters.issuperset(word):
            characters.update(word)
            chosen.append((word, count))
    return chosen
