"""What `predict` is asked: which model, how it searches, and what an answer is; the same for a file and for shards."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.answering.lines.answers import AnswerForm
from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import UsageError
from pipeline.files.durable import checksum, checksum_of_bytes
from pipeline.process.environment import installed_version
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.runs.model_paths import split_models
from pipeline.runtime.engines import ENGINES
from pipeline.runtime.folder import is_folder
from pipeline.saved_models.opening import open_model
from pipeline.trust.calibration_file import find_calibration, identify, place_of
from pipeline.trust.confident_predictor import ConfidentPredictor
from pipeline.version import __version__


@dataclasses.dataclass(frozen=True)
class Asked:
    """A model, and what is wanted of it.

    Args:
        model: A run, an ensemble, an export or a folder.
        form: Of lines and answers.
        beam: The beam size; None takes the model's own.
        search: Other settings of the search, by key.
        average: See `pipeline.saved_models.opening.load`.
        lexicon: A file of exceptions; None for none.
    """

    model: Path
    form: AnswerForm = dataclasses.field(default_factory=AnswerForm)
    beam: int | None = None
    search: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    average: int | None = None
    lexicon: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        paths = {"model": os.fspath(self.model), "lexicon": self.lexicon and os.fspath(self.lexicon)}
        return {**dataclasses.asdict(self), **paths, "form": self.form._asdict()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Asked":
        """What `to_json` told."""
        lexicon = told["lexicon"]
        paths = {"model": Path(told["model"]), "lexicon": Path(lexicon) if lexicon else None}
        return cls(**{**told, **paths, "form": AnswerForm(**told["form"])})

    def open(self) -> AnswersStrings:
        """The model, with the lexicon and, in JSON, the confidence of its answers.

        Raises:
            UsageError: It cannot be opened so; see `pipeline.saved_models.opening.load`.
            DataError: A file is damaged.
        """
        calibration = self._calibration()
        # How sure an answer is follows from all outputs that there are.
        n_best = None if calibration else self.form.n_best
        predictor = open_model(self.model, beam_size=self.beam, n_best=n_best, search=self.search, average=self.average)
        self.require_usable(predictor)
        if calibration:
            predictor = ConfidentPredictor(predictor, calibration)
        return self.with_lexicon(predictor)

    def require_usable(self, predictor: AnswersStrings) -> None:
        """Look whether the model can be asked so.

        Raises:
            UsageError: It keeps fewer outputs, or reads features where prefixes stand.
        """
        if predictor.n_best < self.form.n_best:
            raise UsageError(
                f"--n-best {self.form.n_best}: {self.model} keeps {predictor.n_best}; give a larger --beam"
            )
        if self.form.prefixes and predictor.text.feature_separator is not None:
            raise UsageError(
                f"--prefixes: impossible with {self.model}, whose lines are SOURCE TAB FEATURES; leave it out, or "
                "give prefixes in Python (predict(sources, prefixes=...)) or to the signature complete of an export"
            )

    def with_lexicon(self, predictor: AnswersStrings) -> AnswersStrings:
        """The model, answering from the lexicon first, where there is one.

        Raises:
            DataError: The lexicon cannot be used.
        """
        if self.lexicon is None:
            return predictor
        from pipeline.answering.lexicon import LexiconPredictor, read_lexicon

        return LexiconPredictor(predictor, read_lexicon(self.lexicon, predictor.text))

    def identity(self) -> dict[str, Any]:
        """All that answers depend on but the lines, wherever it lies: of the same identity they are the same.

        Raises:
            UsageError: There is no such model.
            DataError: A run has no checkpoint yet.
            OSError: A file of the model or the lexicon cannot be read.
        """
        places = split_models(self.model)
        package = next((kind.package for kind in ENGINES.values() if (places[0] / kind.file).is_file()), "tensorflow")
        calibration = place_of(self.model)
        model = identify(self.model, self.beam, self.search, self.average)
        return {
            "attentif": __version__,
            package: installed_version(package),
            "model": model["weights"] if self.average is None else _averaged(places, self.average),
            **{f"search.{key}": value for key, value in model["search"].items()},
            "n_best": self.form.n_best,
            "json": self.form.as_json,
            "prefixes": self.form.prefixes,
            "lexicon": self.lexicon and checksum(self.lexicon),
            "calibration": checksum(calibration) if self.form.as_json and calibration.is_file() else None,
        }

    def _calibration(self) -> Any:
        if not self.form.as_json:
            return None
        return find_calibration(self.model, self.beam, self.search, self.average)


def _averaged(places: list[Path], average: int) -> list[str]:
    """What the mean of the last epochs is made of, a digest for each member."""
    files = [Checkpoints(RunDirectory(place).checkpoints).last_epochs(average) for place in places]
    return [checksum_of_bytes("".join(map(checksum, own)).encode()) for own in files]


def require_model(model: Path) -> None:
    """Refuse what is no model at all before anything is looked at in it.

    Raises:
        UsageError: There is nothing of that name.
    """
    for place in split_models(model):
        if not (RunDirectory(place).exists() or is_folder(place) or (place / "attentif.json").is_file()):
            wrong = "is neither a run directory nor an exported model" if place.exists() else "no such run or export"
            raise UsageError(f"{place}: {wrong}; give what `train --run` or `export` wrote")
