"""Paired bootstrap: figures against sacrebleu's own command and a direct computation; files that do not fit."""

import gzip
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.comparison import ComparedBy, compare
from pipeline.evaluation.scores import score_sentences, score_symbols
from pipeline.evaluation.significance import SEED, compare_outputs, sentence_figures, symbol_figures

WORDS = ["a", "the", "dog", "cat", "runs", "sits", "over", "under", "hill", "house", "old", "new"]


def make_lines(count: int = 60, shares: tuple[float, float] = (0.2, 0.35)) -> tuple[list[str], list[str], list[str]]:
    """References, and outputs of which the second has fewer words right."""
    chance = random.Random(3)
    references = [" ".join(chance.choices(WORDS, k=chance.randint(5, 12))) for _ in range(count)]

    def spoil(line: str, share: float) -> str:
        return " ".join(chance.choice(WORDS) if chance.random() < share else word for word in line.split())

    return references, *([spoil(line, share) for line in references] for share in shares)


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_sentences_are_what_sacrebleus_command_says(tmp_path: Path):
    lines = make_lines(shares=(0.2, 0.22))
    files = [write(tmp_path / name, lines) for name, lines in zip(("ref", "a", "b"), lines, strict=True)]
    found = compare(str(files[0]), (str(files[1]), str(files[2])), ComparedBy(), samples=200, seed=7)
    command = [sys.executable, "-m", "sacrebleu", str(files[0]), "-i", str(files[1]), str(files[2])]
    command += ["-m", "bleu", "chrf", "ter", "--paired-bs", "--paired-bs-n", "200", "-f", "text", "-w", "4"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, SEED: "7"}).stdout
    # Two rows of cells: score (mean ± ci), the second with (p = …).
    figures = [float(number) for number in re.findall(r"(\d+\.\d{4})", said)]
    assert len(figures) == 2 * 9 + 3
    ours = [figure for metric in found.metrics for figure in (metric.a.score, metric.a.mean, metric.a.ci)]
    ours += [figure for metric in found.metrics for figure in (metric.b.score, metric.b.mean, metric.b.ci)]
    assert ours == pytest.approx([*figures[:18]], abs=1e-4)
    assert [metric.p for metric in found.metrics] == pytest.approx(figures[18:], abs=1e-4)
    for metric in found.metrics:
        assert "seed:7" in metric.signature
        assert "bs:200" in metric.signature


def test_symbols_are_resampled_as_by_hand():
    references, a, b = make_lines(40)
    [wer, per] = compare_outputs([[line] for line in references], a, b, symbol_figures("space"), samples=100, seed=5)
    for figure, outputs in ((wer.a, a), (wer.b, b)):
        wrong = np.array([output != reference for output, reference in zip(outputs, references, strict=True)])
        chosen = np.random.default_rng(5).choice(40, size=(100, 40))
        rates = np.sort(100 * wrong[chosen].mean(axis=1))
        assert figure.score == pytest.approx(100 * wrong.mean())
        assert figure.mean == pytest.approx(rates.mean())
        assert figure.ci == pytest.approx((rates[97] - rates[2]) / 2)
    direct = score_symbols([line.split() for line in b], [[line.split()] for line in references])
    assert (wer.b.score, per.b.score) == pytest.approx((direct.wer, direct.per))


def test_characters_and_case():
    [_, per] = compare_outputs([["ab cd"]], ["AB cx"], ["ab cd"], symbol_figures("char"), samples=2)
    assert (per.a.score, per.b.score) == (60, 0)
    [_, per] = compare_outputs([["ab cd"]], ["AB cx"], ["ab cd"], symbol_figures("char", lowercase=True), samples=2)
    assert per.a.score == 20
    assert "case:lc|symbols:char" in per.signature


def test_a_clear_difference_has_a_small_p_and_none_a_large_one():
    references, a, b = make_lines(200)
    wanted = [[line] for line in references]
    clear = compare_outputs(wanted, a, b, sentence_figures(), samples=200)[0]
    assert clear.a.score - clear.b.score > 10
    assert clear.p < 0.01
    same = compare_outputs(wanted, a, a, sentence_figures(), samples=200)[0]
    assert same.p == 1
    noise = compare_outputs(wanted, a, [*a[:-1], b[-1]], sentence_figures(), samples=200)[0]
    assert noise.p > 0.1


def test_tokens_and_case_are_those_of_evaluate():
    references, a, b = ["A dog , it runs .", "x y z u v"], ["a dog , it runs .", "x y z u v"], ["q", "x y z u v"]
    for tokens, lowercase in (("given", False), ("char", True)):
        metrics = sentence_figures(tokens, lowercase)
        found = compare_outputs([[line] for line in references], a, b, metrics, samples=5)
        direct = score_sentences(a, [[line] for line in references], tokens, lowercase)
        assert [metric.a.score for metric in found] == pytest.approx([direct.bleu, direct.chrf, direct.ter])


def test_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SEED, "99")
    compare_outputs([["a"]], ["a"], ["b"], symbol_figures("space"), samples=2)
    assert os.environ[SEED] == "99"
    monkeypatch.delenv(SEED)
    compare_outputs([["a"]], ["a"], ["b"], symbol_figures("space"), samples=2)
    assert SEED not in os.environ


def test_several_references_are_resampled_together():
    [wer, per] = compare_outputs(
        [["a b", "a c"], ["x"]], ["a c", "x"], ["a d", "x"], symbol_figures("space"), samples=9
    )
    assert (wer.a.score, wer.b.score, per.a.score, per.b.score) == pytest.approx((0, 50, 0, 100 / 3))
    references = [["a dog runs here", "a dog walks here"], ["the cat sat down"]]
    outputs = ["a dog walks here", "the cat sat up"]
    found = compare_outputs(references, outputs, outputs, sentence_figures(), samples=2)
    direct = score_sentences(outputs, references)
    assert [metric.a.score for metric in found] == pytest.approx([direct.bleu, direct.chrf, direct.ter])


def test_table_and_json(tmp_path: Path):
    references, a, b = make_lines(30)
    packed = tmp_path / "ref.gz"
    packed.write_bytes(gzip.compress("".join(f"{line}\n" for line in references).encode()))
    files = write(tmp_path / "a.txt", a), write(tmp_path / "b.txt", b)
    found = compare(str(packed), (str(files[0]), str(files[1])), ComparedBy(), samples=20, seed=3)
    said = found.to_json()
    assert list(said) == ["n", "a", "b", "samples", "seed", "differences", "bleu", "chrf", "ter"]
    assert (said["n"], said["a"], said["samples"], said["seed"]) == (30, str(files[0]), 20, 3)
    assert list(said["bleu"]) == ["a", "b", "difference", "p", "signature"]
    bleu = said["bleu"]
    assert bleu["difference"] == pytest.approx(bleu["b"]["score"] - bleu["a"]["score"], abs=2e-4)
    lines = found.table().splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["BLEU", "chrF", "TER"]
    assert f"{found.metrics[0].a.score:.2f} (" in lines[1]
