"""A run as an export of any format, in one call: what it can be is looked at before anything is loaded."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import UsageError
from pipeline.portable.kinds import SAVED_MODEL, FolderKind, require_offered
from pipeline.stores.addresses import address_of

Format = Literal["savedmodel", "litert", "onnx"]
FolderPrecision = Literal["float32", "float16", "int8"]


def export(
    run: Path | str | os.PathLike[str],
    directory: Path | str | os.PathLike[str],
    beam_size: int | None = None,
    n_best: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    *,
    format: Format = "savedmodel",
    precision: FolderPrecision = "float32",
    page: bool = False,
    lexicon: Path | str | os.PathLike[str] | None = None,
) -> None:
    """Export a run, or several of them as an ensemble: a SavedModel, or a folder that needs no TensorFlow.

    `load` opens both. `pipeline.saved_models.export.export_run` says what is in a SavedModel, docs/runtime.md what is
    in a folder.

    Args:
        run: A run directory, or those of an ensemble's members with commas between them.
        directory: Where it goes, on this machine or in a store; an earlier export there is replaced.
        beam_size: Fixed in the export; None takes the run's `search.beam_size`.
        n_best: Outputs per input; None takes the beam size.
        search: Other settings of `SearchConfiguration` in the place of the run's, by key; fixed in the export.
        average: Take the mean of the weights of each run's last epochs' checkpoints, as many as this; None takes the
            best checkpoint.
        format: "savedmodel", or "litert" or "onnx" for a folder.
        precision: Of a folder's weights: "float32"; for LiteRT also "float16" or "int8".
        page: With "onnx": also a page that runs the model in the browser.
        lexicon: A file of exceptions, see `pipeline.saved_models.export.export_run`; not of a folder.

    Raises:
        UsageError: Not a run, runs that cannot vote together, `n_best` above `beam_size`, settings that are impossible
            or that the format cannot take, fewer checkpoints than `average`, or the directory holds something else.
        DataError: The run has no checkpoint yet.

    Example:
        export("runs/mine", "served/1", beam_size=5)
        export("runs/mine", "small", beam_size=1, format="litert", precision="int8")
        load("small").predict("attention")
    """
    require_offered(format, precision, page)
    if lexicon is not None and format != SAVED_MODEL:
        raise UsageError(
            f"--lexicon: impossible with --format {format}, a folder has none; give it to `predict --lexicon`, which "
            "takes folders, too"
        )
    address = address_of(directory)
    if address is not None:
        from pipeline.remote_runs.trees import require_free_for_export, send_tree

        require_free_for_export(address)
        with tempfile.TemporaryDirectory(prefix="attentif-export-") as folder:
            place = Path(folder) / "export"
            export(
                run,
                place,
                beam_size,
                n_best,
                search,
                average,
                format=format,
                precision=precision,
                page=page,
                lexicon=lexicon,
            )
            send_tree(place, address)
        return
    options: dict[str, Any] = {"beam_size": beam_size, "n_best": n_best, "search": search, "average": average}
    if format == SAVED_MODEL:
        from pipeline.saved_models.export import export_run

        export_run(Path(run), Path(directory), **options, lexicon=None if lexicon is None else Path(lexicon))
    else:
        from pipeline.portable.export import export_folder

        export_folder(Path(run), Path(directory), FolderKind(format, precision, page), **options)
