"""A network and its settings as a function from strings to strings."""

import dataclasses

from pipeline.model.network import Network, SingleNetwork
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_symbols import make_replacement
from pipeline.settings.configuration import Configuration
from pipeline.text.processor import make_texts
from pipeline.text.vocabulary import Vocabulary, copied_ids


def live_string_model(
    model: SequenceToSequence,
    configuration: Configuration,
    source_vocabulary: Vocabulary,
    target_vocabulary: Vocabulary,
    beam_size: int,
    n_best: int,
) -> StringModel:
    """A model in memory as a function from strings to strings, with the beam size in the place of the settings'."""
    search = dataclasses.replace(configuration.search, beam_size=beam_size)
    configuration = dataclasses.replace(configuration, search=search)
    return make_string_model(SingleNetwork(model), configuration, (source_vocabulary, target_vocabulary), n_best)


def make_string_model(
    network: Network, configuration: Configuration, vocabularies: tuple[Vocabulary, Vocabulary], n_best: int
) -> StringModel:
    """A network as a function from strings to strings.

    Args:
        network: What finds and scores.
        configuration: How strings become symbols (`text`), how outputs are found (`search`), and the longest source
            (`data.max_length`).
        vocabularies: Of sources and of targets.
        n_best: Outputs per input.

    Raises:
        DataError: The dictionary of `search.dictionary` cannot be used.
    """
    source_text, target_text = make_texts(configuration.text, *vocabularies)
    copied = copied_ids(*vocabularies) if network.copies else None
    replacement = make_replacement(configuration.search, configuration.text, copied)
    longest = configuration.data.max_length
    return StringModel(network, source_text, target_text, configuration.search, n_best, longest, replacement)
