"""The paths that one path of a model stands for: several with commas between them are an ensemble; and the way back."""

import os
from pathlib import Path

from pipeline.errors import UsageError


def split_models(path: Path) -> list[Path]:
    """The paths that `MODEL,MODEL,…` names; what exists with a comma or with spaces at its ends is that path.

    Raises:
        UsageError: There is nothing before or after a comma.

    Example:
        >>> [place.name for place in split_models(Path("runs/a, runs/b"))]
        ['a', 'b']
    """
    parts, places = str(path).split(","), list[Path]()
    while parts:
        # As many of them as there is a path of.
        joined = [(end, ",".join(parts[:end])) for end in range(len(parts), 0, -1)]
        named = [(end, name) for end, given in joined for name in (given, given.strip())]
        end, name = next((part for part in named if part[1] and os.path.lexists(part[1])), named[-1])
        if not name:
            raise UsageError(f"{path}: a path is missing beside a comma; an ensemble is RUN,RUN,…")
        places.append(Path(name))
        del parts[:end]
    return places


BACK = "-back"
"""What the name of a run ends in that goes the other way than the one beside it: from targets to sources."""


def back_of(run: Path) -> Path:
    """Where the run of the other direction is, that `train --both` makes beside a run.

    Example:
        >>> str(back_of(Path("runs/pairs"))), str(back_of(Path("runs/pairs-back")))
        ('runs/pairs-back', 'runs/pairs')
    """
    run = run if run.name and run.name != ".." else run.absolute()
    name = run.name.removesuffix(BACK) or run.name
    return run.with_name(name if name != run.name else name + BACK)
