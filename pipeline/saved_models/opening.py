"""From a path to what answers strings, with TensorFlow only where that is needed."""

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.answering.predictions import AnswersStrings, Predictions
from pipeline.errors import UsageError
from pipeline.process.installation import find_problem
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.remote_runs.reading import local_model
from pipeline.runtime.folder import is_folder


def load(
    path: Path | str | os.PathLike[str],
    beam_size: int | None = None,
    n_best: int | None = 1,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    lexicon: str | os.PathLike[str] | None = None,
) -> AnswersStrings:
    """Open a run, several of them as an ensemble, an export, or a folder that needs no TensorFlow, nor imports it.

    Args:
        path: The directory or its address in a store, or those of an ensemble's members with commas between them.
        beam_size: None takes what the run or the export was made with, in which it is fixed.
        n_best: Outputs per input; None takes all that the beam or the export keeps.
        search: Other settings of `SearchConfiguration` in the place of the run's, by key; in exports they are fixed.
        average: Take the mean of the weights of each run's last epochs' checkpoints, as many as this; None takes the
            best checkpoint. Exports have their weights.
        lexicon: A file of exceptions, source TAB target on every line, which answers before the model; predictions then
            have `answered_by`.

    Returns:
        What has `predict`: a `pipeline.prediction.predictor.Predictor`; of a folder a `pipeline.runtime.model.Model`.

    Raises:
        UsageError: Neither run nor export; members that cannot vote together; settings other than the export's; more
            outputs than it keeps; fewer checkpoints than `average`; something is not installed that it needs.
        DataError: A run without a checkpoint, a damaged file, or an export with more in it than an export has.

    Example:
        predictor = load("runs/mine", n_best=3)
        [prediction] = predictor.predict("attention")
        prediction.texts, prediction.scores
    """
    options = {"beam_size": beam_size, "n_best": n_best, "search": search, "average": average}
    model = open_model(Path(path), alone=False, **options)
    if lexicon is None:
        return model
    from pipeline.answering.lexicon import LexiconPredictor, read_lexicon

    return LexiconPredictor(model, read_lexicon(lexicon, model.text))


def predict(
    model: AnswersStrings | str | os.PathLike[str], sources: str | bytes | Iterable[str | bytes], n_best: int = 1
) -> Predictions:
    """What a model makes of strings, in one call; for more than one call, `load` it once.

    Args:
        model: A run, an ensemble, an export or a folder; or what `load` made of one.
        sources: One string, or any number of them.
        n_best: Outputs per input, of a path.

    Raises:
        UsageError: No such model, or it keeps fewer outputs.
        DataError: A file is damaged.
    """
    predictor = load(model, n_best=n_best) if isinstance(model, str | os.PathLike) else model
    return predictor.predict(sources)


def open_model(path: Path, alone: bool = True, **options: Any) -> AnswersStrings:
    """See `load`.

    Args:
        path: See there.
        alone: See `import_tensorflow`.
        options: Of `load`.
    """
    path = local_model(path)
    if is_folder(path):
        from pipeline.runtime.opening import open_folder

        return open_folder(path, **options)
    if find_spec("tensorflow") is None:
        raise UsageError(f"{path}: no folder that answers without TensorFlow, and {find_problem()}")
    import_tensorflow(alone)
    from pipeline.saved_models.ensemble_runs import find_runs, tell_of_unfinished

    runs = find_runs(path) or []
    tell_of_unfinished(runs)
    if len(runs) > 1:
        from pipeline.saved_models.voting import load_ensemble

        return load_ensemble(path, runs, **options)
    from pipeline.saved_models.loading import load_predictor

    return load_predictor(path, **options)


def open_scorer(path: Path, average: int | None = None) -> AnswersStrings:
    """The same for scoring given targets alone: what only shapes the outputs of a search is not needed.

    Args:
        path: See `load`.
        average: See there.
    """
    from pipeline.saved_models.ensemble_runs import find_runs

    search = {"replace_unknown": False, "dictionary": None} if find_runs(path) is not None else None
    return open_model(path, search=search, average=average)
