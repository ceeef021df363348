"""How a run goes: data, epochs, the best checkpoint measured and exported."""

import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import Any

from pipeline.cluster.cluster import ALONE, Cluster
from pipeline.data.odd_settings import describe_odd_settings
from pipeline.data.preparation import Splits, TrainingData, open_run
from pipeline.data.prepared.orders import make_order
from pipeline.data.run_data import MAY_CHANGE, keep_earlier_defaults, require_same_settings, require_unchanged
from pipeline.errors import UsageError
from pipeline.evaluation.evaluate import Scores, evaluate_pairs
from pipeline.evaluation.figures import Figures
from pipeline.evaluation.metrics import objectives
from pipeline.model.seeds import set_seed
from pipeline.monitoring.board import Board, tensorboard_command
from pipeline.monitoring.dev_report import report_exported
from pipeline.pairs.references import group_references
from pipeline.prediction.predictor import Predictor
from pipeline.process.memory import give_back_memory
from pipeline.remote_runs.mirror import mirror_place, mirrored
from pipeline.runs.best_epoch import read_figures
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.lock import lock_run
from pipeline.runs.named_runs import EARLIER
from pipeline.saved_models.export import export_run
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.configuration import Configuration
from pipeline.stores.addresses import address_of
from pipeline.training.ending import describe_end, why_ended
from pipeline.training.epochs import fit
from pipeline.training.teaching import teach
from pipeline.training.together.leading import follow, lead

logger = logging.getLogger(__name__)


def train(
    configuration: Configuration,
    run: Path | str,
    overwrite: bool = False,
    cluster: Cluster = ALONE,
    export: bool = True,
) -> Figures:
    """Train, or go on with an unfinished training; then measure the best checkpoint and export it.

    Args:
        configuration: Every setting.
        run: The run directory, or its address in a store. Unfinished with the same configuration: goes on. Finished:
            nothing to do.
        overwrite: Replace a run that is already there.
        cluster: Who trains with this process. All are given the same; who leads has the run, and the others none.
        export: Whether the run is exported in the end; the command `export` does that at any time.

    Returns:
        {"split", "n", "wer", "per"} of the test split, or of dev where there is no test, percent; of sentences
        {"split", "n", "bleu", "chrf", "ter", "sequence_error_rate", "signature"}. Besides "best_epoch", the one that
        was measured, its "val_wer" or "val_bleu", how many "epochs" were trained, and why it "ended": "epochs",
        "patience" or "perfect". Nothing in a process that does not lead.

    Raises:
        UsageError: The directory holds a run of another configuration, or something else, or is being trained; a run in
            a store without an export.
        DataError: The data cannot be used, or a store cannot be read.
        CircumstanceError: In the end not all of a run could be written to its store.
        LostWorkerError: Another process of the cluster is gone.
    """
    if not export and address_of(run) is not None:
        # The export of a run that was replaced would stay there.
        raise UsageError(f"{run}: a run in a store is exported there; leave --no-export out")
    with cluster.watch():
        if cluster.rank:
            follow(configuration, cluster)
            return Figures({})
        result = _train(configuration, run, overwrite, cluster, export)
    return Figures(result)


def _train(
    configuration: Configuration, run: Path | str, overwrite: bool, cluster: Cluster, export: bool
) -> dict[str, Any]:
    address = address_of(run)
    directory = RunDirectory(Path(run) if address is None else mirror_place(address))
    with contextlib.ExitStack() as held:

        def begin() -> tuple[Configuration, TrainingData] | None:
            if address is not None:
                directory.on_saved = held.enter_context(mirrored(address)).saved
            return _begin(configuration, directory, overwrite, held, cluster.size)

        begun = lead(cluster, begin, directory)
        if begun is None:
            result = directory.read_result()
            assert result is not None
            return result
        configuration, data = begun
        fit(configuration, directory, data, cluster=cluster)
        result = _finish(directory, data.splits, export)
        cluster.agree()
        return result


def _begin(
    configuration: Configuration, directory: RunDirectory, overwrite: bool, held: contextlib.ExitStack, workers: int = 1
) -> tuple[Configuration, TrainingData] | None:
    """Begin or open a run and its data; None where it is finished.

    Args:
        configuration: Every setting.
        directory: The run.
        overwrite: Whether a run that is there is replaced.
        held: Gets the run's lock.
        workers: How many train it together.
    """
    # Once before the lock, so that a finished run can be asked for anywhere, also where nothing can be written; once
    # behind it, for another process may have finished the run in between.
    if not overwrite and find_result(configuration, directory) is not None:
        return None
    held.enter_context(lock_run(directory))
    replaces = overwrite and directory.exists()
    if directory.exists() and not replaces:
        if find_result(configuration, directory) is not None:
            return None
        logger.info("%s: going on with the unfinished run", directory.path)
        configuration = keep_earlier_defaults(configuration, directory)
        directory.sweep()
        directory.adopt()
    set_seed(configuration.train.seed, configuration.train.deterministic)
    data = teach(configuration, directory, open_run(configuration, directory, replaces=replaces, workers=workers))
    train = configuration.train
    order = make_order(data.train, data.buckets, train.seed, train.min_epoch_tokens, workers)
    for sentence in describe_odd_settings(configuration, order.passes, order.steps):
        logger.info("note: %s", sentence)
    return configuration, data


def find_result(configuration: Configuration, directory: RunDirectory) -> dict[str, Any] | None:
    """The figures of a run that is finished; None of one that is not, or of none."""
    if not directory.exists():
        return None
    directory.check()
    _refuse_longer(configuration, directory)
    moved = require_same_settings(keep_earlier_defaults(configuration, directory), directory, MAY_CHANGE)
    result = directory.read_result()
    if result is not None:
        for sentence in moved:
            logger.info("%s: %s, same content", directory.path, sentence)
        logger.info("%s: finished before, nothing to do (--overwrite trains anew)", directory.path)
    return result


def _refuse_longer(configuration: Configuration, directory: RunDirectory) -> None:
    """Say it plainly where nothing but another number of epochs is wanted of a finished run.

    Raises:
        UsageError: They are.
    """
    earlier = load_configuration(directory)
    before, now = earlier.train.epochs, configuration.train.epochs
    sections = ("text", "model", "search")
    same = all(getattr(earlier, name) == getattr(configuration, name) for name in sections)
    same = same and dataclasses.replace(configuration.train, epochs=before) == earlier.train
    if same and before != now and directory.read_result() is not None:
        raise UsageError(
            f"{directory.path}: finished with train.epochs {before}, where its learning rate has reached its end; "
            f"another --run with --{EARLIER.key} {directory.path} trains on from its weights, without it {now} epochs "
            "from the beginning, and --overwrite replaces this one"
        )


@dataclasses.dataclass(frozen=True)
class _Ended:
    """A run whose epochs are over."""

    directory: RunDirectory
    configuration: Configuration
    figures: dict[str, Any]
    """Those of its best epoch."""

    @classmethod
    def read(cls, directory: RunDirectory) -> "_Ended":
        figures = read_figures(directory)
        assert figures is not None
        return cls(directory, load_configuration(directory), figures)

    def show(self, predictor: Predictor, splits: Splits) -> None:
        """The best epoch's figures, heat-maps and outputs, for TensorBoard and the run directory."""
        board = Board(self.directory.logs)
        board.result(self.configuration, self.figures)
        board.flush(durably=True)
        references = group_references(splits["dev"](), self.configuration.text)
        report_exported(self.directory, self.configuration, references, predictor, self.figures["epoch"])

    def best_and_end(self) -> tuple[dict[str, Any], str]:
        """Which epoch is the best and why there is none after the last: for the result, and in words."""
        latest = Checkpoints(self.directory.checkpoints).latest()
        assert latest is not None
        state, metric = latest[0], objectives(self.configuration)[0]
        value, train = self.figures[metric.log_name], self.configuration.train
        result = {"best_epoch": state.best_epoch, metric.log_name: round(value, 4)}
        result |= {"epochs": state.epoch, "ended": why_ended(state, train)}
        end = describe_end(state, train, metric.label)
        return result, f"best epoch {state.best_epoch} (dev {metric.describe(value)}), {end}"


def _measure(ended: _Ended, splits: Splits, split: str) -> Scores:
    """The figures of the best epoch."""
    # Like those of the epochs, the last figures are not drawn by lot.
    predictor = load_predictor(ended.directory.path, search={"method": "best"})
    scores, _ = evaluate_pairs(predictor, splits[split](), f"evaluating {split}")
    ended.show(predictor, splits)
    return scores


def _finish(directory: RunDirectory, splits: Splits, export: bool) -> dict[str, Any]:
    require_unchanged(directory)
    split, ended = "test" if "test" in splits else "dev", _Ended.read(directory)
    # The training has left much, as has the search for its figures when the export begins.
    give_back_memory()
    scores = _measure(ended, splits, split)
    if export:
        give_back_memory()
        export_run(directory.path, directory.export)
    figures, end = ended.best_and_end()
    result = {**scores.to_json(split), **figures}
    directory.end(result)
    logger.info(
        "%s\n%s (beam %d): %s\n  run       %s\n  export    %s\n  pictures  %s",
        end,
        split,
        ended.configuration.search.beam_size,
        scores,
        directory.path,
        directory.export if export else "left out (--no-export)",
        tensorboard_command(directory.logs, ended.configuration.train.epochs),
    )
    if scores.caution:
        logger.info("%s", scores.caution)
    return result
