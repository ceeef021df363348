"""Losses and gradients that say that a training is lost, by hand."""

import math

import keras
import numpy as np
import pytest

from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.training.divergence import MOST_LINES, WINDOW, Diverged, WatchDivergence, describe_pairs

SYMBOLS = 20
GUESSING = math.log(SYMBOLS)


def begin(epoch: int, first_step: int = 0) -> EpochClock:
    clock = EpochClock(1000, first_step)
    clock.on_epoch_begin(epoch)
    return clock


def step(part: WatchDivergence, loss: float, **figures: float) -> None:
    part.clock.on_train_batch_end(0)
    part.on_train_batch_end(0, {"loss": 1.0, "batch_loss": loss, **figures})


def watch(
    losses: list[float], first_step: int = 0, part: WatchDivergence | None = None, **figures: float
) -> Diverged | None:
    """What is raised over a resumed epoch with these losses."""
    part = part or WatchDivergence(SYMBOLS, begin(3, first_step))
    try:
        for loss in losses:
            step(part, loss, **figures)
    except Diverged as error:
        return error
    return None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_finite_number_is_noticed_at_the_step(value: float):
    error = watch([1.0, 1.0, value, 1.0], first_step=10)
    assert error
    assert (error.epoch, error.step, str(error)) == (3, 12, f"the loss is {value}")
    error = watch([1.0, 1.0], gradient_norm=value)
    assert error
    assert (error.step, str(error)) == (0, f"the norm of the gradient is {value}")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_the_last_step_of_an_epoch_ruined(value: float):
    """Its loss was that of the weights before; nobody decodes or saves them."""
    part = WatchDivergence(SYMBOLS, begin(3))
    part.set_model(keras.Sequential([keras.Input([2]), keras.layers.Dense(3, name="bridge")]))
    step(part, 1.0)
    part.on_epoch_end(3)
    part.model.weights[1].assign([0.0, value, 0.0])
    with pytest.raises(Diverged, match="bridge/bias holds numbers that are not finite") as caught:
        part.on_epoch_end(3)
    assert (caught.value.epoch, caught.value.step) == (3, 0)


def test_later_epochs_are_counted_from_their_beginning():
    part = WatchDivergence(SYMBOLS, begin(3, first_step=10))
    step(part, 1.0)
    part.clock.on_epoch_begin(4)
    step(part, 1.0)
    with pytest.raises(Diverged) as caught:
        step(part, math.nan)
    assert (caught.value.epoch, caught.value.step) == (4, 1)


def test_it_remembers_over_an_interruption():
    losses = [0.4 * GUESSING] * WINDOW + [1.5 * GUESSING] * 100
    whole = watch(losses)
    assert whole
    for cut in (WINDOW, WINDOW + 3, whole.step):
        before = WatchDivergence(SYMBOLS, begin(3))
        for loss in losses[:cut]:
            step(before, loss)
        resumed = WatchDivergence(SYMBOLS, begin(3, cut), tuple(before.losses), before.has_learnt)
        after = watch(losses[cut:], part=resumed)
        assert after
        assert (after.step, after.steps, str(after)) == (whole.step, WINDOW, str(whole))


def test_what_is_worse_than_guessing():
    # From the beginning: a bad start, but not twice as bad.
    assert watch([1.9 * GUESSING] * 100) is None
    error = watch([2.1 * GUESSING] * 100)
    assert error
    assert error.step == WINDOW - 1
    # After something was learnt: no longer better than nothing.
    learnt = [0.4 * GUESSING] * WINDOW
    assert watch([*learnt, *[0.9 * GUESSING] * 100]) is None
    error = watch([*learnt, *[1.1 * GUESSING] * 100])
    assert error
    assert error.step == WINDOW + 17  # 18 losses of 1.1 and 2 of 0.4 have a mean above 1
    assert f"{GUESSING:.3g} is that of pure guessing" in str(error)
    # A single odd batch is none, unless it is very odd.
    assert watch([*learnt, 3.9 * GUESSING, *learnt]) is None
    error = watch([1.0, 4.1 * GUESSING])
    assert error
    assert error.step == 1


def test_pairs_are_named():
    lines = np.arange(100, 130)
    corpora = np.array([0, 1] * 15)
    zeros = np.zeros(30, np.int32)
    corpus = TokenizedCorpus(zeros, zeros, zeros, zeros, lines, {}, {}, corpora)
    assert describe_pairs(corpus, np.array([3, 0]), "a.tsv") == "line 100, line 103"
    two = {"a.tsv": 2.0, "b.tsv": 1.0}
    assert describe_pairs(corpus, np.array([2, 1]), two) == "line 102 of a.tsv, line 101 of b.tsv"
    assert describe_pairs(corpus, np.arange(30), "a.tsv").endswith(f"and {30 - MOST_LINES} more")
