"""The reliability diagram: how sure answers were, and how many of them were right."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from pipeline.evaluation.scores import wilson_interval
from pipeline.trust.reliability import Bin

COLOR = "#0072B2"  # of Okabe and Ito (2008), as in the studies' pictures


def draw_reliability(bins: Sequence[Bin], title: str) -> Figure:
    """Draw bins of `bins_of`: on the diagonal, answers are as often right as they are sure.

    Args:
        bins: The least sure first.
        title: Above it.
    """
    figure = Figure(figsize=(5.2, 5.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color="#888888", linestyle="--", linewidth=1, label="as sure as right")
    at = [100 * one.confidence for one in bins]
    shares = [100 * one.right for one in bins]
    bounds = [wilson_interval(share, one.answers) for share, one in zip(shares, bins, strict=True)]
    errors = [
        [max(0.0, share - low) for share, (low, _) in zip(shares, bounds, strict=True)],
        [max(0.0, high - share) for share, (_, high) in zip(shares, bounds, strict=True)],
    ]
    axes.errorbar(at, shares, yerr=errors, color=COLOR, marker="o", markersize=5, capsize=3, linewidth=1.2)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("confidence, % (mean of a bin with equally many answers)")
    axes.set_ylabel("right answers, % (with 95 % intervals)")
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 102)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", frameon=False)
    return figure
