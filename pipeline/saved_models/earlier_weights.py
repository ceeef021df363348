"""The weights of an earlier run in the network of a training that begins with them."""

import json
import logging
from collections.abc import Sequence

from pipeline.data.earlier_run import earlier_vocabularies
from pipeline.data.preparation import TrainingData
from pipeline.errors import DataError
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.model.taking_over import Sides, TakenOver, earlier_ids, take_over
from pipeline.model.weights import read_named_weights
from pipeline.runs.best_epoch import best_weights
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import EARLIER
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)


def begin_with_earlier(
    model: SequenceToSequence, configuration: Configuration, directory: RunDirectory, data: TrainingData
) -> None:
    """Give a network the weights of the best epoch of the run of `train.init_from`; say what was taken over.

    Args:
        model: Built, its weights as they begin; changed.
        configuration: Every setting.
        directory: The run; keeps what was taken over in `init_from.json`.
        data: Its vocabularies.

    Raises:
        UsageError: The earlier run is not there, or has other weights than when this one was begun.
        DataError: Its weights are damaged, or nothing of it fits.
    """
    earlier, [run] = earlier_vocabularies(configuration), EARLIER.find(EARLIER.of(configuration))
    EARLIER.compare(configuration, directory)
    weights = best_weights(run)
    source = earlier_ids(earlier["source"], data.source_vocabulary)
    target = earlier_ids(earlier["target"], data.target_vocabulary)
    sides = Sides(source, target, earlier_targets=len(earlier["target"]))
    taken = take_over(model, read_named_weights(weights), sides)
    if not any(of.weights for of in taken):
        raise DataError(f"{EARLIER.key}: {run.path}: nothing of it has the shape of this network; leave model.… out")
    content = json.loads(directory.init_from.read_text(encoding="utf-8"))
    content |= {"checkpoint": weights.parent.name, "layers": [of._asdict() for of in taken]}
    directory.recorded.write({directory.init_from: json.dumps(content, indent=1) + "\n"})
    logger.info("%s", describe_taken(f"begins with the weights of {run.path}, {weights.parent.name}", taken))


def describe_taken(begin: str, taken: Sequence[TakenOver]) -> str:
    """What was taken over as a table, a line for each layer.

    Example:
        >>> print(describe_taken("taken over", [TakenOver("encoder", 6, 6), TakenOver("decoder", 13, 15, 0, 9)]))
        taken over
          encoder  6 of 6 weights
          decoder  13 of 15 weights, 0 of 9 symbols; the rest begins at random
    """
    width = max(len(of.layer) for of in taken)
    lines = [begin]
    for of in taken:
        symbols = "" if of.symbols is None else f", {of.symbols:,} of {of.of_symbols:,} symbols"
        whole = of.weights == of.of and of.symbols == of.of_symbols
        rest = "" if whole else "; the rest begins at random" if of.weights else "; begins at random"
        lines.append(f"  {of.layer:<{width}}  {of.weights} of {of.of} weights{symbols}{rest}")
    return "\n".join(lines)
