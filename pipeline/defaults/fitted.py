"""What was chosen beside what is given: a configuration that knows why its settings are what they are."""

import contextlib
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.defaults.choice import Choice
from pipeline.defaults.facts import Facts
from pipeline.errors import UsageError, count_of
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

Given = Mapping[str, Any]
"""Settings by `section.key` that somebody gave, and that therefore stay."""


@dataclasses.dataclass(frozen=True, eq=False)
class FittedConfiguration(Configuration):
    """A configuration that knows why its settings are what they are, and says so in its YAML.

    Args:
        reasons: By `section.key`, of settings that were chosen.
        given: The settings by `section.key` that somebody gave: the others follow from the data.
    """

    reasons: dict[str, str] = dataclasses.field(default_factory=dict)
    given: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether another configuration has the same settings, however they came about."""
        return self.to_dict() == other.to_dict() if isinstance(other, Configuration) else NotImplemented

    __hash__ = Configuration.__hash__

    def to_dict(self) -> dict[str, Any]:
        """See `Configuration`; reasons are no settings."""
        settings = super().to_dict()
        settings.pop("reasons")
        settings.pop("given")
        return settings

    def to_yaml(self) -> str:
        """See `Configuration`; with the reasons as comments."""
        lines, section = [], ""
        for line in super().to_yaml().splitlines():
            key = line.partition(":")[0]
            section = section if line.startswith(" ") else key
            reason = self.reasons.get(f"{section}.{key.strip()}")
            lines.append(f"{line}  # auto: {reason}" if reason else line)
        return "\n".join([*lines, ""])


def beside(facts: Facts, found: Sequence[Choice], given: Given) -> Facts:
    """The facts of which only such settings follow as go with what is given.

    With some settings attention that must move forward is impossible, and another may be asked for. What was found for
    it is then not for the other: neither its steps nor, of many pairs, copying.

    Args:
        facts: As they were counted.
        found: What was chosen before, of columns and cuts.
        given: What stays.
    """
    if given.get("model.copy") is False:
        facts = dataclasses.replace(facts, copied=0.0)
    attention = given.get("model.attention", _HARD.value)
    if attention != _HARD.value or not _goes([*found, _HARD], given):
        facts = dataclasses.replace(facts, forward=0.0)
    return facts


_HARD = Choice("model.attention", "monotonic", "")


def _goes(choices: Sequence[Choice], given: Given) -> bool:
    try:
        _apply(choices, given)
    except UsageError:
        return False
    return True


def combine(choices: Sequence[Choice], given: Given) -> tuple[FittedConfiguration, list[Choice]]:
    """What was chosen below what is given, and which of the choices stand: one that is impossible beside what is given
    does not.

    Raises:
        UsageError: What is given is impossible.
    """
    kept = [choice for choice in choices if choice.key not in given]
    try:
        return _apply(kept, given), kept
    except UsageError:
        for choice in reversed(kept):
            others = [other for other in kept if other is not choice]
            with contextlib.suppress(UsageError):
                configuration = _apply(others, given)
                logger.info("%s %s does not go with what is given: left out", choice.key, _show(choice.value))
                return configuration, others
        raise


def _apply(choices: Sequence[Choice], given: Given) -> FittedConfiguration:
    fitted = FittedConfiguration(reasons={choice.key: choice.reason for choice in choices})
    return replace_settings(fitted, {**{choice.key: choice.value for choice in choices}, **given})


def tell(number: int, choices: Sequence[Choice]) -> None:
    """What was chosen and why, choices of one reason on one line."""
    reasons = dict.fromkeys(choice.reason for choice in choices)
    lines = [
        f"  {', '.join(f'{of.key} {_show(of.value)}' for of in choices if of.reason == reason)}: {reason}"
        for reason in reasons
    ]
    begin = f"settings that follow from {count_of(number, 'training pair')} (--config auto; what you give wins)"
    logger.info("%s", "\n".join([begin, *lines]))


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
