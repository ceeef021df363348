"""A study: what attention does for long inputs, next to the same network with one fixed context.

Every training is a run of its own under the study's directory, and `train` of a finished run has nothing to do: that
is how a study goes on.
"""

import dataclasses
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.data.preparation import open_run
from pipeline.data.run_data import recorded_data
from pipeline.errors import CircumstanceError, TrainingError, UsageError
from pipeline.evaluation.metrics import objectives
from pipeline.evaluation.test_set import ReferenceSet, source_lengths, split_by_length
from pipeline.files.durable import write_atomically
from pipeline.model.own_attention import require_importable
from pipeline.pairs.data_files import read_data_files
from pipeline.pairs.locations import is_built_in
from pipeline.pairs.splits import open_splits
from pipeline.runs.best_epoch import read_figures
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.study import StudyConfiguration
from pipeline.study.directory import StudyDirectory, begin_study, require_same_data
from pipeline.study.equal_size import count_parameters, fixed_context
from pipeline.study.figures import (
    Decoded,
    decode_parts,
    make_quality,
    measure,
)
from pipeline.study.jobs import Job, run_jobs
from pipeline.study.report import LengthStudy, TrainedModel, TrainingRecord, write_report
from pipeline.text.vocabulary import load_vocabularies

logger = logging.getLogger(__name__)

FIXED, ATTENTION = "fixed", "attention"


@dataclasses.dataclass(frozen=True)
class _Order:
    """A training of the study."""

    kind: str
    seed: int
    configuration: Configuration

    @property
    def name(self) -> str:
        """Of its run."""
        return f"{self.kind}-rate-{self.configuration.train.learning_rate:g}-seed-{self.seed}"


def study_length(
    configuration: Configuration, study: StudyConfiguration, run: Path, overwrite: bool = False
) -> LengthStudy:
    """Train both models, or go on with it; then decode the test split by source length and report.

    Args:
        configuration: The model with attention, and everything else that both share.
        study: Learning rates, seeds, processes, bootstrap samples.
        run: Directory of the study. A finished training in it is never run again.
        overwrite: Replace a study that is already there.

    Returns:
        Every figure; the report is in the directory.

    Raises:
        UsageError: The directory holds another study or something else, the model has no attention, there is no test.
        DataError: The data cannot be used.
        TrainingError: A training failed that the study cannot do without.
    """
    directory = StudyDirectory(Path(run))
    _require_usable(configuration)
    with lock_run(directory, "study"):
        return _study_length(configuration, study, directory, overwrite)


def _study_length(
    configuration: Configuration, study: StudyConfiguration, directory: StudyDirectory, overwrite: bool
) -> LengthStudy:
    require_importable(configuration.model.attention)
    begin_study(directory, configuration, overwrite)
    factors, seeds = study.factors, study.seed_list
    sizes = _prepare(directory, _order(ATTENTION, configuration, factors[0], seeds[0]))
    bases = {FIXED: fixed_context(configuration, sizes), ATTENTION: configuration}
    parameters = {kind: count_parameters(base.model, *sizes) for kind, base in bases.items()}
    for kind, base in bases.items():
        logger.info("%s: %s parameters, model.units %d", kind, f"{parameters[kind]:,}", base.model.units)
    tried = [_order(kind, base, factor, seeds[0]) for kind, base in bases.items() for factor in factors]
    _require_different(tried)
    _train(directory, tried, study.workers)
    best = {kind: _choose(directory, [order for order in tried if order.kind == kind]) for kind in bases}
    final = [_reseeded(order, seed) for order in best.values() for seed in seeds]
    failures = _train(directory, final, study.workers)
    if failures:
        said = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise TrainingError(
            f"{said}; its settings are at fault, so leave this seed out of study.seeds or this rate out of study.rates "
            f"(deleting {directory.logs}/*.failure.txt has it tried again)"
        )
    return _report(directory, study, bases, parameters, tried, final)


def _require_usable(configuration: Configuration) -> None:
    if not configuration.model.kind.looks:
        raise UsageError("model.attention: 'none' is impossible, a study compares an attention with it")
    if configuration.data.dev is None and not is_built_in(configuration.data.train):
        raise UsageError(
            "data.dev: null is impossible, what is held out of data.train depends on the seed; give a file of dev pairs"
        )
    splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
    if "test" not in splits:
        raise UsageError("data.test: null is impossible, a study chooses learning rates on dev and measures on test")
    if configuration.train.patience is None:
        logger.warning("train.patience is null: no training stops early, the best epoch is measured all the same")


def _require_different(orders: Sequence[_Order]) -> None:
    names = [order.name for order in orders]
    for order in orders:
        if names.count(order.name) > 1:
            rate = order.configuration.train.learning_rate
            raise UsageError(f"study.rates: several of them are the learning rate {rate:g}; leave all but one out")


def _order(kind: str, base: Configuration, factor: float, seed: int) -> _Order:
    # Two digits, so that names stay readable.
    own = base.train.learning_rate
    rate = own if factor == 1 else float(f"{own * factor:.2g}")
    return _Order(kind, seed, replace_settings(base, {"train.learning_rate": rate, "train.seed": seed}))


def _reseeded(order: _Order, seed: int) -> _Order:
    return _Order(order.kind, seed, replace_settings(order.configuration, {"train.seed": seed}))


def _prepare(directory: StudyDirectory, order: _Order) -> tuple[int, int, int]:
    """Sizes of the vocabularies: those of the first run, which goes on with the data that are prepared here."""
    run = RunDirectory(directory.runs / order.name)
    if run.exists():
        run.sweep()
        run.adopt()
    if not (run.exists() and run.has_vocabulary()):
        open_run(order.configuration, run, looks=False)
    source, target = load_vocabularies(run.vocabulary)
    return len(source), len(target), source.features


def _train(directory: StudyDirectory, orders: Sequence[_Order], workers: int) -> dict[str, str]:
    """Train what is not trained yet.

    Returns:
        Why those failed whose settings are at fault, by name.

    Raises:
        CircumstanceError: One failed for want of room or memory: without it the others say nothing.
    """
    failures, jobs, again = {}, [], []
    for order in orders:
        place, failure = directory.runs / order.name, directory.failure(order.name)
        if failure.is_file():
            failures[order.name] = failure.read_text(encoding="utf-8").strip()
            message = "%s failed before by its settings (%s) and is left out; delete %s to try again"
            logger.warning(message, order.name, failures[order.name], failure)
        elif RunDirectory(place).read_result() is None:
            settings = directory.settings / f"{order.name}.yaml"
            # One that diverges is out: half of its learning rate is another's.
            replace_settings(order.configuration, {"train.max_rollbacks": 0}).save(settings)
            # They are compared, not given to anyone; `export` makes one of any of them.
            arguments = ["train", f"--config={settings}", f"--run={place}", "--no-export"]
            jobs.append(Job(order.name, arguments, directory.logs / f"{order.name}.log"))
    for name, found in run_jobs(jobs, workers).items():
        if found.try_again:
            again.append(f"{name}: {found.reason}")
        else:
            failures[name] = found.reason
            write_atomically(directory.failure(name), found.reason + "\n")
    for order in orders:
        run = RunDirectory(directory.runs / order.name)
        if run.exists() and run.read_result() is not None:
            run.check()
            require_same_data(directory, recorded_data(run), order.name)
    if again:
        raise CircumstanceError(f"{'; '.join(again)}; then the same study goes on, with these as well")
    return failures


def _choose(directory: StudyDirectory, orders: Sequence[_Order]) -> _Order:
    """The training with the best decoded dev metric; failed ones, as with too high a learning rate, are out."""
    done = [order for order in orders if RunDirectory(directory.runs / order.name).read_result() is not None]
    if not done:
        raise TrainingError(
            f"{orders[0].kind}: no training succeeded; see {directory.logs}, and try other study.rates (deleting "
            "*.failure.txt there has the same tried again)"
        )
    metrics = objectives(orders[0].configuration)

    def rank(order: _Order) -> list[float]:
        figures = _figures(directory, order)
        return [metric.to_minimize(figures[metric.log_name]) for metric in metrics]

    best = min(done, key=rank)
    logger.info("%s: learning rate %g is the best on dev", best.kind, best.configuration.train.learning_rate)
    return best


def _figures(directory: StudyDirectory, order: _Order) -> dict[str, Any]:
    figures = read_figures(RunDirectory(directory.runs / order.name))
    assert figures is not None
    return figures


def _report(
    directory: StudyDirectory,
    study: StudyConfiguration,
    bases: dict[str, Configuration],
    parameters: dict[str, int],
    tried: Sequence[_Order],
    final: Sequence[_Order],
) -> LengthStudy:
    base = bases[ATTENTION]
    require_same_data(directory, read_data_files(base), "what is measured on")
    pairs = list(open_splits(base.data, base.train.seed, base.text, looks=False)["test"]())
    test, quality = ReferenceSet.from_pairs(pairs, base.text), make_quality(base.text)
    unit, lengths = source_lengths(test.sources, base.text)
    parts = split_by_length(lengths)
    decoded: dict[str, list[list[Decoded]]] = {kind: [] for kind in bases}
    for order in final:
        logger.info("%s: decoding %s test inputs", order.name, f"{len(test.sources):,}")
        # Figures must not be drawn by lot.
        predictor = load_predictor(directory.runs / order.name, search={"method": "best"})
        decoded[order.kind].append(decode_parts(predictor, test, parts, quality, order.kind == ATTENTION))
    by_part = [{kind: [run[place] for run in runs] for kind, runs in decoded.items()} for place in range(len(parts))]
    measured = [measure(by_part[place], lengths[part], quality, study.samples) for place, part in enumerate(parts)]
    joined = {kind: [Decoded.join(run) for run in runs] for kind, runs in decoded.items()}
    ordered = lengths[[position for part in parts for position in part]]
    orders = {order.name: order for order in (*tried, *final)}.values()
    result = LengthStudy(
        path=directory.path,
        unit=unit,
        quality=quality.name,
        parts=measured,
        whole=measure(joined, ordered, quality, study.samples),
        models={
            kind: TrainedModel(
                attention=bases[kind].model.attention,
                units=bases[kind].model.units,
                parameters=parameters[kind],
                learning_rate=next(o for o in final if o.kind == kind).configuration.train.learning_rate,
            )
            for kind in bases
        },
        trainings=[_training(directory, order) for order in orders],
        seeds=study.seed_list,
        beam=base.search.beam_size,
        samples=study.samples,
    )
    write_report(result)
    return result


def _training(directory: StudyDirectory, order: _Order) -> TrainingRecord:
    failure = directory.failure(order.name)
    figures = {} if failure.is_file() else _figures(directory, order)
    metric = objectives(order.configuration)[0]
    return TrainingRecord(
        name=order.name,
        kind=order.kind,
        learning_rate=order.configuration.train.learning_rate,
        seed=order.seed,
        dev=float(figures.get(metric.log_name, math.nan)),
        epochs=int(figures.get("epochs", 0)),
        best_epoch=int(figures.get("epoch", 0)),
        seconds=float(figures.get("seconds", 0)),
    )
