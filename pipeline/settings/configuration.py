"""Every setting of a run: small frozen dataclasses, checked when made, saved as YAML beside the weights.

The docstring of a class explains its keys; the command line prints the same words in `--help`.
Layers never see these classes: `pipeline.model.sequence_to_sequence` alone turns them into keyword arguments.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml

from pipeline.errors import UsageError
from pipeline.files.durable import write_atomically
from pipeline.unicode.normal_forms import NORMAL_FORMS

# How sacrebleu may cut text; "given" is our word for leaving it as it is.
BLEU_TOKENS = ("13a", "intl", "zh", "char", "given")
TokenizerName = Literal["char", "space", "bpe", "unigram", "wordpiece"]
SENTENCE_PIECES = ("bpe", "unigram")
SUBWORDS = (*SENTENCE_PIECES, "wordpiece")
# Sizes of tensors are 32-bit numbers; these are not sizes.
_LARGEST_SIZE, _LARGEST_COUNT = 2**31 - 1, 2**63 - 1
_COUNTS = ("seed", "min_epoch_tokens", "learn_size", "max_vocabulary")
PRESETS = Path(__file__).parents[1] / "presets"
DEFAULT_PRESET = "cmudict"


def _require(condition: bool, key: str, value: object, wanted: str) -> None:
    if not condition:
        raise UsageError(f"{key}: {value!r} is impossible, it must be {wanted}")


def _require_at_least(section: str, values: object, minimum: float, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(values, name)
        if value is not None:
            _require(value >= minimum, f"{section}.{name}", value, f"at least {minimum}")


def _require_share(section: str, values: object, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(values, name)
        _require(0 <= value < 1, f"{section}.{name}", value, "at least 0 and below 1")


def _require_sane_numbers(section: str, values: Any) -> None:
    """Refuse numbers that no machine can mean: they would break something much later."""
    for field in dataclasses.fields(values):
        value, key = getattr(values, field.name), f"{section}.{field.name}"
        if isinstance(value, float):
            _require(math.isfinite(value), key, value, "a finite number")
        elif isinstance(value, int):
            most = _LARGEST_COUNT if field.name in _COUNTS else _LARGEST_SIZE
            _require(value <= most, key, value, f"at most {most:,}")


def _require_place(key: str, place: object) -> None:
    _require(not isinstance(place, list) or len(place) == 2, key, place, "two line-aligned files")
    parts = place if isinstance(place, list | dict) else [place]
    _require(all(not isinstance(part, str) or part.strip() for part in parts), key, place, "the path of a file")


def _require_weights(key: str, weights: Mapping[str, float]) -> None:
    _require(bool(weights), key, weights, "at least one place with its weight, as in {pairs.tsv: 1}")
    for place, weight in weights.items():
        _require(isinstance(place, str), key, place, "text: put the place in quotes")
        _require(0 < weight < math.inf, f"{key}: weight of {place}", weight, "above 0; leave out what is not wanted")


@dataclasses.dataclass(frozen=True)
class DataConfiguration:
    """Where the pairs come from and how they become batches.

    Args:
        train: Training pairs: a TSV file (source TAB target, UTF-8, may end in .gz), a list of two
            line-aligned files, or the name of a built-in corpus (cmudict). Several of them as a mapping to weights,
            {news.tsv: 0.5, "talks.de,talks.en": 2}: how often a pass over the data has each of their pairs (2: twice;
            0.5: a random half of them, the other half in the next pass; at least one pair of each length group).
        dev: Development pairs, in one of the first three forms. Left out: the built-in corpus's own, else held out
            from all of train.
        test: Test pairs, same forms. Left out: the built-in corpus's own, else none.
        train_size: Train on this many distinct sources only, as a share (0.2) or a count (20000); which ones does
            not depend on train.seed. null trains on all.
        dev_size: Without dev: how many distinct training sources to hold out, as a share (0.05) or a count (2670).
        shares: How train_size and dev_size are taken where they are shares: counted (exactly so many of the distinct
            sources, rounded, at least one) or hashed (about so many, as earlier versions did; runs that these began go
            on with it).
        max_length: Longest source or target in symbols, end symbol not counted; longer training pairs
            are dropped and counted, longer inputs are cut when predicting.
        min_length: Training pairs with a side of fewer symbols are dropped and counted. This and the next two leave
            dev and test as they are, and vocabularies come from what is dropped, too.
        max_ratio: Training pairs whose longer side has more than this many times the symbols of the shorter one are
            dropped and counted, unless it has no more than 10 symbols; null keeps all.
        drop_duplicates: Of training pairs with equal source and target keep the first only, of several corpora the one
            in the corpus with the highest weight; takes about 70 bytes of memory a pair while they are tokenised.
        skip_bad_lines: Leave out lines that are no pairs (not UTF-8, no TAB, an empty side, more than 1,048,576 bytes,
            more than 1,000 combining marks in a row), count and report them, instead of stopping at the first. Of two
            line-aligned files the pair goes if either line is bad. Files that are cut short or whose numbers of lines
            differ are refused all the same.
        batch_tokens: Largest number of symbols (rows times padded length of the longer side) in a batch.
        buckets: Number of length groups; each has its own padded shape.
    """

    train: str | list[str] | dict[str, float] = "cmudict"
    dev: str | list[str] | None = None
    test: str | list[str] | None = None
    train_size: float | None = None
    dev_size: float = 0.05
    shares: Literal["counted", "hashed"] = "counted"
    max_length: int = 64
    min_length: int = 1
    max_ratio: float | None = None
    drop_duplicates: bool = False
    skip_bad_lines: bool = False
    batch_tokens: int = 2048
    buckets: int = 6

    def __post_init__(self) -> None:
        _require_sane_numbers("data", self)
        for name in ("train", "dev", "test"):
            _require_place(f"data.{name}", getattr(self, name))
        for name, size in (("data.train_size", self.train_size), ("data.dev_size", self.dev_size)):
            if size is not None:
                _require(size > 0, name, size, "above 0")
                _require(size < 1 or float(size).is_integer(), name, size, "a share below 1 or a whole number")
        if isinstance(self.train, dict):
            _require_weights("data.train", self.train)
        _require_at_least("data", self, 1, ["max_length", "buckets", "min_length", "max_ratio"])
        wanted = f"at most data.max_length ({self.max_length})"
        _require(self.min_length <= self.max_length, "data.min_length", self.min_length, wanted)
        _require(
            self.batch_tokens > self.max_length,
            "data.batch_tokens",
            self.batch_tokens,
            f"above data.max_length ({self.max_length}), so that the longest pair fits into a batch",
        )


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
    min_count: int = 1
    max_vocabulary: int | None = None
    vocabulary_size: int = 8000
    shared_vocabulary: bool = False
    learn_size: int = 500_000

    def __post_init__(self) -> None:
        _require_sane_numbers("text", self)
        _require_at_least("text", self, 1, ["min_count", "max_vocabulary", "vocabulary_size", "learn_size"])
        _require(
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
    def has_sentences(self) -> bool:
        """Whether outputs are sentences: of subwords, which are no end in themselves as sounds or letters are."""
        return self.target_tokenizer in SUBWORDS


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
            units in each direction), luong_general, or none (one fixed context, the classic seq2seq).
        attention_heads: Heads of multi_head_bahdanau; divides attention_units and twice units.
        coverage: Whether additive attention sees how much it looked at each position before.
        input_feeding: Whether the decoder sees its last hidden layer beside the last symbol.
        tied_embeddings: Whether the output projection is the target embedding, turned round; readout_units are then
            embedding_units.
        dropout: Share of embeddings, encoder outputs and readout units dropped in training.
        precision: Keras dtype policy: float32, mixed_float16, mixed_bfloat16 or float64.
        fast: Use the hand-written recurrence where one exists; false forces the plain loop.
    """

    units: int = 256
    embedding_units: int = 128
    attention_units: int | None = None
    readout_units: int | None = None
    encoder_layers: int = 1
    decoder_layers: int = 1
    cell: Literal["gru", "lstm", "layer_norm_gru", "layer_norm_lstm", "conditional_gru"] = "gru"
    attention: Literal["bahdanau", "multi_head_bahdanau", "luong_dot", "luong_general", "none"] = "bahdanau"
    attention_heads: int = 4
    coverage: bool = False
    input_feeding: bool = False
    tied_embeddings: bool = False
    dropout: float = 0.2
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16", "float64"] = "float32"
    fast: bool = True

    def __post_init__(self) -> None:
        _require_sane_numbers("model", self)
        sizes = ["units", "embedding_units", "attention_units", "readout_units"]
        _require_at_least("model", self, 1, [*sizes, "encoder_layers", "decoder_layers", "attention_heads"])
        _require_share("model", self, ["dropout"])
        if self.attention == "multi_head_bahdanau":
            fits = (self.attention_units or self.units) % self.attention_heads + 2 * self.units % self.attention_heads
            wanted = "a divisor of model.attention_units and of twice model.units"
            _require(not fits, "model.attention_heads", self.attention_heads, wanted)
        if self.attention == "luong_dot":
            _require(self.units % 2 == 0, "model.units", self.units, "even for luong_dot")
        additive = self.attention in ("bahdanau", "multi_head_bahdanau")
        _require(additive or not self.coverage, "model.coverage", self.coverage, "false without additive attention")
        if self.tied_embeddings:
            wanted = f"model.embedding_units ({self.embedding_units}) or null with tied_embeddings"
            _require(
                self.readout_units in (None, self.embedding_units), "model.readout_units", self.readout_units, wanted
            )


@dataclasses.dataclass(frozen=True)
class TrainConfiguration:
    """How the network is fitted.

    Args:
        epochs: How often to train, decode the dev set and save; the learning rate reaches its end at the last one.
            Going on with a finished run, or beginning from a run's weights (fine-tuning), is not possible yet.
        min_epoch_tokens: An epoch is one pass over the training data, or as many as have this many target symbols,
            padding counted.
        learning_rate: Highest learning rate of Adam.
        schedule: cosine (to a hundredth), linear (to a hundredth) or constant, after the warm-up.
        warmup_steps: Steps over which the learning rate rises from 0; at most half of all steps.
        weight_decay: Decoupled weight decay (AdamW); 0 is none.
        clip_norm: Largest global norm of the gradient; null does not clip.
        label_smoothing: Share of the target probability spread over the vocabulary.
        ema_momentum: Decode, choose and export a moving average of the weights, of which a step keeps this share
            (0.999: about the last thousand steps, but never more than the last tenth of those so far); 0 takes the
            weights themselves.
        patience: Stop after this many epochs without a better decoded dev metric; null never stops early. Of epochs
            with equal figures the one with the lowest dev loss is the best.
        perfect_epochs: Stop after this many epochs in a row in which all dev outputs were right; null goes on.
        keep_checkpoints: How many of the newest epochs' checkpoints stay, besides the best one: --average takes the
            mean of as many.
        checkpoint_minutes: Save within an epoch, too, when the last checkpoint is so old; null does not. An
            interrupted or killed training goes on from its last checkpoint as if nothing had happened.
        checkpoint_steps: Save within an epoch, too, after every so many steps; null does not.
        on_write_failure: What a full disk or a directory no longer writable does to a training: stop (after which
            the same command goes on from the last checkpoint) or continue (and try again with the next).
        max_rollbacks: How often a training that diverged (loss or gradient no finite number, or a loss above that of
            pure guessing) goes back to an epoch's end and on with half the learning rate, before it fails.
        dev_beam_size: Beam size of the decoding after every epoch.
        attention_samples: Dev pairs whose attention is drawn after every epoch.
        seed: Seed of weights, dropout, data order and held-out pairs.
        deterministic: Same command, machine and thread count give the same weights.
    """

    epochs: int = 10
    min_epoch_tokens: int = 500_000
    learning_rate: float = 0.003
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 200
    weight_decay: float = 0.0
    clip_norm: float | None = 5.0
    label_smoothing: float = 0.1
    ema_momentum: float = 0.0
    patience: int | None = 10
    perfect_epochs: int | None = 3
    keep_checkpoints: int = 2
    checkpoint_minutes: float | None = 5.0
    checkpoint_steps: int | None = None
    on_write_failure: Literal["stop", "continue"] = "stop"
    max_rollbacks: int = 3
    dev_beam_size: int = 1
    attention_samples: int = 8
    seed: int = 1
    deterministic: bool = True

    def __post_init__(self) -> None:
        _require_sane_numbers("train", self)
        _require_at_least(
            "train", self, 1, ["epochs", "patience", "perfect_epochs", "dev_beam_size", "checkpoint_steps"]
        )
        _require_at_least("train", self, 0, ["min_epoch_tokens", "warmup_steps", "weight_decay"])
        _require_at_least("train", self, 0, ["attention_samples", "seed", "checkpoint_minutes", "max_rollbacks"])
        _require_at_least("train", self, 2, ["keep_checkpoints"])
        _require(self.learning_rate > 0, "train.learning_rate", self.learning_rate, "above 0")
        _require(self.clip_norm is None or self.clip_norm > 0, "train.clip_norm", self.clip_norm, "above 0")
        _require_share("train", self, ["label_smoothing", "ema_momentum"])


@dataclasses.dataclass(frozen=True)
class SearchConfiguration:
    """How outputs are found.

    Args:
        beam_size: Hypotheses kept open per input; 1 is greedy search.
        length_penalty: Exponent a of ((5 + length) / 6) ** a, by which log p is divided when
            hypotheses are ordered (Wu et al. 2016); 0 orders by log p.
        length_ratio: Longest output is length_ratio times the source's length plus length_offset symbols; null takes
            what the lengths of the training pairs ask for. Outputs that it ends are flagged and counted.
        length_offset: See length_ratio.
        coverage_penalty: Weight b of b * sum_j log(min(attention to source position j, 1)), added when hypotheses
            are ordered (Wu et al. 2016), so that no part of a source is left out; nothing for models without attention.
        min_length: Fewest symbols of an output, end symbol not counted, whatever length_ratio says.
        max_length: Most symbols of an output, end symbol not counted, beside length_ratio; null is no such limit.
        block_ngrams: No n-gram of this many symbols twice in an output; 0 allows all.
        method: best (the most probable outputs, by greedy or beam search) or sample (beam_size outputs drawn
            independently, ordered afterwards).
        temperature: sample draws from p ** (1 / temperature): below 1 keeps to the probable, above 1 strays from it.
        seed: Seed of sample: the same source and seed give the same outputs.
        replace_unknown: Show, in the place of an unknown output symbol, the source symbol that it looked at most.
            Scores and attention stay.
        dictionary: File of SOURCE TAB TARGET symbols, UTF-8: with replace_unknown, what to show for a source symbol;
            one that it lacks is copied. An export takes it along.
    """

    beam_size: int = 5
    length_penalty: float = 0.0
    length_ratio: float | None = None
    length_offset: int | None = None
    coverage_penalty: float = 0.0
    min_length: int = 0
    max_length: int | None = None
    block_ngrams: int = 0
    method: Literal["best", "sample"] = "best"
    temperature: float = 1.0
    seed: int = 1
    replace_unknown: bool = False
    dictionary: str | None = None

    def __post_init__(self) -> None:
        _require_sane_numbers("search", self)
        _require_place("search.dictionary", self.dictionary)
        _require_at_least("search", self, 1, ["beam_size"])
        _require_at_least("search", self, 0, ["length_penalty", "length_ratio", "length_offset", "coverage_penalty"])
        _require_at_least("search", self, 0, ["min_length", "max_length", "block_ngrams", "seed"])
        _require(self.temperature > 0, "search.temperature", self.temperature, "above 0")
        if self.max_length is not None:
            wanted = f"at most search.max_length ({self.max_length})"
            _require(self.min_length <= self.max_length, "search.min_length", self.min_length, wanted)
        _require(
            self.replace_unknown or self.dictionary is None,
            "search.dictionary",
            self.dictionary,
            "null where search.replace_unknown is false",
        )


@dataclasses.dataclass(frozen=True)
class TuneConfiguration:
    """How settings are searched for; not part of a run.

    Args:
        algorithm: hyperband (many short trials, the best of which go on), bayesian (a Gaussian process proposes),
            random, or grid (every combination).
        trials: Largest number of trials, the ones that failed included.
        epochs: Epochs of a full trial; null takes train.epochs.
        space: YAML file of the settings to search with their ranges; null takes the one beside --config
            (NAME.space.yaml for NAME.yaml), else the project's own.
        factor: hyperband: of the trials of a round, one in this many goes on, with as many times the epochs.
        workers: Trials that run at the same time, in processes of their own on this machine.
        seed: Seed of the search; the trials are trained with train.seed.
    """

    algorithm: Literal["hyperband", "bayesian", "random", "grid"] = "hyperband"
    trials: int = 20
    epochs: int | None = None
    space: str | None = None
    factor: int = 3
    workers: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        _require_sane_numbers("tune", self)
        _require_place("tune.space", self.space)
        _require_at_least("tune", self, 1, ["trials", "epochs", "workers", "seed"])
        _require_at_least("tune", self, 2, ["factor"])


@dataclasses.dataclass(frozen=True)
class StudyConfiguration:
    """How attention is compared with one fixed context; not part of a run.

    Args:
        rates: Factors of train.learning_rate; each model takes the one with the best decoded dev metric, found with
            the first seed. As in 1,0.333,3.
        seeds: Seeds that both models are trained with at their rates, in the place of train.seed. As in 1,2.
        workers: Trainings that run at the same time, in processes of their own on this machine.
        samples: Bootstrap samples of the test set, from which the intervals come.
    """

    rates: str | float | list[float] = "1,0.333,3"
    seeds: str | int | list[int] = "1,2"
    workers: int = 1
    samples: int = 1000

    def __post_init__(self) -> None:
        _require_sane_numbers("study", self)
        wanted = "different numbers above 0, as in 1,0.333,3"
        _require(all(0 < factor < math.inf for factor in self.factors), "study.rates", self.rates, wanted)
        _require(len(set(self.factors)) == len(self.factors) > 0, "study.rates", self.rates, wanted)
        wanted = "different whole numbers from 0, as in 1,2"
        _require(all(seed >= 0 and seed.is_integer() for seed in self._seeds), "study.seeds", self.seeds, wanted)
        _require(len(set(self._seeds)) == len(self._seeds) > 0, "study.seeds", self.seeds, wanted)
        _require_at_least("study", self, 1, ["workers", "samples"])

    @property
    def factors(self) -> list[float]:
        """`rates` as numbers."""
        return _read_numbers("study.rates", self.rates)

    @property
    def seed_list(self) -> list[int]:
        """`seeds` as numbers.

        Example:
            >>> StudyConfiguration(seeds="3, 4").seed_list
            [3, 4]
        """
        return [int(seed) for seed in self._seeds]

    @property
    def _seeds(self) -> list[float]:
        return _read_numbers("study.seeds", self.seeds)


def _read_numbers(key: str, value: str | float | Sequence[float]) -> list[float]:
    listed = [value] if isinstance(value, int | float) else value
    parts = listed.strip("[]").split(",") if isinstance(listed, str) else listed
    try:
        return [float(part) for part in parts]
    except (ValueError, OverflowError):
        raise UsageError(f"{key}: {value!r} is impossible, it must be numbers with commas between them") from None


@dataclasses.dataclass(frozen=True)
class Configuration:
    """All settings of a run, a section each."""

    data: DataConfiguration = dataclasses.field(default_factory=DataConfiguration)
    text: TextConfiguration = dataclasses.field(default_factory=TextConfiguration)
    model: ModelConfiguration = dataclasses.field(default_factory=ModelConfiguration)
    train: TrainConfiguration = dataclasses.field(default_factory=TrainConfiguration)
    search: SearchConfiguration = dataclasses.field(default_factory=SearchConfiguration)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain dictionaries, as they stand in YAML."""
        return dataclasses.asdict(self)

    def to_yaml(self) -> str:
        """As YAML that `--config` takes."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def save(self, path: Path) -> None:
        """Write that YAML."""
        write_atomically(path, self.to_yaml())


def by_name(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Values of nested sections by `section.key`."""
    return {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()}


# What versions that did not have a setting did, where it is not its default now.
BEFORE = {"data.shares": "hashed"}


def with_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by `section.key` as an earlier version saved them, with what it did where it did not have one.

    Example:
        >>> with_defaults({"model.units": 8})["model.cell"]
        'gru'
    """
    return {**by_name(Configuration().to_dict()), **BEFORE, **settings}


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two sets of settings, for messages.

    Example:
        >>> describe_changes({"model.units": 8}, {"model.units": 9})
        ['model.units was 8, is now 9']
    """
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    return [f"{name} was {before.get(name)!r}, is now {now.get(name)!r}" for name in names]


def preset_names() -> list[str]:
    """Names of the presets that come with the project."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml") if "." not in path.stem)


def find_configuration_file(name_or_path: str) -> Path:
    """The YAML file of a preset's name or a path.

    Raises:
        UsageError: Neither a preset nor a file.
    """
    if name_or_path in preset_names():
        return PRESETS / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if not path.is_file():
        presets = ", ".join(preset_names())
        near = get_close_matches(name_or_path, preset_names(), n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"--config {name_or_path}: no such file, and no preset of that name{meant} (presets: {presets})"
        )
    return path


def read_setting(configuration: Configuration, name: str) -> Any:
    """The value of `section.key`."""
    section, key = name.split(".")
    return getattr(getattr(configuration, section), key)


def replace_settings(configuration: Configuration, values: Mapping[str, Any]) -> Configuration:
    """A copy with other values, by `section.key`.

    Raises:
        UsageError: A value is impossible.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, key = name.split(".")
        sections.setdefault(section, {})[key] = value
    changed = {name: dataclasses.replace(getattr(configuration, name), **keys) for name, keys in sections.items()}
    return dataclasses.replace(configuration, **changed)
