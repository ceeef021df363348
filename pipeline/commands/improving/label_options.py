"""Options of commands that label: what becomes a label, and what else the student learns of those that label."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jsonargparse

LABEL_OPTIONS = "[--n-best N] [--sampled] [--least-score X] [--recombined N] [--teacher-weight X] "
_LABELS = ("n_best", "sampled", "least_score")


def add_label_options(parser: "jsonargparse.ArgumentParser") -> None:
    """Add them."""
    group = parser.add_argument_group("labels")
    group.add_argument("--n-best", metavar="N", type=int, default=1, help="Labels of a source: the ensemble's N best.")
    group.add_argument(
        "--sampled",
        action="store_true",
        help="Draw the labels from the N best by their probability; equal ones then count more than once.",
    )
    group.add_argument(
        "--least-score",
        metavar="X",
        type=float,
        default=None,
        help="Leave out labels whose log p per symbol is below this, as in -0.2; left out: none.",
    )
    group.add_argument(
        "--recombined",
        metavar="N",
        type=int,
        default=None,
        help="Sources to make of the training's: of their pieces, half of them of other features where there are any. "
        "Left out: none beside data.unlabeled; else four times as many as it has, but no more than 100,000, or as many "
        "as it has where that is more; of sentences as many.",
    )
    group.add_argument(
        "--teacher-weight",
        metavar="X",
        type=float,
        default=None,
        help="The ensemble's share of the student's loss: what it finds probable at every symbol; 0 learns from the "
        "labels alone; left out: train.teacher_weight.",
    )


def label_options(parsed: Any) -> dict[str, Any]:
    """What was parsed of them that `LabelSettings` takes."""
    return {key: parsed[key] for key in _LABELS}
