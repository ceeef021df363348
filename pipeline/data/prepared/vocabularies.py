"""The vocabularies of a prepared corpus for a run that trains on it."""

import shutil
from pathlib import Path

from pipeline.data.earlier_run import earlier_vocabularies
from pipeline.errors import UsageError
from pipeline.files.durable import sync_files
from pipeline.prepared.layout import VOCABULARY
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import EARLIER
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import SIDES
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import load_vocabularies, split_features


def take_prepared_vocabularies(configuration: Configuration, directory: RunDirectory) -> None:
    """Give a run the vocabularies of its corpus.

    Raises:
        UsageError: The run of `train.init_from` knows symbols that the corpus numbers otherwise.
    """
    folder = Path(str(configuration.data.train)) / VOCABULARY
    _require_extended(configuration, folder)
    shutil.copytree(folder, directory.vocabulary, dirs_exist_ok=True)
    sync_files(directory.vocabulary)
    directory.record_vocabulary()


def _require_extended(configuration: Configuration, folder: Path) -> None:
    earlier = earlier_vocabularies(configuration)
    now = load_vocabularies(folder)
    for side, vocabulary in zip(SIDES, now, strict=True):
        if side in earlier:
            known, here = (split_features(one)[0] if one.features else one for one in (earlier[side], vocabulary))
            symbols = known.symbols[len(SPECIAL_SYMBOLS) :]
            if not set(symbols) <= set(here.symbols):
                raise UsageError(
                    f"{EARLIER.key}: {EARLIER.of(configuration)} knows {side} symbols that {folder.parent} lacks; "
                    f"prepare it with --{EARLIER.key}, so that its vocabularies go on from that run's"
                )
            if known.model != here.model:
                raise UsageError(
                    f"{EARLIER.key}: {EARLIER.of(configuration)} has other {side} subwords than {folder.parent}; "
                    f"prepare it with --{EARLIER.key}, so that they are that run's"
                )
