"""Section `text`: how strings become symbols and back."""

import dataclasses
from typing import Any, Literal, NamedTuple

from pipeline.errors import UsageError
from pipeline.settings.checks import count, require, require_at_least, require_sane_numbers
from pipeline.unicode.normal_forms import NORMAL_FORMS

TokenizerName = Literal["char", "space", "bpe", "unigram", "wordpiece"]


class TokenizerKind(NamedTuple):
    """What is known of a tokenizer without TensorFlow."""

    subwords: bool = False
    """Whether its symbols are learned parts of words, no end in themselves as sounds or letters are."""
    bytewise: bool = False
    """Whether it reads and writes everything: what it has no symbol for it cuts into bytes."""
    characters: bool = False
    """Whether every character is a symbol, white space too."""
    whole_unknown: bool = False
    """Whether a word with a character that the symbols lack is unknown as a whole."""


TOKENIZER_KINDS: dict[str, TokenizerKind] = {
    "char": TokenizerKind(characters=True),
    "space": TokenizerKind(),
    "bpe": TokenizerKind(subwords=True, bytewise=True),
    "unigram": TokenizerKind(subwords=True, bytewise=True),
    "wordpiece": TokenizerKind(subwords=True, whole_unknown=True),
}


@dataclasses.dataclass(frozen=True)
class TextConfiguration:
    """How strings become symbols and back.

    Args:
        source_tokenizer: char (Unicode characters), space (symbols between white space), or subwords learned from
            the training data: bpe or unigram (SentencePiece, for any text) or wordpiece (for tokenised text).
        target_tokenizer: char, space, bpe, unigram or wordpiece, as above.
        normalization: Unicode normal form of both sides: nfc (a letter and its marks are one symbol), nfd (they are
            symbols each: Hangul syllables become letters), nfkc and nfkd (in which ﬁ is fi and ① is 1, too), or none
            (code points as they stand in the data). Outputs have the form of the training data's targets.
        lowercase: Whether to lowercase both sides.
        direction: The order in which a model finds the symbols of a target: left_to_right, as they are read, or
            right_to_left, the last one first; texts, symbols and attention are shown as they are read either way.
        min_count: Symbols seen less often than this in training become the unknown symbol.
        max_vocabulary: Keep only this many of the most frequent symbols a side; null keeps all.
        vocabulary_size: Number of subwords a side; fewer where the data have no more to give.
        shared_vocabulary: One vocabulary for both sides, learned from both.
        learn_size: Learn subwords from this many training sentences at most, drawn at random by train.seed.
    """

    source_tokenizer: TokenizerName = "char"
    target_tokenizer: TokenizerName = "char"
    normalization: Literal["none", "nfc", "nfd", "nfkc", "nfkd"] = "nfc"
    lowercase: bool = False
    direction: Literal["left_to_right", "right_to_left"] = "left_to_right"
    min_count: int = 1
    max_vocabulary: int | None = count(None)
    vocabulary_size: int = 8000
    shared_vocabulary: bool = False
    learn_size: int = count(500_000)

    def __post_init__(self) -> None:
        require_sane_numbers("text", self)
        require_at_least("text", self, 1, ["min_count", "max_vocabulary", "vocabulary_size", "learn_size"])
        require(
            not self.shared_vocabulary or self.source_tokenizer == self.target_tokenizer,
            "text.shared_vocabulary",
            self.shared_vocabulary,
            "false where text.source_tokenizer and text.target_tokenizer differ",
        )

    @property
    def compared(self) -> "TextConfiguration":
        """The settings under which outputs and references are compared: a letter and its marks are one symbol,
        whichever form the model's symbols have, so that figures do not depend on it.
        """
        equal: Any = NORMAL_FORMS[self.normalization].equals
        return dataclasses.replace(self, normalization=equal)

    @property
    def right_to_left(self) -> bool:
        """Whether the last symbol of a target is found first."""
        return self.direction == "right_to_left"

    def require_left_to_right(self, wanted: str, remedy: str) -> None:
        """Refuse what a model that begins at the end of its outputs cannot do.

        Args:
            wanted: What is asked for.
            remedy: What to do in its place.

        Raises:
            UsageError: The direction is right_to_left.
        """
        if self.right_to_left:
            raise UsageError(
                f"{wanted}: impossible with text.direction right_to_left, which finds the end first; {remedy}"
            )

    @property
    def source(self) -> TokenizerKind:
        """What kind of symbols the source has."""
        return TOKENIZER_KINDS[self.source_tokenizer]

    @property
    def target(self) -> TokenizerKind:
        """What kind of symbols the target has."""
        return TOKENIZER_KINDS[self.target_tokenizer]

    @property
    def has_sentences(self) -> bool:
        """Whether outputs are sentences: of subwords, which are no end in themselves as sounds or letters are."""
        return self.target.subwords
