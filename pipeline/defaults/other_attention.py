"""Settings for another kind of attention than the data chose: models that look at their sources in another way."""

import logging

from pipeline.defaults.configure import fit_to_data
from pipeline.defaults.fitted import FittedConfiguration
from pipeline.settings.changes import read_setting
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)

_KEY, _HARD, _SOFT = "model.attention", "monotonic", "bahdanau"


def with_other_attention(configuration: Configuration) -> Configuration | None:
    """What follows from the same data for attention that may look anywhere, where they chose the one that must move
    forward; None where they did not choose.

    Args:
        configuration: What followed from the data.

    Raises:
        DataError: The data cannot be used.
    """
    if not isinstance(configuration, FittedConfiguration) or _KEY in configuration.given:
        return None
    if configuration.model.attention != _HARD:
        return None
    # One that goes on may be called without its data.
    given = {name: read_setting(configuration, name) for name in (*configuration.given, "data.train")}
    logger.info("with another attention, %s in the place of %s:", _SOFT, _HARD)
    return fit_to_data({**given, _KEY: _SOFT})
