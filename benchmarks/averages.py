"""What averaging weights gains: `python -m benchmarks.averages RUN TEST [--last 6] [--beam 5] [--bleu-tokens given]`.

Decodes a test set with weights of one and the same training (of sentences, with `train.ema_momentum`): those of the
last epoch as they were trained, their moving average, and the means of either over the last epochs that the run has
kept (`train.keep_checkpoints`). A JSON object with their BLEU is the last line of standard output.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from pipeline.errors import AttentifError, UsageError
from pipeline.evaluation.evaluate import evaluate_pairs
from pipeline.evaluation.scores import SentenceScores
from pipeline.options.model_options import BLEU_TOKENS
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.prediction.building import live_string_model
from pipeline.prediction.predictor import Predictor
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.configuration import Configuration
from pipeline.text.vocabulary import load_vocabularies
from pipeline.training.averaging import swap_averages
from pipeline.training.optimization import compile_model, restore

Weights = list[np.ndarray]


def read_epochs(model: keras.Model, checkpoints: Checkpoints, last: int) -> tuple[list[Weights], list[Weights]]:
    """The weights as they were trained and their moving averages, of the last epochs, the newest first."""
    trained: list[Weights] = []
    averages: list[Weights] = []
    found = checkpoints.latest_epoch()
    while found and len(trained) < last:
        restore(model, *found)
        trained.append(model.get_weights())
        swap_averages(model)
        averages.append(model.get_weights())
        found = checkpoints.latest_epoch(before=found[0])
    return trained, averages


def mean(epochs: Sequence[Weights]) -> Weights:
    """Variable by variable."""
    return [np.asarray(np.mean(values, axis=0, dtype=np.float64)) for values in zip(*epochs, strict=True)]


def bleu(
    model: keras.Model, configuration: Configuration, run: RunDirectory, pairs: list[Pair], beam_size: int, tokens: str
) -> float:
    """Of the outputs, with the run's own search but for its beam."""
    strings = live_string_model(model, configuration, *load_vocabularies(run.vocabulary), beam_size, n_best=1)
    scores, _ = evaluate_pairs(Predictor(strings, configuration.text), pairs, "decoding", tokens)
    assert isinstance(scores, SentenceScores)
    return scores.figures["bleu"]


def main() -> None:
    """Decode with each, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("test")
    parser.add_argument("--last", type=int, default=6)
    parser.add_argument("--beam", type=int, help="left out: the run's own")
    parser.add_argument("--bleu-tokens", choices=BLEU_TOKENS, default="13a")
    arguments = parser.parse_args()
    run = RunDirectory(arguments.run)
    try:
        configuration, sizes = load_configuration(run), tuple(map(len, load_vocabularies(run.vocabulary)))
        if not configuration.train.ema_momentum:
            raise UsageError(f"{run.path}: trained without train.ema_momentum")
        model = compile_model(configuration, (sizes[0], sizes[1]), steps_per_epoch=1)
        trained, averages = read_epochs(model, Checkpoints(run.checkpoints), arguments.last)
        if not trained:
            raise UsageError(f"{run.path}: no epoch has ended yet, or --last {arguments.last} is below 1")
        pairs = list(read_pairs(arguments.test, "test"))
    except AttentifError as error:
        parser.error(str(error))
    kinds = {
        "as trained": trained[0],
        "moving average": averages[0],
        f"mean of {len(trained)} epochs as trained": mean(trained),
        f"mean of {len(trained)} moving averages": mean(averages),
    }
    beam_size, figures = arguments.beam or configuration.search.beam_size, {}
    for name, weights in kinds.items():
        model.set_weights(weights)
        figures[name] = round(bleu(model, configuration, run, pairs, beam_size, arguments.bleu_tokens), 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
