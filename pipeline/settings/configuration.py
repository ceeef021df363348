"""Every setting of a run: small frozen dataclasses, checked when made, saved as YAML beside the weights.

The docstring of a section's class explains its keys; the command line prints the same words in `--help`.
Layers never see these classes: `pipeline.model.sequence_to_sequence` alone turns them into keyword arguments.
"""

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from pipeline.files.durable import write_atomically
from pipeline.settings.checks import require
from pipeline.settings.data import DataConfiguration
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration
from pipeline.settings.train import TrainConfiguration


@dataclasses.dataclass(frozen=True)
class Configuration:
    """All settings of a run, a section each."""

    data: DataConfiguration = dataclasses.field(default_factory=DataConfiguration)
    text: TextConfiguration = dataclasses.field(default_factory=TextConfiguration)
    model: ModelConfiguration = dataclasses.field(default_factory=ModelConfiguration)
    train: TrainConfiguration = dataclasses.field(default_factory=TrainConfiguration)
    search: SearchConfiguration = dataclasses.field(default_factory=SearchConfiguration)

    def __post_init__(self) -> None:
        separator = self.data.separator_of_features
        if self.text.feature_separator != separator:
            # How strings are cut must be known where nothing is known of the data: in an export.
            object.__setattr__(self, "text", dataclasses.replace(self.text, feature_separator=separator))
        if separator:
            shared, hard = self.text.shared_vocabulary, self.model.kind.is_hard and self.model.features == "attended"
            require(not shared, "text.shared_vocabulary", shared, "false where sources have features (data.columns)")
            wanted = "encoded with model.attention monotonic, which looks at what it moves over alone"
            require(not hard, "model.features", self.model.features, wanted)
        shares = self.model.shared_embeddings
        wanted = "false where text.shared_vocabulary is false"
        require(self.text.shared_vocabulary or not shares, "model.shared_embeddings", shares, wanted)
        kinds = self.text.source_tokenizer, self.text.target_tokenizer
        characters = all(TOKENIZER_KINDS[kind].characters for kind in kinds)
        wanted = "0 where a side is not cut into characters (text.source_tokenizer, text.target_tokenizer)"
        require(characters or not self.data.hallucinated, "data.hallucinated", self.data.hallucinated, wanted)
        wanted = "0 with train.teacher, whose distributions belong to the symbols of one cut"
        require(not (self.train.teacher and self.text.sampling), "text.sampling", self.text.sampling, wanted)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain dictionaries, as they stand in YAML."""
        return dataclasses.asdict(self)

    def to_yaml(self) -> str:
        """As YAML that `--config` takes."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def save(self, path: Path) -> None:
        """Write that YAML."""
        write_atomically(path, self.to_yaml())
