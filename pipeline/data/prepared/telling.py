"""What is said of a prepared corpus when a training begins with it."""

import logging

from pipeline.data.pair_filter import training_filter
from pipeline.data.prepared.corpus import PreparedCorpus
from pipeline.errors import count_of
from pipeline.settings.data import DataConfiguration

logger = logging.getLogger(__name__)


def tell_of_prepared(corpus: PreparedCorpus, data: DataConfiguration) -> None:
    """Say what was left out when it was prepared, and what is not looked for now.

    Args:
        corpus: What is trained on.
        data: The settings.
    """
    rules = training_filter(data)
    for reason, number in corpus.dropped.items():
        logger.warning(
            "train: %s left out of training, first on %s: %s",
            count_of(number, "pair was", "pairs were"),
            corpus.manifest.first_dropped(reason),
            rules.describe(reason),
        )
    dev = corpus.manifest.dev_location()
    if data.dev not in (dev, ",".join(dev) if isinstance(dev, list) else dev):
        logger.info(
            "note: whether dev sources stand in the training data too was looked at when %s was prepared, for the dev "
            "set of that time; it is not looked at now, for no text is read",
            corpus.manifest.folder,
        )
