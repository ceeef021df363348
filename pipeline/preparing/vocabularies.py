"""The vocabularies of a corpus, of what was counted of its shards."""

import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.data.data_warnings import warn_of_separator
from pipeline.data.earlier_run import earlier_vocabularies
from pipeline.data.vocabularies.learned import groups_of, known_vocabulary, tell_changes, write_features, write_group
from pipeline.errors import DataError, count_of
from pipeline.files.durable import put_in_place, sync_files
from pipeline.prepared.layout import VOCABULARY
from pipeline.preparing.plan import Plan
from pipeline.preparing.survey import draw_from
from pipeline.settings.text import SIDES, TOKENIZER_KINDS, Side
from pipeline.text.learning import learn_vocabulary, vocabulary_of_counts
from pipeline.text.separators import SeparatorCounts
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.normal_forms import FormCounts

logger = logging.getLogger(__name__)

HASH_RANGE = 1 << 64


def choose_limit(plan: Plan, smallest: Sequence[Sequence[int]]) -> int | None:
    """Up to which hash sources are held out for dev; None where a dev set was given.

    Args:
        plan: What is prepared.
        smallest: Of every shard the smallest hashes, where `data.dev_size` is a number of sources.

    Raises:
        DataError: There are too few sources.
    """
    data = plan.configuration.data
    if data.dev is not None:
        return None
    if data.dev_size < 1:
        return max(1, int(data.dev_size * HASH_RANGE))
    size, found = int(data.dev_size), sorted({value for of in smallest for value in of})
    if len(found) <= size:
        raise DataError(
            f"data.dev_size: cannot hold out {size} of {count_of(len(found), 'distinct source')}, none would be left "
            "to train on; lower data.dev_size, add training data or give data.dev"
        )
    return found[size]


def needs_hashes(plan: Plan) -> bool:
    """Whether the smallest hashes must be known before anything is held out."""
    return plan.configuration.data.dev is None and plan.configuration.data.dev_size >= 1


def write_vocabularies(plan: Plan) -> None:
    """Write the vocabularies of all shards together, if they are not there; say what is odd about the data.

    Args:
        plan: What is prepared; its survey is done.

    Raises:
        DataError: Nothing can be learned.
    """
    if (plan.out / VOCABULARY).is_dir():
        return
    records = read_records(plan, "survey")
    configuration, text = plan.configuration, plan.configuration.text
    folder = plan.out / f"{VOCABULARY}.unfinished-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    earlier = earlier_vocabularies(configuration)
    if text.feature_separator is not None:
        write_features(_features(plan, records), earlier, folder)
    forms = {side: _sum_forms([record["forms"][side] for record in records]) for side in SIDES}
    for number, sides in enumerate(groups_of(text)):
        of_shards = [record["groups"][number] for record in records]
        vocabulary = known_vocabulary(sides, text, earlier) or _learn(plan, sides, of_shards)
        write_group(vocabulary, sides, configuration, earlier, forms, folder)
        warn_of_separator(sides[0], text, _sum_marks([of["marks"] for of in of_shards]))
    sync_files(folder)
    put_in_place(folder, plan.out / VOCABULARY)
    tell_changes(text, forms["source"], forms["target"])
    _warn_of_overlap(records)


def read_records(plan: Plan, stage: str) -> list[dict[str, Any]]:
    """What a stage found, shard by shard."""
    return [json.loads(plan.record(stage, shard).read_text()) for shard in range(len(plan.shards))]


def _learn(plan: Plan, sides: Sequence[Side], of_shards: Sequence[Mapping[str, Any]]) -> Vocabulary:
    text, seed = plan.configuration.text, plan.configuration.train.seed
    if TOKENIZER_KINDS[text.side(sides[0]).tokenizer].subwords:
        chosen, strings = [of["chosen"] for of in of_shards], [of["strings"] for of in of_shards]
        return learn_vocabulary(draw_from(chosen, strings, text.learn_size, seed), sides, text, seed)
    counts = Counter[str]()
    for of in of_shards:
        counts.update(of["counts"])
    return vocabulary_of_counts(counts, sides, text)


def _features(plan: Plan, records: Sequence[Mapping[str, Any]]) -> Vocabulary:
    counts, least = Counter[str](), plan.configuration.text.min_count
    for record in records:
        counts.update(record["features"])
    vocabulary = Vocabulary.from_counts(counts, least)
    if len(vocabulary) == len(SPECIAL_SYMBOLS):
        raise DataError(
            f"data.columns: no feature occurs {least} times in the training data; give the column that holds features, "
            "or leave them out of data.columns"
        )
    return vocabulary


def _sum_forms(counts: Sequence[Mapping[str, int]]) -> FormCounts:
    return FormCounts(**{name: sum(of[name] for of in counts) for name in counts[0]})


def _sum_marks(counts: Sequence[Mapping[str, Any]]) -> SeparatorCounts:
    total = SeparatorCounts()
    for of in counts:
        total.strings += of["strings"]
        total.spaced += of["spaced"]
        total.single += of["single"]
        total.cut.update(of["cut"])
    return total


def _warn_of_overlap(records: Sequence[Mapping[str, Any]]) -> None:
    shared = len({source for record in records for source in record["dev"]})
    if shared:
        logger.warning(
            "%s in the training data too: dev figures will look too good; take them out of the training files",
            count_of(shared, "dev source is", "dev sources are"),
        )
