"""How good a model is, in one call: from its path and the place of the data to figures."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import UsageError
from pipeline.evaluation.evaluate import evaluate_file
from pipeline.evaluation.figures import Figures
from pipeline.evaluation.report.place import require_report_place
from pipeline.pairs.columns import Columns
from pipeline.saved_models.opening import open_model
from pipeline.saved_models.own_splits import find_columns, find_own_split


def evaluate(
    model: AnswersStrings | str | os.PathLike[str],
    data: str = "test",
    tokens: str = "",
    beam_size: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    report: str | os.PathLike[str] | None = None,
    against: AnswersStrings | str | os.PathLike[str] | None = None,
    columns: Columns | None = None,
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
        report: A directory for a page and tables that say what goes wrong: a new one, an empty one, or that of an
            earlier report, which is replaced.
        against: A second model, as `model`: the report says what one gets right and the other does not.
        columns: Which columns of the file are taken, see `data.columns`; None takes those that a run was trained by.

    Returns:
        {"split", "n", "wer", "per", "wer_interval"} in percent; of sentences {"split", "n", "bleu", "chrf", "ter",
        "sequence_error_rate", "sequence_error_rate_interval", "signature"}. Of a model that looks at its sources also
        "skipped_source" and "repeated_source", numbers of outputs. With a report also "report", the path of its page,
        and with a second model "comparison".

    Raises:
        UsageError: No such model, split or setting; a second model without a report; a directory that holds something
            else.
        DataError: A file cannot be read.
    """
    if against is not None and report is None:
        raise UsageError("a second model needs a report, a directory for what one of them gets right; give one")
    place = None if report is None else require_report_place(Path(report))
    path = Path(model) if isinstance(model, str | os.PathLike) else None
    split = find_own_split(path, data) if path else None
    columns = find_columns(path, columns) if path else columns
    # A report looks at all outputs that there are.
    options: dict[str, Any] = {"beam_size": beam_size, "search": search, "average": average}
    options |= {"n_best": 1 if place is None else None}
    predictor = open_model(path, alone=False, **options) if path else cast(AnswersStrings, model)
    if place is None:
        return Figures(evaluate_file(predictor, data, tokens, split, columns))
    from pipeline.evaluation.report.compose import Asked
    from pipeline.evaluation.report.make import report_errors
    from pipeline.evaluation.report.two_models import open_other

    other = None if against is None else open_other(against, options)
    return Figures(report_errors(Asked(predictor, path, data, split, columns, tokens, other), place))
