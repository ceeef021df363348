"""Section `text`: how strings become symbols and back."""

import dataclasses
from typing import Any, Literal, NamedTuple, get_args

from pipeline.errors import UsageError
from pipeline.settings.checks import count, require, require_at_least, require_sane_numbers, require_share
from pipeline.unicode.normal_forms import NORMAL_FORMS, fold
from pipeline.unicode.white_space import strip

TokenizerName = Literal["char", "space", "bpe", "unigram", "wordpiece"]
FormName = Literal["none", "nfc", "nfd", "nfkc", "nfkd"]
Side = Literal["source", "target"]
SIDES: tuple[Side, ...] = get_args(Side)


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
    separated: bool = False
    """Whether something stands between symbols, white space where nothing else is set."""


TOKENIZER_KINDS: dict[str, TokenizerKind] = {
    "char": TokenizerKind(characters=True),
    "space": TokenizerKind(separated=True),
    "bpe": TokenizerKind(subwords=True, bytewise=True),
    "unigram": TokenizerKind(subwords=True, bytewise=True),
    "wordpiece": TokenizerKind(subwords=True, whole_unknown=True),
}


class SideText(NamedTuple):
    """How the strings of one side become symbols."""

    tokenizer: str
    """A row of `TOKENIZER_KINDS`."""
    normalization: str
    """A row of `NORMAL_FORMS`."""
    lowercase: bool
    separator: str | None
    """What stands between symbols, in the form that the strings are brought to; None: white space, or nothing."""
    feature_separator: str | None = None
    """What stands between the features that follow behind a TAB; None: there are none."""


@dataclasses.dataclass(frozen=True)
class TextConfiguration:
    """How strings become symbols and back.

    Args:
        source_tokenizer: char (Unicode characters), space (symbols between white space), or subwords learned from
            the training data: bpe or unigram (SentencePiece, for any text) or wordpiece (for tokenised text).
        target_tokenizer: char, space, bpe, unigram or wordpiece, as above.
        source_separator: What stands between the symbols of sources that are cut by space, as the dash of b-a-t; null
            is white space. White space within a symbol stays, around it is dropped.
        target_separator: The same of targets; outputs are joined by it.
        normalization: Unicode normal form of both sides: nfc (a letter and its marks are one symbol), nfd (they are
            symbols each: Hangul syllables become letters), nfkc and nfkd (in which ﬁ is fi and ① is 1, too), or none
            (code points as they stand in the data). Outputs have the form of the training data's targets.
        target_normalization: The same of the targets alone, where the sides differ; null takes text.normalization.
        lowercase: Whether to lowercase both sides.
        direction: The order in which a model finds the symbols of a target: left_to_right, as they are read, or
            right_to_left, the last one first; texts, symbols and attention are shown as they are read either way.
        min_count: Symbols seen less often than this in training become the unknown symbol.
        max_vocabulary: Keep only this many of the most frequent symbols a side; null keeps all.
        vocabulary_size: Number of subwords a side; fewer where the data have no more to give.
        shared_vocabulary: One vocabulary for both sides, learned from both.
        sampling: Cut words otherwise in every pass of the training: the share of merges left out (bpe), or of words
            that are not cut in the best way (unigram).
        feature_separator: Follows from data.columns and data.feature_separator, whatever is given here: null where
            sources have no features.
        learn_size: Learn subwords from this many training sentences at most, drawn at random by train.seed.
    """

    source_tokenizer: TokenizerName = "char"
    target_tokenizer: TokenizerName = "char"
    source_separator: str | None = None
    target_separator: str | None = None
    normalization: FormName = "nfc"
    target_normalization: FormName | None = None
    lowercase: bool = False
    direction: Literal["left_to_right", "right_to_left"] = "left_to_right"
    min_count: int = 1
    max_vocabulary: int | None = count(None)
    vocabulary_size: int = 8000
    shared_vocabulary: bool = False
    sampling: float = 0.0
    learn_size: int = count(500_000)
    feature_separator: str | None = None

    def __post_init__(self) -> None:
        require_sane_numbers("text", self)
        require_at_least("text", self, 1, ["min_count", "max_vocabulary", "vocabulary_size", "learn_size"])
        require_share("text", self, ["sampling"])
        can = self.source.bytewise or self.target.bytewise
        require(can or not self.sampling, "text.sampling", self.sampling, "0 where no tokenizer is bpe or unigram")
        require(
            not self.shared_vocabulary or self.source_tokenizer == self.target_tokenizer,
            "text.shared_vocabulary",
            self.shared_vocabulary,
            "false where text.source_tokenizer and text.target_tokenizer differ",
        )
        for side in SIDES:
            self._require_separator(f"text.{side}_separator", side)
        for key, source, target in (
            ("text.target_normalization", self.normalization, self.target_form),
            ("text.target_separator", self.source_separator, self.target_separator),
        ):
            wanted = "null" if source is None else source
            require(
                not self.shared_vocabulary or source == target,
                key,
                target,
                f"{wanted}, as sources have it, where text.shared_vocabulary is true",
            )

    def _require_separator(self, key: str, side: Side) -> None:
        tokenizer, separator = getattr(self, f"{side}_tokenizer"), getattr(self, f"{side}_separator")
        if separator is not None:
            require(
                TOKENIZER_KINDS[tokenizer].separated,
                key,
                separator,
                f"null where text.{side}_tokenizer is {tokenizer}; text.{side}_tokenizer space cuts at it",
            )
            require(
                isinstance(separator, str) and bool(strip(separator)) and not set("\t\r\n") & set(separator),
                key,
                separator,
                "one character or more, not white space alone, no TAB and no line end; null is white space",
            )

    @property
    def compared(self) -> "TextConfiguration":
        """The settings under which outputs and references are compared: a letter and its marks are one symbol,
        whichever form the model's symbols have, so that figures do not depend on it.
        """
        source, target = (NORMAL_FORMS[form].equals for form in (self.normalization, self.target_form))
        forms: dict[str, Any] = {"normalization": source, "target_normalization": target}
        return dataclasses.replace(self, **forms)

    @property
    def target_form(self) -> str:
        """The row of `NORMAL_FORMS` that targets are brought to."""
        return self.target_normalization or self.normalization

    @property
    def has_forms(self) -> bool:
        """Whether strings of any side are brought to a normal form."""
        return not self.normalization == self.target_form == "none"

    def side(self, side: Side) -> SideText:
        """How the strings of a side become symbols.

        Example:
            >>> TextConfiguration(target_tokenizer="space", target_separator="-").side("target")
            SideText(tokenizer='space', normalization='nfc', lowercase=False, separator='-', feature_separator=None)
        """
        tokenizer, form, separator = (
            (self.source_tokenizer, self.normalization, self.source_separator)
            if side == "source"
            else (self.target_tokenizer, self.target_form, self.target_separator)
        )
        features = self.feature_separator if side == "source" else None
        return SideText(tokenizer, form, self.lowercase, separator and fold(separator, form, self.lowercase), features)

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
