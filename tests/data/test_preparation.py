import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.preparation import TrainingData, open_run
from pipeline.errors import UsageError
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.unicode.normal_forms import FormCounts


def configure(folder: Path, sources: str, dev: str = "ab", **text: object) -> Configuration:
    """A corpus of one pair per white-space-separated source; the target is the source, spaced out."""
    for name, words in (("train", sources), ("dev", dev)):
        lines = (f"{word}\t{' '.join(word)}\n" for word in words.split())
        (folder / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
    data = DataConfiguration(train=str(folder / "train.tsv"), dev=str(folder / "dev.tsv"), max_length=8)
    return Configuration(data=data, text=TextConfiguration(**{"target_tokenizer": "space", **text}))


def prepare(configuration: Configuration, run: RunDirectory) -> TrainingData:
    return open_run(configuration, run)


def test_vocabularies_come_from_training_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    data = prepare(configure(tmp_path, "ab ba bb", dev="az"), RunDirectory(tmp_path / "run"))
    assert data.source_vocabulary.symbols[4:] == ["b", "a"]
    assert (len(data.train), len(data.dev)) == (3, 1)
    for side in ("source", "target"):
        assert f"dev: 1 {side} symbol that training lacks ('z'), first on line 1: read as <unk>" in caplog.messages


def test_overlap_is_counted_as_the_model_sees_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    prepare(configure(tmp_path, "ab ba", dev="AB bb", lowercase=True), RunDirectory(tmp_path / "run"))
    assert "1 dev source is in the training data too" in caplog.text


def test_overlap_of_test_is_said_too(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = configure(tmp_path, "ab ba", dev="bb")
    (tmp_path / "test.tsv").write_text("ab\tx\nba\tx\nbab\tx\n", encoding="utf-8")
    data = dataclasses.replace(configuration.data, test=str(tmp_path / "test.tsv"))
    prepare(dataclasses.replace(configuration, data=data), RunDirectory(tmp_path / "run"))
    assert "2 test sources are in the training data too: test figures will look too good" in caplog.text
    assert "dev source" not in caplog.text


def test_pairs_are_made_up_for_training_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = configure(tmp_path, "abab baba ab", dev="abba")
    lines = "".join(f"{word}\t{word}x\n" for word in ("abab", "baba", "ab"))
    (tmp_path / "train.tsv").write_text(lines, encoding="utf-8")
    data = dataclasses.replace(configuration.data, hallucinated=3)
    configuration = Configuration(data=data)
    with caplog.at_level(logging.INFO):
        found = prepare(configuration, RunDirectory(tmp_path / "run"))
    assert "data.hallucinated: 6 pairs are made up for 3 training pairs" in caplog.messages
    assert "train: only 3 pairs to learn from" in caplog.text
    assert (len(found.train), len(found.dev)) == (9, 1)
    assert len(list(found.splits["train"]())) == 3
    # Ids of every pair: what both sides share is the same.
    sides = {"source": found.source_vocabulary, "target": found.target_vocabulary}
    ids = {side: found.train.rows(side, np.arange(9), 0, 0)[0] for side in sides}
    texts = {side: "".join(sides[side].symbols[at] for at in ids[side]).split("</s>")[:9] for side in sides}
    assert texts["target"] == [f"{source}x" for source in texts["source"]]
    # Another number is another corpus.
    more = dataclasses.replace(configuration, data=dataclasses.replace(data, hallucinated=1))
    assert len(prepare(more, RunDirectory(tmp_path / "more")).train) == 5


def test_words_where_characters_are_meant(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    words = [f"w{number}" for number in range(120)]
    configuration = configure(tmp_path, " ".join(words))
    Path(configuration.data.train).write_text("".join(f"{word}\t{word}\n" for word in words))
    with caplog.at_level(logging.WARNING):
        prepare(configuration, RunDirectory(tmp_path / "run"))
    assert "set text.target_tokenizer to char" in caplog.text


SYLLABLES = [chr(code) for code in range(0xAC00, 0xD7A4, 29)]


def test_syllables_that_nfd_would_take_apart_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    data = prepare(configure(tmp_path, " ".join(SYLLABLES), dev=SYLLABLES[0]), RunDirectory(tmp_path / "run"))
    assert len(data.source_vocabulary) == 4 + len(SYLLABLES)
    assert "source: its 386 symbols are made of 67 letters and marks; text.normalization nfd makes those" in caplog.text
    assert "target: its" not in caplog.text  # they are words
    caplog.clear()
    data = prepare(
        configure(tmp_path, " ".join(SYLLABLES), dev=SYLLABLES[0], normalization="nfd"), RunDirectory(tmp_path / "nfd")
    )
    assert len(data.source_vocabulary) == 4 + 67
    assert "letters and marks" not in caplog.text


def test_syllables_of_targets_are_their_own_setting(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    sides = {"target_tokenizer": "char", "normalization": "nfd"}
    prepare(configure(tmp_path, " ".join(SYLLABLES), dev=SYLLABLES[0], **sides), RunDirectory(tmp_path / "both"))
    assert "letters and marks" not in caplog.text
    data = prepare(
        configure(tmp_path, " ".join(SYLLABLES), dev=SYLLABLES[0], target_normalization="nfc", **sides),
        RunDirectory(tmp_path / "apart"),
    )
    assert (len(data.source_vocabulary), len(data.target_vocabulary)) == (4 + 67, 4 + len(SYLLABLES))
    said = "target: its 386 symbols are made of 67 letters and marks; text.target_normalization nfd makes those"
    assert said in caplog.text
    assert "source: its" not in caplog.text


def test_a_separator_cuts_and_one_that_was_forgotten_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    words = ["ab", "ba", "bb", "aab", "b", "abb", "bab", "aaa", "baa", "aba", "aabb"]
    configuration = configure(tmp_path, " ".join(words))
    Path(configuration.data.train).write_text("".join(f"{word}\t{'-'.join(word)}\n" for word in words))
    Path(configuration.data.dev).write_text("ba\tb-a\n")
    prepare(configuration, RunDirectory(tmp_path / "run"))
    said = "target: white space cuts none of its 11 strings, and '-' stands between short symbols in 10: "
    assert f"{said}text.target_separator - cuts there" in caplog.messages
    caplog.clear()
    characters = dataclasses.replace(configuration, text=TextConfiguration())
    with caplog.at_level(logging.INFO):
        prepare(characters, RunDirectory(tmp_path / "characters"))
    said = "note: target: '-' stands between short symbols in 10 of its 11 strings: text.target_tokenizer space with "
    assert f"{said}text.target_separator - makes those the symbols" in caplog.messages
    caplog.clear()

    def separated(mark: str) -> Configuration:
        return dataclasses.replace(configuration, text=TextConfiguration("char", "space", target_separator=mark))

    data = prepare(separated("-"), RunDirectory(tmp_path / "cut"))
    assert data.target_vocabulary.symbols[4:] == ["a", "b"]
    assert max(data.train.target_lengths) == 5
    assert "text.target_separator" not in caplog.text
    prepare(separated("|"), RunDirectory(tmp_path / "uncut"))
    said = "train: text.target_separator '|' cuts none of 11 targets: each is one symbol; null cuts at white space"
    assert said in caplog.messages


def test_training_says_what_it_changes_of_the_text(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    data = prepare(configure(tmp_path, "e\u0301a ea Ea", lowercase=True), RunDirectory(tmp_path / "run"))
    assert (
        "train: text.normalization nfc changes 1 of 3 sources and 0 of 3 targets; "
        "text.lowercase changes 1 of 3 sources and 1 of 3 targets; outputs are given in nfc"
    ) in caplog.text
    assert data.target_vocabulary.forms == FormCounts(3, nfc=3, nfd=3, lowered=1)


def test_letters_that_are_lowered_in_a_way_of_their_own_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    prepare(configure(tmp_path, "Işık ışık ab", lowercase=True), RunDirectory(tmp_path / "run"))
    assert "train: 4 strings have ı or İ, as in Turkish" in caplog.text  # both sides
    caplog.clear()
    prepare(configure(tmp_path, "Işık ab"), RunDirectory(tmp_path / "other"))
    assert "Turkish" not in caplog.text


def test_a_mixture_that_nothing_changes_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    prepare(configure(tmp_path, "é e\u0301 ab", normalization="none"), RunDirectory(tmp_path / "run"))
    assert "sources are written in more than one normal form, 2 of 3 in NFC, 2 in NFD: the same" in caplog.text


def test_both_sides_count_their_own_forms_in_a_shared_vocabulary(tmp_path: Path):
    write = tmp_path / "train.tsv"
    write.write_text("é\te\u0301\nb\tb\n", encoding="utf-8")
    data = DataConfiguration(train=str(write), dev=str(write), max_length=8)
    configuration = Configuration(data=data, text=TextConfiguration(shared_vocabulary=True))
    prepared = prepare(configuration, RunDirectory(tmp_path / "run"))
    assert prepared.source_vocabulary.forms == FormCounts(2, nfc=2, nfd=1)
    assert prepared.target_vocabulary.forms == FormCounts(2, nfc=1, nfd=2, changed=1)
    assert prepared.source_vocabulary.symbols == prepared.target_vocabulary.symbols


def test_changed_files_begin_anew_while_nothing_is_trained(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    assert len(prepare(configure(tmp_path, "ab ba"), run).train) == 2
    data = prepare(configure(tmp_path, "ab ba abc"), run)
    assert len(data.train) == 3
    assert "c" in data.source_vocabulary.symbols


def test_changed_files_are_refused_once_something_is_trained(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    prepare(configure(tmp_path, "ab ba"), run)
    Checkpoints(run.checkpoints).save(TrainingState(epoch=1, best_epoch=1), lambda path: path.touch())
    prepare(configure(tmp_path, "ab ba"), run)  # written again, the same content
    with pytest.raises(UsageError, match=r"train\.tsv: changed since the run .* began; .*--overwrite"):
        prepare(configure(tmp_path, "ab ba abc"), run)


def test_vocabularies_that_a_kill_left_unrecorded_are_learned_again(tmp_path: Path):
    run, configuration = RunDirectory(tmp_path / "run"), configure(tmp_path, "ab ba")
    prepare(configuration, run)
    (run.vocabulary / "source.txt").write_text("half")
    run.recorded.forget(run.vocabulary)
    assert "a" in prepare(configuration, run).source_vocabulary.symbols
    run.check()


def configure_two(folder: Path, weights: tuple[float, float], **data: object) -> Configuration:
    """Two corpora and no dev; the first has a repetition, a long pair and an uneven one."""
    words = [f"{letter}{number}" for number in range(30) for letter in "ab"]
    lines = {
        "a.tsv": [*words, words[0], "l" * 9],
        "b.tsv": [*(word[::-1] for word in words), words[1]],
    }
    for name, sources in lines.items():
        (folder / name).write_text("".join(f"{source}\t{' '.join(source)}\n" for source in sources))
    train = {str(folder / name): weight for name, weight in zip(lines, weights, strict=True)}
    return Configuration(
        data=DataConfiguration(train=train, max_length=8, dev_size=10, **data),
        text=TextConfiguration(target_tokenizer="space"),
    )


def test_several_corpora(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = configure_two(tmp_path, (0.5, 2.0), drop_duplicates=True)
    data = prepare(configuration, RunDirectory(tmp_path / "run"))
    # The one with the higher weight comes first: of equal pairs its own stays.
    assert data.train.weights == (2.0, 0.5)
    assert f"first on line 62 of {tmp_path}/a.tsv: source too long (data.max_length 8)" in caplog.text
    assert "the same pair again (data.drop_duplicates true)" in caplog.text
    assert "in the training data too" not in caplog.text
    files = json.loads(RunDirectory(tmp_path / "run").data_info.read_text())
    assert list(files) == [str(tmp_path / "b.tsv"), str(tmp_path / "a.tsv")]
    lengths = {name: len((tmp_path / name).read_text().splitlines()) for name in ("a.tsv", "b.tsv")}
    assert lengths == {"a.tsv": 62, "b.tsv": 61}
    assert len(data.train) + len(data.dev) + sum(data.train.dropped.values()) + sum(data.dev.dropped.values()) == 123


def test_a_changed_file_among_several_is_refused_once_something_is_trained(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    configuration = configure_two(tmp_path, (1, 1))
    prepare(configuration, run)
    Checkpoints(run.checkpoints).save(TrainingState(epoch=1, best_epoch=1), lambda path: path.touch())
    (tmp_path / "b.tsv").write_text("x\tx\n" * 20)
    with pytest.raises(UsageError, match=r"b\.tsv: changed since the run"):
        prepare(configuration, run)


def test_other_weights_take_the_ids_that_are_there(tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    prepare(configure_two(tmp_path, (1, 2)), run)
    before = (run.data / "train" / "manifest.json").stat().st_mtime_ns
    assert prepare(configure_two(tmp_path, (1, 3)), run).train.weights == (3, 1)
    assert (run.data / "train" / "manifest.json").stat().st_mtime_ns == before
    prepare(configure_two(tmp_path, (3, 1)), run)  # another order
    assert (run.data / "train" / "manifest.json").stat().st_mtime_ns != before


def test_filters_leave_the_dev_set_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = configure(tmp_path, "ab ba ab a", dev="ab b b")
    filtered = dataclasses.replace(configuration.data, min_length=2, drop_duplicates=True, max_ratio=1.0)
    data = prepare(dataclasses.replace(configuration, data=filtered), RunDirectory(tmp_path / "run"))
    assert (len(data.train), len(data.dev)) == (2, 3)
    for warning in [
        "train: 1 pair left out of training, first on line 4: source too short (data.min_length 2)",
        "train: 1 pair left out of training, first on line 3: the same pair again (data.drop_duplicates true)",
    ]:
        assert warning in caplog.text


def test_unknown_symbols_are_named_with_their_first_line(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = configure(tmp_path, "ab ba", dev="ab xy xa yx")
    prepare(configuration, RunDirectory(tmp_path / "run"))
    assert (
        "dev: 5 source symbols that training lacks ('x' ×3, 'y' ×2), first on line 2: read as <unk>" in caplog.messages
    )


def test_unknown_symbols_of_several_corpora_and_of_words(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, lines in (
        ("a.tsv", "a\tone two\n"),
        ("b.tsv", "a\ttwo\nb\tone three\n"),
        ("train.tsv", "a\tone two\n" * 50),
    ):
        (tmp_path / name).write_text(lines)
    dev = {str(tmp_path / "a.tsv"): 2.0, str(tmp_path / "b.tsv"): 1.0}
    text = TextConfiguration(target_tokenizer="wordpiece", vocabulary_size=300)
    configuration = Configuration(data=DataConfiguration(train=str(tmp_path / "train.tsv"), dev=dev), text=text)
    prepare(configuration, RunDirectory(tmp_path / "run"))
    assert (
        f"1 target symbol that training lacks (three), first on line 2 of {tmp_path}/b.tsv: read as <unk>"
        in caplog.text
    )
    assert f"1 source symbol that training lacks ('b'), first on line 2 of {tmp_path}/b.tsv" in caplog.text


@pytest.mark.parametrize(("pairs", "says"), [(10, True), (49, True), (50, False)])
def test_few_pairs(tmp_path: Path, caplog: pytest.LogCaptureFixture, pairs: int, says: bool):
    words = " ".join("ab" + "ab" * (number % 3) for number in range(pairs))
    prepare(configure(tmp_path, words), RunDirectory(tmp_path / "run"))
    assert (f"train: only {pairs} pairs to learn from" in caplog.text) == says


def test_limits_of_outputs_come_from_training_and_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    configuration, run = configure(tmp_path, "ab ba bab"), RunDirectory(tmp_path / "run")
    data = prepare(configuration, run)
    assert data.limits.search.length_ratio == 1.2
    assert "outputs have at most 1.2 · source + 5 symbols (from the lengths of 3 training pairs)" in caplog.messages
    assert run.recorded.find_changed(may_lack=run.result) is None
    # What is begun goes on with what it has, whatever a later version would make of the data.
    Checkpoints(run.checkpoints).save(TrainingState(), lambda path: path.touch())
    run.recorded.write({run.limits: '{"length_ratio": 3.5, "length_offset": 1, "pairs": 2}'})
    assert prepare(configuration, run).limits.search.length_ratio == 3.5


def test_limits_that_cut_training_targets_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = configure(tmp_path, "ab ba bab babbab")
    search = dataclasses.replace(configuration.search, length_ratio=0.5, length_offset=2)
    prepare(dataclasses.replace(configuration, search=search), RunDirectory(tmp_path / "run"))
    assert "25.0 % of the training targets (1 of 4) are longer than outputs may become (0.5 · source + 2" in caplog.text


@pytest.mark.parametrize(("number", "warned"), [(4, True), (30, False)])
def test_a_dev_set_of_few_sources_is_warned_of(
    number: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    dev = " ".join(f"a{'ab'[digit % 2]}{digit}" for digit in range(number))
    prepare(configure(tmp_path, "ab ba", dev=f"{dev} aa0"), RunDirectory(tmp_path / "run"))
    said = f"dev: only {number} sources: the best epoch is chosen by so few, and each of them is 25.0 points"
    assert (said in caplog.text) == warned
    assert ("the best epoch is chosen by so few" in caplog.text) == warned


@pytest.mark.parametrize(
    ("pairs", "remedy"),
    [(10, "there are 10 in all, too few to hold out more: give more"), (60, "data.dev_size 30 holds out more")],
)
def test_more_are_held_out_only_where_there_are_more(
    pairs: int, remedy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    configuration = configure(tmp_path, " ".join(f"a{number}" for number in range(pairs)))
    data = dataclasses.replace(configuration.data, dev=None, dev_size=4)
    prepare(dataclasses.replace(configuration, data=data), RunDirectory(tmp_path / "run"))
    assert f"25.0 points of its error rate; {remedy}" in caplog.text
