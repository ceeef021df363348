"""From a model and pairs to a report: decoded once, counted, written as a page and as tables."""

import logging
from pathlib import Path
from typing import Any

from pipeline.evaluation.evaluate import gather_references, name_of, open_pairs
from pipeline.evaluation.report.answers import answer_in_parts
from pipeline.evaluation.report.compose import PAGE, Asked, Composer
from pipeline.evaluation.report.findings import Findings
from pipeline.evaluation.report.place import write_report
from pipeline.evaluation.report.two_models import lay_beside
from pipeline.process.messages import progress_bar
from pipeline.saved_models.training_counts import count_training_symbols

logger = logging.getLogger(__name__)


def report_errors(asked: Asked, place: Path) -> dict[str, Any]:
    """Decode what has references, and write what went wrong.

    Args:
        asked: Model and pairs.
        place: From `require_report_place`.

    Returns:
        What `evaluate_file` returns, with "report", the page's path; with a second model also "comparison", as
        `Comparison.to_json` has it.

    Raises:
        DataError: The pairs cannot be read.
        OSError: The report cannot be written.
    """
    pairs = open_pairs(asked.predictor, asked.location, asked.split, asked.columns)
    test = gather_references(asked.predictor, pairs, asked.tokens)
    frequencies = count_training_symbols(asked.model)
    findings = Findings(asked.predictor, None if isinstance(frequencies, str) else frequencies)
    with progress_bar(total=len(test.sources), desc="evaluating", unit=" sources") as bar:
        for part in answer_in_parts(asked.predictor, test, bar.update):
            findings.add(part)
    findings.warn()
    scores, figures = findings.figures(test.references, asked.tokens)
    if scores.caution:
        logger.info("%s", scores.caution)
    split = name_of(asked.location, asked.split)
    result: dict[str, Any] = {**scores.to_json(split), **findings.flags.to_json()}
    found = None
    if asked.other:
        found = lay_beside(asked.predictor, asked.name, findings.outputs, asked.other, test, asked.tokens)
        result["comparison"] = found.comparison.to_json()
    composer = Composer(asked, test, findings, figures, frequencies if isinstance(frequencies, str) else "")
    files = composer.compose(split, found)
    write_report(place, files, {"model": asked.name, "data": asked.location, **result})
    logger.info("what goes wrong: open %s in a browser; the tables lie beside it", place / PAGE)
    return {**result, "report": str(place / PAGE)}
