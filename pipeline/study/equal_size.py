"""How many weights a network has, and which size gives it as many as another one has."""

import dataclasses
import functools
import logging
from bisect import bisect_left
from collections.abc import Callable

import keras

from pipeline.model.sequence_to_sequence import build_model
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.model import ModelConfiguration

logger = logging.getLogger(__name__)

TOLERANCE = 0.1


def count_parameters(configuration: ModelConfiguration, source_size: int, target_size: int, features: int = 0) -> int:
    """Number of weights of the network for vocabularies of these sizes, and so many features in that of the source."""
    count = build_model(configuration, source_size, target_size, features=features).count_params()
    keras.utils.clear_session()
    return int(count)


def match_units(count: Callable[[int], int], units: int, wanted: int, tolerance: float = TOLERANCE) -> int:
    """The number of units next to `units` with which a network has about as many parameters as another one.

    Args:
        count: Parameters of the network with so many units; more units have more.
        units: Where to begin. Kept where it fits already.
        wanted: Parameters of the other network.
        tolerance: Largest difference, as a share of `wanted`.

    Returns:
        `units`, or the even number nearest to it that fits. Where none fits, as in a network of few units, the even
        number that comes closest; a warning says so.

    Example:
        >>> match_units(lambda units: units * units, units=100, wanted=14_400)
        114
    """
    count = functools.cache(count)
    if _fits(count(units), wanted, tolerance):
        return units
    grows = count(units) < wanted
    above = _first_even(count, (1 - tolerance if grows else 1 + tolerance) * wanted, units)
    nearest = above if grows else above - 2
    if nearest > 0 and _fits(count(nearest), wanted, tolerance):
        return nearest
    closest = min((even for even in (above - 2, above) if even > 0), key=lambda even: abs(count(even) - wanted))
    logger.warning("no model.units gives %s parameters or so: %s has %s", f"{wanted:,}", closest, f"{count(closest):,}")
    return closest


def _fits(parameters: int, wanted: int, tolerance: float) -> bool:
    return abs(parameters - wanted) <= tolerance * wanted


def _first_even(count: Callable[[int], int], parameters: float, units: int) -> int:
    """The smallest even number of units with at least so many parameters."""
    limit = units + units % 2
    while count(limit) < parameters:
        limit += 2 * (limit // 8 + 1)
    return range(2, limit + 2, 2)[bisect_left(range(2, limit, 2), parameters, key=count)]


def fixed_context(configuration: Configuration, sizes: tuple[int, int, int]) -> Configuration:
    """The same without attention, and with about as many parameters."""
    model = configuration.model
    wanted = count_parameters(model, *sizes)

    def count(units: int) -> int:
        plain = dataclasses.replace(model, attention="none", coverage=False, copy=False, units=units)
        return count_parameters(plain, *sizes)

    units = match_units(count, model.units, wanted)
    if units != model.units:
        logger.info("model.units is %d with one fixed context instead of %d, for equal size", units, model.units)
    changes = {"model.attention": "none", "model.coverage": False, "model.copy": False, "model.units": units}
    return replace_settings(configuration, changes)
