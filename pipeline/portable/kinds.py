"""What a run can be exported as: known before TensorFlow is there."""

from typing import NamedTuple

from pipeline.errors import UsageError
from pipeline.runtime.engines import ENGINES

SAVED_MODEL = "savedmodel"
FORMATS = (SAVED_MODEL, *ENGINES)
PRECISIONS = tuple(dict.fromkeys(precision for kind in ENGINES.values() for precision in kind.precisions))
"""Of weights, of any format; the first is the usual one."""


class FolderKind(NamedTuple):
    """What kind of folder is wanted."""

    format: str
    """A row of `ENGINES`."""
    precision: str = PRECISIONS[0]
    page: bool = False
    """Whether a page that runs it in the browser goes with it."""


def require_offered(format: str, precision: str, page: bool) -> None:
    """Refuse what no run can be exported as.

    Raises:
        UsageError: There is no such format, it has no such precision, or no page.
    """
    if format not in FORMATS:
        raise UsageError(f"--format {format}: there are {', '.join(FORMATS)}")
    if format == SAVED_MODEL:
        if page or precision != PRECISIONS[0]:
            given = "--page" if page else f"--precision {precision}"
            raise UsageError(f"{given}: not of a SavedModel; give --format {'onnx' if page else 'litert'} too")
        return
    offered = ENGINES[format].precisions
    if precision not in offered:
        raise UsageError(f"--precision {precision}: --format {format} has {', '.join(offered)}")
    if page and format != "onnx":
        raise UsageError("--page needs --format onnx, which a browser can run")
