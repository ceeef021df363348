"""From a path to something that predicts: a run directory, an ensemble of them, or an exported SavedModel."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.data.length_limits import LengthLimits, read_limits
from pipeline.errors import DataError, UsageError
from pipeline.model.ensemble import Ensemble
from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model
from pipeline.model.weights import load_mean_weights, load_weights
from pipeline.prediction.building import make_string_model
from pipeline.prediction.predictor import Predictor
from pipeline.prediction.string_model import StringModel
from pipeline.process.quiet_tensorflow import silent_stderr
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runtime.fixed_settings import require_fixed
from pipeline.runtime.folder import is_folder
from pipeline.runtime.opening import changes_of_search
from pipeline.saved_models.ensemble_runs import Member, find_runs, read_members
from pipeline.saved_models.export_info import EXPORT_INFO, GRAPH, how_to_export, read_export_info, require_whole
from pipeline.saved_models.saved_graph import require_harmless
from pipeline.settings.model import Precision
from pipeline.text.vocabulary import copied_ids

GRAPH_VARIABLES = "variables/variables"
# What is called of an export.
FUNCTIONS = ("decode", "explain", "complete", "score", "score_tokens")


def load_string_model(
    runs: RunDirectory | Sequence[RunDirectory],
    beam_size: int | None = None,
    n_best: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    precision: Precision | None = None,
) -> StringModel:
    """Trained runs as a function from strings to strings.

    Args:
        runs: A run, or several that vote: an `Ensemble`, with the search settings of the first, and of limits that
            come from the data the largest.
        beam_size: Hypotheses kept per input; None takes the run's `search.beam_size`.
        n_best: Outputs per input; None takes the beam size.
        search: Other settings of `SearchConfiguration` in the place of the run's, by key.
        average: Take the mean of the weights of each run's last epochs' checkpoints, as many as this; None takes the
            best checkpoint.
        precision: In which it computes; None takes that of each run, `model.precision`.

    Raises:
        UsageError: `n_best` above `beam_size`, no usable run, runs that cannot vote together, settings that are
            impossible, or fewer checkpoints than `average`.
        DataError: A run has no checkpoint yet, or a file is damaged.
    """
    members = read_members([runs] if isinstance(runs, RunDirectory) else runs)
    first = members[0]
    limits = [read_limits(member.run.limits) for member in members]
    widest = LengthLimits(*(max(getattr(of, name) for of in limits) for name in ("length_ratio", "length_offset")))
    settings = widest.complete(dataclasses.replace(first.configuration.search, **changes_of_search(search, beam_size)))
    n_best = n_best or settings.beam_size
    if n_best > settings.beam_size:
        raise UsageError(f"--n-best {n_best}: more than the beam keeps; give --beam {n_best} or larger")
    if len(members) > 1 and settings.vote == "majority":
        raise UsageError(
            "search.vote majority: such an ensemble decides by outputs, which is no single network; leave the setting "
            "out, or make one model of the ensemble with `distill`"
        )
    network = load_network(members, average, precision)
    longest = min(member.configuration.data.max_length for member in members)
    configuration = dataclasses.replace(
        first.configuration,
        search=settings,
        data=dataclasses.replace(first.configuration.data, max_length=longest),
    )
    vocabularies = first.source_vocabulary, first.target_vocabulary
    return make_string_model(network, configuration, vocabularies, n_best)


def load_network(
    members: Sequence[Member], average: int | None = None, precision: Precision | None = None
) -> SingleNetwork | Ensemble:
    """The weights of runs as one network; arguments and errors as of `load_string_model`.

    Args:
        members: At least one, with the same vocabularies.
        average: See there.
        precision: See there.
    """
    networks = [SingleNetwork(_load_model(member, average, precision), frozen=True) for member in members]
    return networks[0] if len(networks) == 1 else Ensemble(networks)


def _load_model(member: Member, average: int | None, precision: Precision | None) -> SequenceToSequence:
    last = None if average is None else Checkpoints(member.run.checkpoints).last_epochs(average)
    sizes = len(member.source_vocabulary), len(member.target_vocabulary)
    settings, copied = member.configuration.model, copied_ids(member.source_vocabulary, member.target_vocabulary)
    settings = dataclasses.replace(settings, precision=precision or settings.precision)
    backward = member.configuration.text.right_to_left
    features = member.source_vocabulary.features
    model = build_model(settings, *sizes, copied=copied, right_to_left=backward, features=features)
    if last is None:
        load_weights(model, member.best)
    else:
        load_mean_weights(model, last)
    return model


def load_predictor(
    path: Path | str,
    beam_size: int | None = None,
    n_best: int | None = 1,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
) -> Predictor:
    """See `pipeline.saved_models.opening.load`; not of a folder that needs no TensorFlow."""
    path = Path(path)
    runs = find_runs(path)
    if runs is not None:
        model = load_string_model(runs, beam_size, n_best, search, average)
        return Predictor(model, load_configuration(runs[0]).text, model.n_best, model.replacement is not None)
    if (path / GRAPH).is_file() and (path / EXPORT_INFO).is_file():
        return _load_export(path, changes_of_search(search, beam_size), n_best, average)
    if is_folder(path):
        raise UsageError(f"{path}: a folder that answers without TensorFlow, which cannot be had here; give its run")
    wrong = "is neither a run directory nor an exported model" if path.exists() else "no such run or exported model"
    raise UsageError(f"{path}: {wrong}; give what `train --run` or `export` wrote")


def _load_export(path: Path, search: Mapping[str, Any], n_best: int | None, average: int | None) -> Predictor:
    info = read_export_info(path)
    n_best = require_fixed(path, info.search, search, info.n_best, n_best, average)
    require_whole(path, info.files)
    require_harmless(path / GRAPH)
    with _nothing_but(info.files, path) as folder:
        try:
            _require_finite(folder, path)
            with silent_stderr():  # see `SentencePieces`
                loaded = tf.saved_model.load(folder)
        except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
            reason = " ".join(str(error).replace(folder, str(path)).split())
            raise DataError(f"{path}: the exported model is damaged ({reason}); {how_to_export(path)}") from error
    functions = [name for name in FUNCTIONS if name != "complete" or not info.text.right_to_left]
    missing = [name for name in functions if not hasattr(loaded, name)]
    if missing:
        raise DataError(f"{path}: the exported model is damaged (it lacks {missing[0]}); {how_to_export(path)}")
    return Predictor(loaded, info.text, n_best, info.copies_unknown)


@contextlib.contextmanager
def _nothing_but(files: Iterable[str], path: Path) -> Iterator[str]:
    """A directory of links to an export's files, so that TensorFlow reads those that were looked at, and no others.

    Its own name may be one that TensorFlow cannot read.
    """
    with tempfile.TemporaryDirectory(prefix="attentif-") as folder:
        for name in files:
            link = Path(folder, name)
            link.parent.mkdir(exist_ok=True)
            link.symlink_to((path / name).absolute())
        yield folder


def _require_finite(folder: str, path: Path) -> None:
    """Look at the weights of an export, as `read_variables` does at those of a run."""
    weights = tf.train.load_checkpoint(str(Path(folder, GRAPH_VARIABLES)))
    for name, kind in weights.get_variable_to_dtype_map().items():
        if kind.is_floating and not np.isfinite(weights.get_tensor(name)).all():
            raise DataError(
                f"{path / GRAPH_VARIABLES}: {name} holds numbers that are not finite, as of a training that diverged; "
                "look at the run, and export one that has learnt"
            )
