"""A model before its training, with its data: to look at shapes, batches and equations in a notebook."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from pipeline.data.preparation import TrainingData, first_batches, open_run
from pipeline.model.seeds import set_seed
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.prediction.building import live_string_model
from pipeline.prediction.predictor import Predictor
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.training.optimization import compile_model
from pipeline.training.teaching import teach


@dataclasses.dataclass(frozen=True)
class Workbench:
    """What `prepare` has made of a configuration."""

    configuration: Configuration
    model: SequenceToSequence
    """As `train` begins with it, compiled."""
    data: TrainingData
    """Vocabularies, splits, ids and batch shapes."""

    def batches(self, count: int = 1) -> list[Any]:
        """The first batches that a training would see: `((source, target_inputs), target)` each.

        Args:
            count: How many.

        Returns:
            int32 ids, 0 on padding: source `[batch, S]`, target inputs and target `[batch, T]`. With `train.teacher`
            the target stands in a tuple with what `fill_batch` adds.
        """
        return first_batches(self.data, self.configuration.train.seed, count)

    def predictor(self, beam_size: int = 1) -> Predictor:
        """The model as it is now, from strings to strings.

        Args:
            beam_size: Hypotheses kept per input; 1 is greedy search. The best output is kept.
        """
        vocabularies = self.data.source_vocabulary, self.data.target_vocabulary
        strings = live_string_model(self.model, self.configuration, *vocabularies, beam_size, n_best=1)
        return Predictor(strings, self.configuration.text)


def prepare(configuration: Configuration, folder: Path | None = None) -> Workbench:
    """Data and untrained model of a configuration, as `train` begins with them.

    Args:
        configuration: Every setting.
        folder: Where vocabularies and ids are kept, a run directory that is new or was made by the same settings;
            None takes a temporary one.

    Raises:
        UsageError: The folder holds something else.
        DataError: The data cannot be used.

    Example:
        >>> from pipeline import configure
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "pairs.tsv").write_text("ab\\tA B\\nba\\tB A\\nbb\\tB B\\nabab\\tA B A B\\n")
        ...     changes = {"data.train": f"{folder}/pairs.tsv", "model.units": 8, "text.target_tokenizer": "space"}
        ...     bench = prepare(configure(changes=changes))
        >>> [((source, target_inputs), target)] = bench.batches()
        >>> source.ndim, target.shape == target_inputs.shape, len(bench.predictor().predict(["ab"]))
        (2, True, 1)
    """
    set_seed(configuration.train.seed, configuration.train.deterministic)
    if folder is None:
        # The ids are read from memory maps, which outlive the names of their files.
        with tempfile.TemporaryDirectory() as temporary:
            data = _open(configuration, RunDirectory(Path(temporary) / "run"))
    else:
        data = _open(configuration, RunDirectory(Path(folder)))
    model = compile_model(
        configuration, data.vocabulary_sizes, steps_per_epoch=1, copied=data.copied, features=data.features
    )
    return Workbench(configuration, model, data)


def _open(configuration: Configuration, directory: RunDirectory) -> TrainingData:
    return teach(configuration, directory, open_run(configuration, directory))
