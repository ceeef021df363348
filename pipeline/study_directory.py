"""What a study leaves behind, and where; how it is begun, and how it is recognised when it goes on."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.configuration import Configuration, by_name, describe_changes, with_defaults
from pipeline.errors import UsageError
from pipeline.files import write_atomically

logger = logging.getLogger(__name__)

FORMAT = 1
EXPLANATION = """# A study: attention and length

The same network with attention and with one fixed context, on the same data; each at the learning rate that is best for
it on the dev set, tried with the first seed.

| here | what it is |
|---|---|
| `length.png` | quality and cost by source length |
| `length.md`, `length.tsv`, `length.json` | the same in figures |
| `runs/` | a run directory for every training, for `evaluate`, `predict` and `export` |
| `settings/`, `logs/` | what each was trained with, and what it said |
| `study.json` | what the study was begun with |

Go on with an unfinished study by the command that started it; more `--study.seeds` or `--study.rates` extend it. Paths
in the files count from where that was.
"""


class StudyDirectory:
    """The paths of a study."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = path / "study.json"
        self.readme = path / "README.md"
        self.runs = path / "runs"
        self.settings = path / "settings"
        self.logs = path / "logs"

    def exists(self) -> bool:
        """Whether a study was begun here."""
        return self.info.is_file()

    def failure(self, name: str) -> Path:
        """Where the reason of a training's failure stands, so that it is not tried in vain again."""
        return self.logs / f"{name}.failure.txt"

    def remove(self) -> None:
        """Delete the study, and only what a study writes."""
        for folder in (self.runs, self.settings, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        reports = [self.path / f"length.{end}" for end in ("png", "md", "tsv", "json")]
        for file in (*reports, self.readme, self.info):
            file.unlink(missing_ok=True)


def begin_study(directory: StudyDirectory, configuration: Configuration, overwrite: bool = False) -> None:
    """Begin a study, or check that what is there is the same one.

    Args:
        directory: Where.
        configuration: What both models share; `train.seed` aside, whose place study.seeds take.
        overwrite: Replace a study that is already there.

    Raises:
        UsageError: The directory holds a study of another configuration, or something else.
    """
    settings = by_name(configuration.to_dict())
    del settings["train.seed"]
    if directory.exists() and overwrite:
        directory.remove()
    elif directory.exists():
        _require_same(directory, settings)
        logger.info("%s: going on with the study", directory.path)
    elif directory.path.exists() and not (directory.path.is_dir() and not any(directory.path.iterdir())):
        raise UsageError(f"{directory.path}: exists and is not a study; choose another --run or empty it")
    directory.path.mkdir(parents=True, exist_ok=True)
    info = {"format": FORMAT, "attentif": __version__, "study": "length", "configuration": settings}
    # What says that this is a study comes first: killed in between, the same command makes the rest.
    write_atomically(directory.info, json.dumps(info, indent=1, ensure_ascii=False) + "\n")
    write_atomically(directory.readme, EXPLANATION)
    for folder in (directory.runs, directory.settings, directory.logs):
        folder.mkdir(exist_ok=True)


def _require_same(directory: StudyDirectory, settings: dict[str, Any]) -> None:
    try:
        before = json.loads(directory.info.read_text(encoding="utf-8"))
        made_by, layout, earlier = before["attentif"], before["format"], before["configuration"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{directory.info}: damaged, this is not a usable study ({error})") from error
    if layout != FORMAT:
        raise UsageError(f"{directory.path}: made by Attentif {made_by}; begin again with --overwrite")
    earlier = {key: value for key, value in with_defaults(earlier).items() if key != "train.seed"}
    changed = describe_changes(earlier, settings)
    if changed:
        raise UsageError(
            f"{directory.path}: holds a study of another configuration ({'; '.join(changed)}); choose another "
            "--run, or replace it with --overwrite"
        )
