"""How good a model is, in one call: from its path and the place of the data to figures."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.answering.predictions import AnswersStrings
from pipeline.evaluation.evaluate import evaluate_file
from pipeline.evaluation.figures import Figures
from pipeline.saved_models.opening import open_model
from pipeline.saved_models.own_splits import find_own_split


def evaluate(
    model: AnswersStrings | str | os.PathLike[str],
    data: str = "test",
    tokens: str = "",
    beam_size: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
) -> Figures:
    """Decode what has references, and measure it.

    Args:
        model: A run, an ensemble (paths with commas between them), an export or a folder; or what `load` made of one.
        data: A TSV file of pairs, two line-aligned files with a comma between them, or the name of a built-in corpus.
            Of a run's path also "test" and "dev", the splits that it was trained with.
        tokens: How BLEU cuts outputs, if they are to be measured as sentences whatever they are made of: "13a",
            "intl", "zh", "char" or "given"; '' leaves it to the model.
        beam_size: As in `load`, where the model is a path; so are the next two.
        search: See `load`.
        average: See `load`.

    Returns:
        {"split", "n", "wer", "per", "wer_interval"} in percent; of sentences {"split", "n", "bleu", "chrf", "ter",
        "sequence_error_rate", "sequence_error_rate_interval", "signature"}. Of a model that looks at its sources also
        "skipped_source" and "repeated_source", numbers of outputs.

    Raises:
        UsageError: No such model, split or setting.
        DataError: A file cannot be read.
    """
    if not isinstance(model, str | os.PathLike):
        return Figures(evaluate_file(model, data, tokens))
    path = Path(model)
    split = find_own_split(path, data)
    predictor = open_model(path, alone=False, beam_size=beam_size, search=search, average=average)
    return Figures(evaluate_file(predictor, data, tokens, split))
