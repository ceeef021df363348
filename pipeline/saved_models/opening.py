"""From a path to what answers strings, with TensorFlow only where that is needed."""

from pathlib import Path
from typing import Any

from pipeline.answering.predictions import AnswersStrings
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.runtime.folder import is_folder


def open_model(path: Path, **options: Any) -> AnswersStrings:
    """Open a run, an ensemble, a SavedModel or a folder that needs no TensorFlow.

    Args:
        path: See `load_predictor`.
        options: Those of `load_predictor`, which `open_folder` has too.

    Raises:
        UsageError: See there.
        DataError: See there.
    """
    if is_folder(path):
        from pipeline.runtime.opening import open_folder

        return open_folder(path, **options)
    import_tensorflow()
    from pipeline.saved_models.loading import load_predictor

    return load_predictor(path, **options)
