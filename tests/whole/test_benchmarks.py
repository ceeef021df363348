import dataclasses
import gzip
import json
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the benchmarks need PyTorch: pip install -r requirements-bench.txt")

from benchmarks import __main__ as together  # noqa: E402
from benchmarks import growth, round_trip, search_speed, start_up, subword_speed, training_speed, turns  # noqa: E402
from benchmarks.memory import peak_memory  # noqa: E402
from benchmarks.sizes import SIZES, Batch, Size, random_batch, training_work  # noqa: E402
from benchmarks.torch_peer import TorchPeer, copy_weights, peer_loss  # noqa: E402
from benchmarks.torch_search import TorchStrings  # noqa: E402
from benchmarks.turns import CpuSeconds  # noqa: E402
from pipeline.errors import DataError  # noqa: E402
from pipeline.model.losses import token_cross_entropy  # noqa: E402
from pipeline.model.sequence_to_sequence import build_model  # noqa: E402
from pipeline.settings.model import ModelConfiguration  # noqa: E402
from pipeline.settings.text import TextConfiguration  # noqa: E402
from pipeline.text.symbols import END, PAD, START  # noqa: E402

SOURCE_SIZE, TARGET_SIZE = 11, 13
SMALL = Size(units=6, embedding_units=5, batch=7, length=8, vocabulary=SOURCE_SIZE, ragged=True)
UNEVEN = ModelConfiguration(units=6, embedding_units=5, attention_units=4, readout_units=3, dropout=0.0)


@pytest.fixture(scope="module")
def twins() -> tuple[Any, TorchPeer]:
    keras.utils.set_random_seed(3)
    model = build_model(UNEVEN, SOURCE_SIZE, TARGET_SIZE, seed=3)
    generator = np.random.default_rng(3)
    # Fresh biases are 0 and would hide a bias that is left out or put in another's place.
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0, 0.7, variable.shape))
    peer = TorchPeer(UNEVEN, SOURCE_SIZE, TARGET_SIZE)
    copy_weights(model, peer)
    return model, peer


@pytest.fixture(params=[True, False], ids=["ragged", "full"])
def batch(request: pytest.FixtureRequest) -> Batch:
    return random_batch(Size(batch=7, length=8, vocabulary=SOURCE_SIZE, ragged=request.param))


def test_same_number_of_parameters(twins: tuple[Any, TorchPeer]):
    model, peer = twins
    assert model.count_params() == peer.parameter_count()
    default = Size().model()
    assert build_model(default, 45, 45).count_params() == TorchPeer(default, 45, 45).parameter_count()


def test_same_logits_with_copied_weights(twins: tuple[Any, TorchPeer], batch: Batch):
    model, peer = twins
    assert np.std(model((batch.source, batch.target_inputs))[0]) > 0.1
    assert training_speed.logit_difference(model, peer, batch) < 1e-4


def test_logits_differ_without_copied_weights(twins: tuple[Any, TorchPeer], batch: Batch):
    fresh = TorchPeer(UNEVEN, SOURCE_SIZE, TARGET_SIZE)
    assert training_speed.logit_difference(twins[0], fresh, batch) > 0.1


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_same_loss(twins: tuple[Any, TorchPeer], batch: Batch, label_smoothing: float):
    logits = twins[0]((batch.source, batch.target_inputs))[0]
    total, tokens = token_cross_entropy(batch.targets, logits, label_smoothing)
    targets = torch.tensor(batch.targets, dtype=torch.int64)
    theirs = peer_loss(torch.tensor(logits.numpy()), targets, label_smoothing)
    assert float(theirs) == pytest.approx(float(total / tokens), rel=1e-5)


def test_copying_refuses_another_size(twins: tuple[Any, TorchPeer]):
    with pytest.raises(ValueError, match="shapes differ"):
        copy_weights(twins[0], TorchPeer(UNEVEN, SOURCE_SIZE + 1, TARGET_SIZE))


@pytest.mark.parametrize(
    "model",
    [ModelConfiguration(cell="lstm"), ModelConfiguration(attention="none"), ModelConfiguration(encoder_layers=2)],
)
def test_peer_refuses_what_it_is_not(model: ModelConfiguration):
    with pytest.raises(ValueError, match="the peer is"):
        TorchPeer(model, SOURCE_SIZE, TARGET_SIZE)


def test_both_learn_the_same(twins: tuple[Any, TorchPeer]):
    """Without dropout, steps of both routes make the same loss smaller alike."""
    batch = random_batch(Size(batch=7, length=8, vocabulary=SOURCE_SIZE, ragged=True))
    keras.utils.set_random_seed(4)
    model, peer = build_model(UNEVEN, SOURCE_SIZE, TARGET_SIZE), TorchPeer(UNEVEN, SOURCE_SIZE, TARGET_SIZE)
    copy_weights(model, peer)
    theirs = training_speed.torch_run(peer, batch)(5)
    ours = training_speed.keras_run(model, batch)(5)
    assert theirs[-1] < theirs[0]
    # Ours is the mean over the steps so far, as Keras keeps it.
    assert ours == pytest.approx(np.cumsum(theirs) / np.arange(1, 6), abs=0.02)


def test_random_batch_is_padded_ended_and_shifted():
    batch = random_batch(SMALL)
    lengths = (batch.targets != PAD).sum(axis=1)
    assert lengths.max() == SMALL.length
    assert lengths.min() < SMALL.length
    assert (batch.targets[np.arange(SMALL.batch), lengths - 1] == END).all()
    assert (batch.target_inputs[:, 0] == START).all()
    assert (batch.target_inputs[:, 1:] == batch.targets[:, :-1]).all()


def test_work_of_a_step_by_hand():
    # S = 2, T = 1, H = 1, E = 3, V = 5. Encoder 2·2·(3 + 1)·3, keys 2·2·1, bridge 2; decoder step (3 + 2 + 1)·3 + 1
    # + S·1 + S·2; readout (3 + 1 + 2)·1 + 5.
    size = Size(units=1, embedding_units=3, vocabulary=5)
    products = (48 + 4 + 2) + (18 + 1 + 2 + 4) + (6 + 5)
    assert training_work(size, np.array([2]), np.array([1])) == 3 * 2 * products
    assert training_work(size, np.array([2, 2]), np.array([1, 1])) == 2 * 3 * 2 * products


def test_turns_are_taken_and_ratios_go_turn_by_turn():
    calls: list[str] = []
    times = turns.take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert "".join(calls) == "aabb" * 2
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}
    assert turns.ratios({"a": [1.0, 10.0, 3.0], "b": [2.0, 10.0, 4.0]}, "a", "b")["median"] == 0.75
    assert turns.quartiles([1.0, 10.0, 3.0]) == {"median": 3.0, "low": 2.0, "high": 6.5}


def test_parts_of_a_turn_last_as_long_as_asked():
    calls: list[float] = []

    def run() -> None:
        time.sleep(0.01)
        calls.append(time.perf_counter())

    seconds = turns.take_turns({"a": run}, 2, shortest=0.1)["a"]
    # Two turns of two parts each, of up to ten calls: fewer if the machine is busy.
    assert 4 * 2 < len(calls) <= 4 * 11
    assert all(0.01 <= value < 0.05 for value in seconds)


def test_share_of_others():
    assert turns.share_of_others(CpuSeconds(10, 5, 1), CpuSeconds(20, 8, 6)) == 0.2
    assert turns.share_of_others(None, CpuSeconds(20, 8, 6)) is None


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_peer_finds_what_the_export_finds(beam_size: int, tmp_path: Path):
    size = Size(units=6, embedding_units=5, length=7, vocabulary=SOURCE_SIZE)
    model, peer = search_speed.sharpened_twins(size)
    symbols = search_speed.vocabulary(size).symbols
    sources = [*search_speed.random_sources(size, 20), "一", "一丁", "?"]
    ours = search_speed.exported(model, size, beam_size, tmp_path)(sources)
    theirs = TorchStrings(peer, symbols, symbols, search_speed.LIMIT).decode(sources, beam_size)
    assert [text for text, _ in ours] == [text for text, _ in theirs]
    assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=1e-4)
    assert len({len(text.split()) for text, _ in ours}) > 2


def run_benchmark(name: str, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> tuple[Any, str]:
    monkeypatch.setitem(SIZES, "g2p", Size(units=6, embedding_units=5, batch=4, length=4, vocabulary=11))
    # Threads cannot be set once TensorFlow runs.
    for module in (training_speed, search_speed):
        monkeypatch.setattr(module, "set_threads", lambda threads: None)
    {"training": training_speed, "search": search_speed}[name].main(["--size", "g2p", "--repeats", "2", *options])
    printed = capsys.readouterr()
    return json.loads(printed.out.splitlines()[-1])[name]["g2p"], printed.err


def test_training_speed_prints_a_table_and_a_json_line(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    result, shown = run_benchmark("training", ["--steps", "1", "--ragged"], monkeypatch, capsys)
    assert result["logit_difference"] < 1e-4
    assert result["size"]["ragged"] is True
    assert result["speed_over"]["pytorch"]["median"] > 0
    assert 0 <= result["share_of_product"]["attentif"] < 1
    assert "ours is faster by" in shown
    assert "readout   T *" in shown


def test_search_speed_prints_a_table_and_a_json_line(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setattr(search_speed.measure, "__defaults__", ((1, 8), (1, 2)))
    result, shown = run_benchmark("search", [], monkeypatch, capsys)
    assert [result["beams"][beam]["same_texts"] for beam in ("1", "2")] == [1.0, 1.0]
    assert result["beams"]["2"]["batches"]["8"]["speed_over_pytorch"]["median"] > 0
    assert "beam 2, batch 8" in shown


# Subwords


SENTENCES = [f"the {size} {animal} sleeps" for size in ("big", "small", "tiny") for animal in ("dog", "cat", "cow")]


def run_round_trip(capsys: Any, *arguments: str) -> tuple[dict[str, Any], str]:
    round_trip.main([*arguments])
    printed = capsys.readouterr()
    return json.loads(printed.out.splitlines()[-1]), printed.err


@pytest.mark.parametrize("tokenizer", ["bpe", "unigram"])
def test_a_round_trip_of_every_column(tmp_path: Path, capsys: Any, tokenizer: str):
    lines = [f"{sentence}\tdas  {{ {number} }} 東\tignored\n" for number, sentence in enumerate(SENTENCES)]
    (tmp_path / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "more.gz").write_bytes(gzip.compress(b"one\ttwo\n"))
    files = [str(tmp_path / name) for name in ("pairs.tsv", "more.gz")]
    options = ["--tokenizer", tokenizer, "--vocabulary-size", "300", "--columns", "1", "2"]
    result, shown = run_round_trip(capsys, *options, "--", *files)
    assert result["tokenizer"] == tokenizer
    counts = [result["files"][path] for path in files]
    assert [(found["sentences"], found["different"], found["unknown"]) for found in counts] == [(18, 0, 0), (2, 0, 0)]
    assert counts[0]["symbols"] > 18
    assert "before and after" not in shown


def test_what_does_not_come_back_is_counted_and_shown(tmp_path: Path, capsys: Any):
    path = tmp_path / "text"
    path.write_text("\n".join([*SENTENCES, "two  spaces", "the\tdog"]) + "\n")
    result, shown = run_round_trip(capsys, "--tokenizer", "wordpiece", "--vocabulary-size", "60", str(path))
    assert result["files"][str(path)]["different"] == 2
    assert "'two  spaces'\n  'two spaces'" in shown
    processor = round_trip.learn(SENTENCES, "wordpiece", TextConfiguration(vocabulary_size=60))
    counts, first = round_trip.count_differences(["the dog", "the 東 dog"], processor)
    assert (counts["unknown"], counts["symbols"], counts["different"]) == (1, 5, 1)
    assert first[0] == "the 東 dog"


def test_a_column_too_many(tmp_path: Path):
    (tmp_path / "text").write_text("a\tb\nc\n")
    with pytest.raises(DataError, match=r"text:2: only 1 TAB-separated columns"):
        list(round_trip.read_sentences(str(tmp_path / "text"), [2]))


def test_made_up_sentences():
    words = subword_speed.make_words(500, seed=1)
    assert len(set(words)) == 500
    sentences = list(subword_speed.make_sentences(2000, words, seed=1))
    assert sentences == list(subword_speed.make_sentences(2000, words, seed=1))
    counts = Counter(word for sentence in sentences for word in sentence.rstrip(".").lower().split())
    assert 17 < sum(counts.values()) / 2000 < 19
    # Zipf's law.
    assert counts[words[0]] / counts[words[9]] == pytest.approx(10, rel=0.15)


def test_figures_of_learning():
    found = subword_speed.measure("bpe", sentences=300, words=100, vocabulary_size=320, learn_size=200)
    assert found["subwords"] <= 320
    assert found["distinct_words"] > 50


# Start-up, memory, growth


def test_a_process_knows_when_it_began():
    began = start_up._process_start()
    assert abs(began - Path("/proc/self").stat().st_ctime) < 2
    assert began < time.time()


def test_peak_memory_is_this_processs_own():
    before = peak_memory()
    held = np.ones(200 * 1024 * 1024 // 8)
    after = peak_memory()
    assert before is not None
    assert after is not None
    assert after > 200
    assert after >= before
    assert held[0] == 1


def test_table_of_start_up():
    figures = {"attentif train": {"imports": {"low": 1.0, "median": 2.0, "high": 3.0}, "first_step": {"median": 9.5}}}
    assert start_up.table(figures).splitlines()[1].split() == [
        "attentif",
        "train",
        "imports",
        "2,",
        "first",
        "step",
        "9.5",
    ]


def test_growth_of_a_corpus():
    found = growth.measure_corpus(300)
    assert set(found) == {"prepare_us", "epoch_us", "memory_mib"}
    assert min(found.values()) > 0


def test_growth_varies_one_thing_at_a_time():
    for name, values in growth.VARIED.items():
        around = growth._around(name)
        for value in values:
            changed = dataclasses.replace(around, **{name: value})  # type: ignore[arg-type]
            batch = random_batch(dataclasses.replace(changed, batch=2))
            other = 12
            lengths = (batch.source.shape[1], batch.targets.shape[1])
            expected = {"length": (value, other), "target_length": (other, value)}.get(name, (other, other))
            assert lengths == expected


def test_table_and_picture_of_growth():
    steps = {name: {value: 1.5 * value for value in values} for name, values in growth.VARIED.items()}
    corpus = {pairs: {"prepare_us": 20.0, "epoch_us": 3.0, "memory_mib": 900.0} for pairs in growth.PAIRS}
    text = growth.table(steps, corpus)
    assert "vocabulary     45: 67.5" in text
    assert "1,000,000" in text
    found = {"steps": steps, "corpus": corpus}
    before = json.loads(json.dumps(found))
    figure = growth.draw(found, before)
    assert [axes.get_xlabel() for axes in figure.axes] == [*growth.AXES.values(), "pairs in the corpus"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 2, 2, 6]
    assert [len(axes.lines) for axes in growth.draw(found).axes] == [1, 1, 1, 1, 3]
    dashed, solid = figure.axes[0].lines
    assert (dashed.get_linestyle(), solid.get_linestyle()) == ("--", "-")
    assert list(dashed.get_xdata()) == list(solid.get_xdata()) == list(growth.VARIED["units"])


def test_all_of_them_are_joined(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    asked = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[2])
        name = command[2].removeprefix("benchmarks.").removesuffix("_speed")
        key = command[command.index("--size") + 1] if "--size" in command else "median"
        return subprocess.CompletedProcess(command, 0, f"a line before\n{json.dumps({name: {key: len(asked)}})}\n")

    monkeypatch.setattr(subprocess, "run", run)
    together.main()
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"training", "search", "start_up"}
    assert set(found["training"]) == set(found["search"]) == set(SIZES)
    assert len(asked) == 2 * len(SIZES) + 1
