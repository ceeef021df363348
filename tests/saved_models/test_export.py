import errno
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipeline.answering.predictions import Prediction
from pipeline.errors import DataError, UsageError
from pipeline.model.sequence_to_sequence import build_model
from pipeline.pairs.pair_file import Pair
from pipeline.portable.exporting import export as export_any
from pipeline.prediction.building import live_string_model
from pipeline.prediction.scoring import score_pairs
from pipeline.saved_models import export
from pipeline.saved_models.export import export_run, save_string_model
from pipeline.saved_models.loading import load_predictor
from pipeline.text.vocabulary import Vocabulary
from tests.tiny_task import TinyRun, make_sources, tiny_configuration

# What anyone needs to use an export; run where nothing of this project can be imported.
ELSEWHERE = """
import json, sys
sys.modules.update(dict.fromkeys(["pipeline", "layers"]))  # importing them fails
import tensorflow as tf
import tensorflow_text

path, sources = sys.argv[1], json.load(sys.stdin)
loaded = tf.saved_model.load(path)  # the functions alone would not keep it alive
signatures = {name: function for name, function in loaded.signatures.items() if not name.startswith("score")}
more = {"complete": ["prefix"]}
specs = {
    name: [
        {key: [spec.dtype.name, spec.shape.as_list()] for key, spec in part.items()}
        for part in (function.structured_input_signature[1], function.structured_outputs)
    ]
    for name, function in loaded.signatures.items()
}

def plain(values):
    values = values.numpy()
    decoded = tf.nest.map_structure(lambda v: v.decode() if isinstance(v, bytes) else v, values.tolist())
    return [list(values.shape), decoded]

def call(name, batch):
    inputs = {"source": tf.constant(batch, tf.string)}
    inputs |= {key: tf.fill([len(batch)], "B S") for key in more.get(name, [])}
    return {key: plain(value) for key, value in signatures[name](**inputs).items()}

results = [{name: call(name, batch) for name in signatures} for batch in sources]
json.dump([specs, results], sys.stdout)
"""
FIVE_HUNDRED = make_sources(500, seed=1)
ODD = ["", "?", "🙂a", "a\u0301", "ßß", "東" * 40, " a b "]
BATCHES: list[list[str]] = [[], ["a"], FIVE_HUNDRED, ODD]


@pytest.fixture(scope="module")
def elsewhere(tiny_export: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list[dict]]:
    """Specifications and outputs of all signatures for each of `BATCHES`, from a process without this project."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tiny_export)],
        input=json.dumps(BATCHES),
        capture_output=True,
        text=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    return tuple(json.loads(found.stdout))


@pytest.fixture(scope="module")
def expected(tiny_run: TinyRun) -> list[list[Prediction]]:
    """What the run itself predicts for each of `BATCHES`."""
    predictor = load_predictor(tiny_run.path, n_best=3)
    return [predictor.predict(batch) for batch in BATCHES]


def test_signatures(elsewhere: tuple[dict, list[dict]]):
    specs = elsewhere[0]
    flags = {"cut": ["bool", [None]], "invalid": ["bool", [None]], "unknown": ["int32", [None]]}
    best = {"text": ["string", [None]], "score": ["float32", [None]], "limited": ["bool", [None]], **flags}
    assert set(specs) == {"serving_default", "n_best", "explain", "complete", "score", "score_tokens"}
    of_target = {f"target_{name}": spec for name, spec in flags.items()}
    scored = {"score": ["float32", [None]], "target_length": ["int32", [None]], **flags, **of_target}
    strings, of_prefix = ["string", [None]], {f"prefix_{name}": spec for name, spec in flags.items()}
    assert specs.pop("score") == [{"source": strings, "target": strings}, scored]
    assert specs.pop("score_tokens") == [{"source": strings, "target_tokens": ["string", [None, None]]}, scored]
    assert specs.pop("complete") == [{"source": strings, "prefix": strings}, {**best, **of_prefix}]
    assert all(inputs == {"source": strings} for inputs, _ in specs.values())
    assert specs["serving_default"][1] == best
    assert specs["n_best"][1] == {
        "texts": ["string", [None, 3]],
        "scores": ["float32", [None, 3]],
        "rank_scores": ["float32", [None, 3]],
        "limited": ["bool", [None, 3]],
        **flags,
    }
    assert specs["explain"][1] == {
        **best,
        "source_tokens": ["string", [None, None]],
        "target_tokens": ["string", [None, None]],
        "attention": ["float32", [None, None, None]],
        "source_length": ["int32", [None]],
        "target_length": ["int32", [None]],
    }


def test_shapes(elsewhere: tuple[dict, list[dict]]):
    for batch, results in zip(BATCHES, elsewhere[1], strict=True):
        shapes = {name: {key: shape for key, (shape, _) in values.items()} for name, values in results.items()}
        size = len(batch)
        flags = {name: [size] for name in ("cut", "invalid", "unknown")}
        best = {"text": [size], "score": [size], "limited": [size], **flags}
        assert shapes["serving_default"] == best
        of_outputs = ("texts", "scores", "rank_scores", "limited")
        assert shapes["n_best"] == {**{name: [size, 3] for name in of_outputs}, **flags}
        assert shapes["complete"] == {**best, **{f"prefix_{name}": [size] for name in flags}}
        sources, targets = shapes["explain"]["source_tokens"][1], shapes["explain"]["target_tokens"][1]
        assert shapes["explain"] == {
            **best,
            "source_tokens": [size, sources],
            "target_tokens": [size, targets],
            "attention": [size, targets, sources if size else 0],
            "source_length": [size],
            "target_length": [size],
        }
        if batch:
            assert max(results["explain"]["source_length"][1]) == sources
            assert max(results["explain"]["target_length"][1]) <= targets


def test_elsewhere_it_says_what_the_run_says(elsewhere: tuple[dict, list[dict]], expected: list[list[Prediction]]):
    for predictions, results in zip(expected, elsewhere[1], strict=True):
        texts, scores = results["n_best"]["texts"][1], results["n_best"]["scores"][1]
        assert texts == [prediction.texts for prediction in predictions]
        if predictions:
            np.testing.assert_allclose(scores, [prediction.scores for prediction in predictions], atol=1e-4)
        for name in ("serving_default", "explain"):
            assert results[name]["text"][1] == [row[0] for row in texts]
            np.testing.assert_allclose(results[name]["score"][1], [row[0] for row in scores], atol=1e-5)


def test_elsewhere_it_completes_what_the_run_completes(elsewhere: tuple[dict, list[dict]], tiny_run: TinyRun):
    predictor = load_predictor(tiny_run.path)
    for batch, results in zip(BATCHES, elsewhere[1], strict=True):
        predictions = predictor.predict(batch, prefixes=["B S"] * len(batch))
        assert all(text.startswith("B S") for text in results["complete"]["text"][1])
        assert results["complete"]["text"][1] == [prediction.texts[0] for prediction in predictions]
        expected = [prediction.scores[0] for prediction in predictions]
        np.testing.assert_allclose(results["complete"]["score"][1], expected, atol=1e-4)


@pytest.mark.slow
def test_everything_that_may_be_asked_of_the_search_is_in_the_export(tmp_path: Path):
    """Sampling is asked for in another process, with other kinds of models."""
    vocabulary = Vocabulary(["a", "b", "c", "d"])
    search = {"coverage_penalty": 0.5, "block_ngrams": 2, "min_length": 3, "max_length": 5, "length_penalty": 1.0}
    configuration = tiny_configuration({}, search=search)
    model = build_model(configuration.model, 8, 8)
    strings = live_string_model(model, configuration, vocabulary, vocabulary, 3, 2)
    save_string_model(strings, tmp_path / "export", {})
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    for batch in ([], ["abc"], ["ab", "dddd", ""]):
        sources, prefix = tf.constant(batch, tf.string), tf.fill([len(batch)], "d")
        for live, served in (
            (strings.decode(sources), loaded.decode(sources)),
            (strings.complete(sources, prefix), loaded.complete(sources, prefix)),
        ):
            assert served["texts"].numpy().tolist() == live["texts"].numpy().tolist()
            np.testing.assert_allclose(served["rank_scores"], live["rank_scores"], atol=1e-5)


def test_explanations(elsewhere: tuple[dict, list[dict]], expected: list[list[Prediction]]):
    for predictions, results in zip(expected, elsewhere[1], strict=True):
        explain = {key: values for key, (_, values) in results["explain"].items()}
        for row, prediction in enumerate(predictions):
            source_length, target_length = explain["source_length"][row], explain["target_length"][row]
            sources, targets = explain["source_tokens"][row], explain["target_tokens"][row]
            assert sources[:source_length] == prediction.source_tokens
            assert targets[:target_length] == prediction.target_tokens
            assert (sources[source_length - 1], targets[target_length - 1]) == ("</s>", "</s>")
            assert not any([*sources[source_length:], *targets[target_length:]])
            attention = np.array(explain["attention"][row])
            np.testing.assert_allclose(attention[:target_length].sum(axis=1), 1, atol=1e-5)
            assert not attention[:, source_length:].any()
            assert not attention[target_length:].any()
            np.testing.assert_allclose(attention[:target_length, :source_length], prediction.attention, atol=1e-4)


def test_odd_sources(elsewhere: tuple[dict, list[dict]]):
    explain = elsewhere[1][3]["explain"]
    rows, lengths = explain["source_tokens"][1], explain["source_length"][1]
    tokens = [row[:length] for row, length in zip(rows, lengths, strict=True)]
    assert tokens == [
        ["</s>"],
        ["?", "</s>"],
        ["🙂", "a", "</s>"],
        ["á", "</s>"],
        ["ß", "ß", "</s>"],
        [*["東"] * 16, "</s>"],
        ["a", " ", "b", "</s>"],
    ]
    assert elsewhere[1][3]["serving_default"]["text"][1][4] == "S S S S"


def test_missing_outputs_are_empty_and_impossible():
    """Outputs of no symbol at all: there is only one."""
    configuration = tiny_configuration({}, search={"length_ratio": 0.0, "length_offset": 0})
    model = build_model(configuration.model, 6, 6)
    vocabulary = Vocabulary(["a", "b"])
    signatures = export._signatures(live_string_model(model, configuration, vocabulary, vocabulary, 2, 2))
    outputs = signatures["n_best"](source=tf.constant(["ab", "a"]))
    assert outputs["texts"].numpy().tolist() == [[b"", b""]] * 2
    assert outputs["scores"].numpy()[:, 1].tolist() == [-np.inf] * 2


def test_without_attention_all_weights_are_zero():
    configuration = tiny_configuration({}, model={"attention": "none", "units": 4, "fast": False})
    model = build_model(configuration.model, 6, 6)
    vocabulary = Vocabulary(["a", "b"])
    signatures = export._signatures(live_string_model(model, configuration, vocabulary, vocabulary, 1, 1))
    outputs = signatures["explain"](source=tf.constant(["ab", "a"]))
    assert outputs["attention"].shape == [2, outputs["target_tokens"].shape[1], 3]
    assert not outputs["attention"].numpy().any()


def test_nothing_in_it_needs_a_compiler_or_this_project(tiny_export: Path):
    graph = (tiny_export / "saved_model.pb").read_bytes()
    assert b"_XlaMustCompile" not in graph
    assert b"PyFunc" not in graph
    assert sorted(path.name for path in tiny_export.iterdir() if path.is_file()) == [
        "attentif.json",
        "fingerprint.pb",
        "saved_model.pb",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("members", "beam_size"), [(1, 1), (2, 3)])
def test_ensembles_and_averages_exported(
    tiny_run: TinyRun, tiny_ensemble: Path, tmp_path: Path, members: int, beam_size: int
):
    """Live and exported give the same, and score what they found as the search did."""
    path = tiny_ensemble if members > 1 else tiny_run.path
    average = 2 if members == 1 else None
    export_run(path, tmp_path / "export", beam_size, search={"length_offset": 2}, average=average)
    live = load_predictor(path, beam_size, None, {"length_offset": 2}, average)
    exported = load_predictor(tmp_path / "export", n_best=None)
    sources = [*FIVE_HUNDRED[:60], *ODD]
    assert exported.predict([]) == []
    for source in sources[:2]:
        assert exported.predict([source])[0].texts == live.predict([source])[0].texts
    both = [predictor.predict(sources) for predictor in (live, exported)]
    assert [found.texts for found in both[0]] == [found.texts for found in both[1]]
    for found in both:
        pairs, scores = [], []
        for source, prediction in zip(sources, found, strict=True):
            for hypothesis in prediction.hypotheses:
                tokens = [token.replace(" ", r"\u{20}") for token in hypothesis.tokens]
                pairs.append(Pair(source, " ".join(tokens), 1))
                scores.append(hypothesis.score)
        assert len(pairs) > (len(sources) if beam_size > 1 else 0)
        for predictor in (live, exported):
            np.testing.assert_allclose(list(score_pairs(predictor, pairs, tokens=True)), scores, atol=1e-4)
    # It is an export like any other. Of members, the one that takes the shortest sources counts.
    info = json.loads((tmp_path / "export" / "attentif.json").read_text())
    longest = 16 if members == 1 else 8
    assert (info["beam_size"], info["max_length"], info["search"]["beam_size"]) == (beam_size, longest, beam_size)
    graph = (tmp_path / "export" / "saved_model.pb").read_bytes()
    assert not [word for word in (b"Xla", b"PyFunc", b"_XlaMustCompile") if word in graph]


# All that a name may hold, and as long as it may be.
ODD_NAME = os.fsdecode(b"-a [b]*?{c},#%:\\\n\xff\xf0\x9f\x99\x82 e\xcc\x81".ljust(254, b"x") + b" ")


@pytest.mark.slow
def test_export_with_another_beam_replaces_whatever_it_is_called(tiny_run: TinyRun, tmp_path: Path):
    run, place = tmp_path / "runs" / ODD_NAME, tmp_path / "deep" / ODD_NAME
    shutil.copytree(tiny_run.path, run, ignore=shutil.ignore_patterns("export", "logs", "data"))
    export_run(run, place, beam_size=2, n_best=1)
    info = json.loads((place / "attentif.json").read_text())
    assert (info["beam_size"], info["n_best"], info["max_length"]) == (2, 1, 16)
    predictor = load_predictor(place)
    assert predictor.model.signatures["n_best"].structured_outputs["texts"].shape.as_list() == [None, 1]
    assert predictor.predict(["aßé"])[0].texts == ["A S S É"]
    assert next(score_pairs(predictor, [Pair("a", "A", 1)])) > -1
    (place / "left over").touch()
    export_run(run, place, beam_size=1)
    assert json.loads((place / "attentif.json").read_text())["n_best"] == 1
    assert not (place / "left over").exists()
    assert [path.name for path in place.parent.iterdir()] == [ODD_NAME]


@pytest.fixture
def quick_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes what is given for a model."""

    def save(model: str, path: str, signatures: object) -> None:
        for number in range(3):
            Path(path, str(number)).write_text(model)

    monkeypatch.setattr(export.tf.saved_model, "save", save)
    monkeypatch.setattr(export, "_signatures", lambda model: {})
    monkeypatch.setattr(export, "_accompany", lambda model, place: {})


@pytest.mark.usefixtures("quick_save")
def test_two_exports_to_one_place_at_once(tmp_path: Path):
    place = tmp_path / "export"

    def repeat(content: str) -> None:
        for _ in range(30):
            save_string_model(content, place, {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(repeat, "abcd"))
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    contents = {(place / str(number)).read_text() for number in range(3)}
    assert len(contents) == 1
    assert contents < set("abcd")


@pytest.mark.usefixtures("quick_save")
def test_what_killed_exports_left_is_taken_away(tmp_path: Path):
    for name, age in (("unfinished-export-1", 100), ("unfinished-replaced-2", 100), ("unfinished-export-3", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    save_string_model("a", tmp_path / "export", {})
    # The youngest may be another process's.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "unfinished-export-3"]


@pytest.mark.usefixtures("quick_save")
def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as caught:
        save_string_model("a", tmp_path / "file" / "deep" / "export", {})
    assert caught.value.filename == str(tmp_path / "file" / "deep" / "export")
    # A place that cannot be renamed, as where something is mounted on it, keeps what it holds.
    save_string_model("old", tmp_path / "export", {})
    rename = os.rename

    def refuse(here: Path, there: Path) -> None:
        if there == tmp_path / "export" and "unfinished-export" in str(here):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(here))
        rename(here, there)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OSError, match="busy") as busy:
        save_string_model("new", tmp_path / "export", {})
    assert busy.value.filename == str(tmp_path / "export")
    assert (tmp_path / "export" / "0").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "file"]


def test_places_that_are_refused(tiny_run: TinyRun, tmp_path: Path):
    with pytest.raises(UsageError, match="not a run directory; give what `train --run` wrote"):
        export_run(tmp_path, tmp_path / "export")
    (tmp_path / "mine").touch()
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(UsageError, match="exists and is not an export; choose another place"):
            export_run(tiny_run.path, place)
    with pytest.raises(UsageError, match="--n-best 5: more than the beam keeps"):
        export_run(tiny_run.path, tmp_path / "export", n_best=5)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "x.pb; No space left on device"), OSError),
        (tf.errors.PermissionDeniedError(None, None, "x.pb; Permission denied"), PermissionError),
        (tf.errors.NotFoundError(None, None, "x.pb; No such file or directory"), FileNotFoundError),
        (tf.errors.ResourceExhaustedError(None, None, "out of memory"), tf.errors.ResourceExhaustedError),
    ],
)
def test_a_full_disk_leaves_the_export_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
):
    place = tmp_path / "export"
    place.mkdir()
    (place / "old").touch()

    def full(model: object, path: str, signatures: object) -> None:
        Path(path, "half").touch()
        raise error

    monkeypatch.setattr(export.tf.saved_model, "save", full)
    monkeypatch.setattr(export, "_signatures", lambda model: {})
    with pytest.raises(raised):
        save_string_model(object(), place, {})
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert (place / "old").exists()


def test_answers_in_a_large_batch_are_those_alone(tiny_export: Path):
    """More than are searched at once, with some that nobody should send."""
    hostile = [b"", b"ab\xff", b"\xed\xa0\x80", b"a\0b", "a\u0301".encode() * 3, b"a" * 100_000, b" " * 600, b"\x1b?"]
    loaded = tf.saved_model.load(str(tiny_export))
    sources = [source.encode() for source in FIVE_HUNDRED]
    sources[250:250] = hostile
    for name in ("serving_default", "explain"):
        together = loaded.signatures[name](source=tf.constant(sources))
        assert len(together["text"]) == len(sources)
        for row in (0, 100, *range(250, 250 + len(hostile)), 400):
            alone = loaded.signatures[name](source=tf.constant(sources[row : row + 1]))
            for key, value in alone.items():
                mine = together[key][row][tuple(slice(size) for size in value.shape[1:])]
                if value.dtype == tf.float32:
                    np.testing.assert_allclose(mine, value[0], atol=1e-4)
                else:
                    np.testing.assert_array_equal(mine, value[0])
    flags = [together[name].numpy()[250:].tolist() for name in ("cut", "invalid", "unknown")]
    assert flags[0][: len(hostile)] == [False, False, False, False, False, True, True, False]
    assert flags[1][: len(hostile)] == [False, True, True, False, False, False, False, False]
    # U+FFFD, three of them, NUL, a + U+0301 (á, which training lacks) three times, and escape with "?".
    assert flags[2][: len(hostile)] == [0, 1, 3, 1, 3, 0, 0, 2]


def test_flags_of_prefixes_and_targets(tiny_export: Path):
    loaded = tf.saved_model.load(str(tiny_export))
    assert json.loads((tiny_export / "attentif.json").read_text())["max_target_length"] == 1024
    source, other = tf.constant(["ab"] * 3), tf.constant([b"A B", b"A \xff", b"A " * 1025])
    completed = loaded.signatures["complete"](source=source, prefix=other)
    scored = loaded.signatures["score"](source=source, target=other)
    tokens = tf.strings.split(other).to_tensor()
    cut_before = loaded.signatures["score_tokens"](source=source, target_tokens=tokens)
    for found, name in ((completed, "prefix"), (scored, "target"), (cut_before, "target")):
        assert found[f"{name}_cut"].numpy().tolist() == [False, False, True]
        assert found[f"{name}_invalid"].numpy().tolist() == [False, True, False]
        assert found[f"{name}_unknown"].numpy().tolist() == [0, 1, 0]
    assert scored["target_length"].numpy().tolist() == [3, 3, 1025]
    np.testing.assert_allclose(cut_before["score"], scored["score"], rtol=1e-4)


def test_a_lexicon_that_an_export_cannot_have_is_refused(tiny_run: TinyRun, tmp_path: Path):
    lexicon = tmp_path / "lexicon.tsv"
    lexicon.write_text("ab\tX\n" + "ab" * 10 + "\tY\n")
    with pytest.raises(UsageError, match=r"--lexicon: impossible with --format litert, a folder has none"):
        export_any(tiny_run.path, tmp_path / "folder", format="litert", lexicon=lexicon)
    with pytest.raises(DataError, match=r"'abababababababababab' is longer than the 16 symbols that the model reads"):
        export_run(tiny_run.path, tmp_path / "export", lexicon=lexicon)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lexicon.tsv"]


@pytest.mark.slow
def test_an_export_with_a_lexicon_answers_from_it(tiny_run: TinyRun, tmp_path: Path):
    lexicon = tmp_path / "lexicon.tsv"
    lexicon.write_text("ab\tX\nab\tY\n")
    export_any(tiny_run.path, tmp_path / "export", lexicon=lexicon)
    assert json.loads((tmp_path / "export" / "attentif.json").read_text())["lexicon"] == 1
    found = load_predictor(tmp_path / "export", n_best=2).predict(["ab", "ba"])
    assert [(one.texts[0], one.answered_by) for one in found] == [("X", "lexicon"), ("B A", "model")]
    signatures = tf.saved_model.load(str(tmp_path / "export")).signatures
    for name in ("serving_default", "n_best", "explain"):
        answered = signatures[name](source=tf.constant(["ab", "ba"]))["answered_by"].numpy().tolist()
        assert answered == [b"lexicon", b"model"]
