"""What a model makes of some of the dev sources: heat-maps and a table, for TensorBoard and the run directory."""

import shutil
import time
from collections.abc import Mapping, Sequence

from pipeline.answering.predictions import Prediction
from pipeline.files.durable import write_atomically
from pipeline.monitoring.board import EXPORTED, HEAT_MAPS, PREDICTIONS
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.pictures.markdown import escape
from pipeline.pictures.tensorboard import Curves
from pipeline.plain_text.cutting import split_targets
from pipeline.prediction.predictor import Predictor
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import FEATURE_MARK

TABLE_ROWS = 20
DRAWING_SHARE = 0.03
"""Of the time so far that drawing may take: where epochs are short, some have no heat-maps."""


class DevReport:
    """Writes heat-maps and a table of predictions to TensorBoard, and the heat-maps to the run as well.

    Args:
        run: Where to.
        curves: TensorBoard's, of the run that shows the dev set.
        configuration: Says how many of the dev sources are drawn (they are the same every epoch), whether the model
            looks anywhere, and when an output equals a reference.
        failures: What happens when a picture cannot be written.
    """

    def __init__(
        self, run: RunDirectory, curves: Curves, configuration: Configuration, failures: WriteFailures
    ) -> None:
        self.run, self.curves, self.failures = run, curves, failures
        self.text = configuration.text
        draws = configuration.model.kind.looks
        self.samples = configuration.train.attention_samples if draws else 0
        self.begun, self.drawing = time.monotonic(), 0.0

    def __call__(self, epoch: int, references: Mapping[str, list[str]], predictions: Sequence[Prediction]) -> None:
        """Report on an epoch; arguments as `DecodedDevMetrics` gives them."""
        chosen = self.choose(references)
        predicted = dict(zip(references, predictions, strict=True))
        self.show(epoch, chosen, [predicted[source] for source in chosen])

    def choose(self, references: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """Sources spread evenly over the dev set, with their references."""
        sources = list(references)
        indices = choose_samples(len(sources), max(self.samples, TABLE_ROWS))
        return {sources[index]: references[sources[index]] for index in indices}

    def show(self, epoch: int, references: Mapping[str, list[str]], predictions: Sequence[Prediction]) -> None:
        """Tabulate what came of these sources; draw it too, the first time and as long as drawing takes little time."""
        now = time.monotonic()
        if self.drawing <= DRAWING_SHARE * (now - self.begun):
            for number, (source, prediction) in enumerate(zip(references, predictions, strict=True), 1):
                if number > self.samples:
                    break
                self._draw(epoch, number, source, prediction)
            self.drawing += time.monotonic() - now
        self.curves.text(PREDICTIONS, table_of(references, predictions, self.text), epoch)

    def _draw(self, epoch: int, number: int, source: str, prediction: Prediction) -> None:
        # matplotlib takes its time to import: at the first epoch's end, not before the first step.
        from pipeline.pictures.heat_map import BOARD_DPI, BOARD_WIDTH, draw_attention, png_bytes

        title = f"{source} → {first_text(prediction)}"
        drawn = prediction.attention, prediction.source_tokens, prediction.target_tokens, title
        shown = png_bytes(draw_attention(*drawn, width=BOARD_WIDTH), BOARD_DPI)
        self.curves.image(f"{HEAT_MAPS}{number:02d}", shown, epoch)
        with self.failures.watch("a picture of attention"):
            self.run.attention.mkdir(exist_ok=True)
            write_atomically(self.run.attention / f"{number:02d}.png", png_bytes(draw_attention(*drawn)))


def report_exported(
    run: RunDirectory,
    configuration: Configuration,
    references: Mapping[str, list[str]],
    predictor: Predictor,
    epoch: int,
) -> None:
    """Show what the model that is exported makes of the dev samples, in the place of what the last epoch made of them.

    Args:
        run: Where to.
        configuration: Of the run.
        references: The dev set.
        predictor: Of the best epoch, with the search that is exported.
        epoch: The best one.

    Raises:
        TrainingError: Something cannot be written.
    """
    place = run.logs / EXPORTED
    # A command that was killed here comes again.
    shutil.rmtree(place, ignore_errors=True)
    curves = Curves(place)
    failures = WriteFailures(configuration.train.on_write_failure == "continue", lambda: f"checkpoint of epoch {epoch}")
    report = DevReport(run, curves, configuration, failures)
    chosen = report.choose(references)
    report.show(epoch, chosen, predictor.predict(list(chosen)))
    with failures.watch("what TensorBoard shows"):
        curves.flush(durably=True)


def choose_samples(total: int, count: int) -> list[int]:
    """Indices of `count` of so many things, spread evenly: the same every time.

    Example:
        >>> choose_samples(10, 4), choose_samples(2, 4)
        ([0, 2, 5, 7], [0, 1])
    """
    count = min(count, total)
    return [index * total // count for index in range(count)]


def first_text(prediction: Prediction) -> str:
    """The best output, '' where there is none."""
    return prediction.texts[0] if prediction.texts else ""


def table_of(references: Mapping[str, list[str]], predictions: Sequence[Prediction], text: TextConfiguration) -> str:
    """Sources, outputs and references as a table in Markdown; right is what the error rate counts as right."""
    outputs = split_targets([first_text(prediction) for prediction in predictions], text.compared)
    rows = ["| source | prediction | references | |", "|---|---|---|---|"]
    for (source, targets), prediction, output in zip(references.items(), predictions, outputs, strict=True):
        right = "✓" if output in split_targets(targets, text.compared) else "✗"
        shown = source if text.feature_separator is None else source.replace(FEATURE_MARK, " ")
        cells = escape(shown), escape(first_text(prediction)), " / ".join(map(escape, targets))
        rows.append(f"| {' | '.join(cells)} | {right} |")
    return "\n".join(rows)
