"""What a command that takes settings is called and has besides; its parser is made from it when it is needed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.settings.types import SECTIONS


@dataclasses.dataclass(frozen=True)
class SettingsCommand:
    """A command that takes settings.

    Args:
        name: Its name.
        options: What it takes besides, for the first line of its help.
        sections: Configuration classes by section.
        examples: Options that are worth an example in its help.
    """

    name: str
    options: str = ""
    sections: Mapping[str, Any] = dataclasses.field(default_factory=lambda: SECTIONS)
    examples: tuple[str, ...] = ()
