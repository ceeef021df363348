"""Settings that have no effect beside the others, or another one than they seem to have: said before training."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.pairs.locations import is_built_in
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.settings.train import TrainConfiguration

MANY_PASSES = 20


class _Idle(NamedTuple):
    """Settings that do nothing where something holds."""

    keys: tuple[str, ...]
    holds: Callable[[Configuration], bool]
    reason: str


def _learns_subwords(text: TextConfiguration) -> bool:
    return text.source.subwords or text.target.subwords


_IDLE = (
    _Idle(
        ("search.temperature", "search.seed"),
        lambda of: of.search.method != "sample",
        "search.method is best, nothing is drawn",
    ),
    _Idle(
        ("search.length_penalty", "search.coverage_penalty"),
        lambda of: of.search.beam_size == 1,
        "search.beam_size is 1: there is nothing to order",
    ),
    _Idle(("search.coverage_penalty",), lambda of: not of.model.kind.looks, "model.attention is none"),
    _Idle(
        ("train.risk_weight", "train.risk_samples", "train.risk_sharpness"),
        lambda of: not of.train.risk_epochs,
        "train.risk_epochs is 0",
    ),
    _Idle(("train.teacher_weight", "train.teacher_symbols"), lambda of: not of.train.teacher, "train.teacher is null"),
    _Idle(("train.attention_samples",), lambda of: not of.model.kind.looks, "model.attention is none"),
    _Idle(
        ("train.r_drop",),
        lambda of: not of.model.dropout and not of.model.symbol_dropout,
        "nothing is dropped, so that both passes of a step are the same",
    ),
    _Idle(
        ("model.attention_heads",),
        lambda of: not of.model.kind.has_heads,
        "model.attention is not multi_head_bahdanau",
    ),
    _Idle(
        ("model.attention_units",),
        lambda of: not (of.model.kind.takes_coverage or of.model.kind.is_hard),
        "model.attention is not additive",
    ),
    _Idle(
        ("text.vocabulary_size", "text.learn_size"),
        lambda of: not _learns_subwords(of.text),
        "no tokenizer learns subwords; text.max_vocabulary limits symbols",
    ),
    _Idle(
        ("text.min_count", "text.max_vocabulary"),
        lambda of: of.text.source.subwords and of.text.target.subwords,
        "subwords are learned; text.vocabulary_size limits them",
    ),
    _Idle(
        ("data.dev_size",),
        lambda of: of.data.dev is not None or is_built_in(of.data.train),
        "there is a dev set, nothing is held out",
    ),
)


def describe_odd_settings(configuration: Configuration, passes: int, steps_per_epoch: int) -> list[str]:
    """A sentence about each.

    Args:
        configuration: Every setting.
        passes: Over the data in an epoch.
        steps_per_epoch: Batches of an epoch.
    """
    return [*_odd_lengths(configuration.train, passes, steps_per_epoch), *_idle(configuration)]


def _odd_lengths(train: TrainConfiguration, passes: int, steps_per_epoch: int) -> Iterator[str]:
    """Numbers of passes, steps and epochs that do not go together."""
    steps = steps_per_epoch * train.epochs
    if passes > MANY_PASSES:
        yield (
            f"an epoch is {passes:,} passes over the data, so that it has train.min_epoch_tokens "
            f"({train.min_epoch_tokens:,}) target symbols: dev is decoded after so many only; a smaller number makes "
            "epochs shorter"
        )
    if train.warmup_steps > steps // 2:
        yield (
            f"train.warmup_steps {train.warmup_steps:,} is more than half of the {steps:,} steps of the training: the "
            f"learning rate rises over {steps // 2:,}"
        )
    if train.patience is not None and train.patience >= train.epochs - 1 > 0:
        yield f"train.patience {train.patience} can never end a training of {train.epochs} epochs early"
    if train.smoothing >= train.epochs > 1:
        yield f"train.smoothing {train.smoothing} averages over the whole training of {train.epochs} epochs"
    if train.keep_checkpoints > train.epochs > 1:
        yield f"train.keep_checkpoints {train.keep_checkpoints} is more than the {train.epochs} epochs there will be"


def _idle(configuration: Configuration) -> Iterator[str]:
    """Settings other than the default that do nothing."""
    settings, defaults = by_name(configuration.to_dict()), by_name(Configuration().to_dict())
    for row in _IDLE:
        keys = [key for key in row.keys if settings[key] != defaults[key]]
        if keys and row.holds(configuration):
            yield f"{' and '.join(keys)} {'has' if len(keys) == 1 else 'have'} no effect: {row.reason}"
