"""What TensorBoard shows of a run and under which names: curves of training and dev in one chart, then attention."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.evaluation.metrics import BLEU, WER, objectives
from pipeline.pictures.tensorboard import STEP, Curves, forget_later
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration

TRAIN, DEV, EXPORTED = "train", "dev", "exported"
"""TensorBoard's runs. Of the same tag in several runs it makes one chart."""

# TensorBoard sorts groups by name: what people look for first must come first in the alphabet.
FIGURES, HEAT_MAPS, MORE, RESULT = "figures/", "heat_maps/", "more/", "result/"
PREDICTIONS, SETTINGS = "predictions", "settings"
MOST_IMPORTANT = {"loss", WER.name, BLEU.name}
OF_DEV = "val_"
# More columns than these are too many to look at.
OFTEN_TUNED = {
    *("model.units", "model.embedding_units", "model.encoder_layers", "model.cell", "model.dropout"),
    *("train.learning_rate", "train.label_smoothing", "data.batch_tokens"),
}
OF_THE_MODEL = {"model", "text", "train"}


def place_of(figure: str) -> tuple[str, str]:
    """The TensorBoard run and the tag of an epoch's figure, by its name in `metrics.jsonl`.

    Example:
        >>> place_of("loss"), place_of("val_loss"), place_of("val_wer"), place_of("learning_rate")
        (('train', 'figures/loss'), ('dev', 'figures/loss'), ('dev', 'figures/wer'), ('train', 'more/learning_rate'))
    """
    name = figure.removeprefix(OF_DEV)
    group = FIGURES if name in MOST_IMPORTANT else MORE
    return DEV if figure.startswith(OF_DEV) else TRAIN, group + name


class Board:
    """The event files of a run's training, by TensorBoard's runs.

    Args:
        logs: The run's directory for TensorBoard.
    """

    def __init__(self, logs: Path) -> None:
        self.runs = {name: Curves(logs / name) for name in (TRAIN, DEV)}

    def begin(self, configuration: Configuration, name: str, there: set[str]) -> None:
        """Write the settings, as a text and for the HParams tab.

        Args:
            configuration: Every setting.
            name: What the HParams tab calls the run.
            there: Tags that are there already, see `forget_after`.
        """
        if SETTINGS not in there:
            settings = yaml.safe_dump(configuration.to_dict(), sort_keys=False, allow_unicode=True)
            self.runs[TRAIN].text(SETTINGS, f"```yaml\n{settings}```", 0)
        if not any(tag.startswith("_hparams_") for tag in there):
            # Beside the figures of dev, which it lists.
            self.runs[DEV].settings(settings_of(configuration), name)

    def step(self, figures: Mapping[str, float], step: int) -> None:
        """Figures after so many optimizer steps."""
        for name, value in figures.items():
            self.runs[TRAIN].scalar(STEP + name, value, step)

    def epoch(self, figures: Mapping[str, float], epoch: int) -> None:
        """Figures of an epoch, counted from 1, under their names in `metrics.jsonl`."""
        for figure, value in figures.items():
            run, tag = place_of(figure)
            self.runs[run].scalar(tag, value, epoch)

    def result(self, configuration: Configuration, figures: Mapping[str, Any]) -> None:
        """The figures of the best epoch, its line of `metrics.jsonl`: the HParams tab shows the last of a curve."""
        for metric in objectives(configuration):
            self.runs[DEV].scalar(RESULT + metric.name, figures[metric.log_name], int(figures["epoch"]))

    def flush(self, durably: bool = False) -> None:
        """Write what has come since.

        Args:
            durably: Wait until the disk has it.

        Raises:
            OSError: It cannot be written; it is kept, and tried again.
        """
        for curves in self.runs.values():
            curves.flush(durably)


def forget_after(logs: Path, step: int, epoch: int) -> set[str]:
    """Take out what comes again when a training goes on, see `forget_later`; gives the tags that are still there."""
    # The first place is that of runs which an earlier version began.
    places = (logs, *(logs / run for run in (TRAIN, DEV)))
    return {tag for place in places for tag in forget_later(place, step, epoch)}


def tensorboard_command(logs: Path, epochs: int) -> str:
    """What shows it all; of a tag's pictures TensorBoard keeps ten unless it is asked for more.

    Example:
        >>> tensorboard_command(Path("my runs/a/logs"), 30)
        "tensorboard --logdir 'my runs/a/logs' --samples_per_plugin images=30"
    """
    return f"tensorboard --logdir {shlex.quote(str(logs))} --samples_per_plugin images={max(epochs, 10)}"


def settings_of(configuration: Configuration) -> dict[str, Any]:
    """Settings for the HParams tab, which takes numbers, texts, booleans: what is most often tuned, and what was set.

    Example:
        >>> settings_of(Configuration())["model.units"]
        256
    """
    settings, defaults = (by_name(made.to_dict()) for made in (configuration, Configuration()))
    return {
        key: value if isinstance(value, int | float | str) else json.dumps(value)
        for key, value in settings.items()
        if key in OFTEN_TUNED or (value != defaults[key] and key.partition(".")[0] in OF_THE_MODEL)
    }
