"""The same answers as `predict`, outside Python: in Node, and in the page; 200 words of four scripts."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.export_loaders import KINDS, Kind, make_model
from pipeline.answering.predictions import Predictions
from pipeline.portable.export import save_folder
from pipeline.portable.kinds import FolderKind
from pipeline.prediction.predictor import Predictor
from pipeline.settings.text import TextConfiguration
from tests.browser import open_page, take_picture
from tests.node import find_node, find_package, run_node
from tests.tiny_task import tiny_configuration, write_pairs

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("answer_words.mjs")
# Latin, Cyrillic, Arabic and Hangul, each letter with what is written for it.
SCRIPTS = [
    {"a": "A", "b": "B", "é": "E", "ß": "S S"},
    {"б": "B", "д": "D", "ж": "Z H", "я": "Y A"},
    {"ا": "A", "ب": "B", "د": "D", "ش": "S H"},
    {"가": "G A", "나": "N A", "다": "D A", "각": "G A G"},
]
BEAM = 3


def make_words(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < count:
        script = SCRIPTS[len(words) % len(SCRIPTS)]
        words["".join(chance.choices(list(script), k=chance.randint(1, 6)))] = None
    return list(words)


def sounds(word: str) -> str:
    letters = {letter: sound for script in SCRIPTS for letter, sound in script.items()}
    return " ".join(letters[letter] for letter in word)


WORDS = make_words(1200, seed=0)
ASKED = WORDS[-200:]
ODD = ["", "?", "a\u0301b", "ab" * 40, " ab ", "=a", "<b>a</b>", "\U0001f642a"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pipeline.training.run import train

    place = tmp_path_factory.mktemp("scripts")
    parts = {"train": WORDS[:900], "dev": WORDS[900:1000], "test": ASKED}
    locations = {
        name: write_pairs(place / f"{name}.tsv", [(word, sounds(word)) for word in words])
        for name, words in parts.items()
    }
    train(tiny_configuration(locations), place / "run", export=False)
    return place / "run"


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pipeline.commands.main import main
    from pipeline.portable.page import VARIABLE

    place = tmp_path_factory.mktemp("folder") / "three <scripts>"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(find_package("onnxruntime-web")))
        options = ["--format", "onnx", "--page", "--beam", str(BEAM)]
        assert main(["export", str(run), str(place), *options]) == 0
    return place


@pytest.fixture(scope="module")
def expected(run: Path) -> Predictions:
    import pipeline

    return pipeline.load(run, beam_size=BEAM, n_best=BEAM).predict([*ASKED, *ODD])


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder as its page says; gives the address."""
    command = [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen([*command[:1], "-u", *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout
        line = process.stdout.readline().decode()
        yield f"http://127.0.0.1:{int(line.split(' port ')[1].split()[0])}/"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serve(folder) as found:
        yield found


def assert_same(answers: list[dict[str, Any]], expected: Predictions) -> None:
    for answer, prediction in zip(answers, expected, strict=True):
        found = [output["text"] for output in answer["outputs"]]
        assert found == prediction.texts, prediction.source
        np.testing.assert_allclose([output["score"] for output in answer["outputs"]], prediction.scores, atol=1e-4)
        flags = answer["cut"], answer["invalid"], answer["unknown"], answer["sourceTokens"]
        assert flags == (prediction.cut, prediction.invalid, prediction.unknown, prediction.source_tokens)
        for output, hypothesis in zip(answer["outputs"], prediction.hypotheses, strict=True):
            assert (output["tokens"], output["limited"]) == (hypothesis.tokens, hypothesis.limited)
            np.testing.assert_allclose(output["attention"], hypothesis.attention, atol=1e-4)


def test_node_answers_as_predict(folder: Path, expected: Predictions):
    find_package("onnxruntime-node")
    assert_same(run_node(SCRIPT, {"words": [*ASKED, *ODD]}, folder), expected)


def test_node_goes_on_from_a_prefix_as_predict(run: Path, folder: Path):
    import pipeline

    find_package("onnxruntime-node")
    words, prefixes = ASKED[:40], ["", "A", "B A", "x Z H"] * 10
    expected = pipeline.load(run, beam_size=BEAM, n_best=BEAM).predict(words, prefixes=prefixes)
    found = run_node(SCRIPT, {"words": words, "prefixes": prefixes}, folder)
    assert [answer["outputs"][0]["text"] for answer in found] == [prediction.texts[0] for prediction in expected]


@pytest.mark.browser
def test_the_page_goes_on_from_a_prefix(address: str):
    with open_page() as page:
        page.goto(address)
        page.fill("#one", "ab")
        page.fill("#prefix", "B A x")
        page.wait_for_function("() => document.querySelector('#outputs bdi')?.textContent.startsWith('B A ')")
        assert "The model cannot write: x" in page.inner_text("#notes")
        page.fill("#prefix", "")
        page.wait_for_function("() => document.querySelector('#outputs bdi')?.textContent === 'A B'")


@pytest.fixture(scope="module")
def several_heads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Predictions]:
    """A folder of an untrained model that copies, and what it answers."""
    settings = {"attention": "multi_head_bahdanau", "copy": True}
    kind, place = Kind(settings, search={"beam_size": 2}), tmp_path_factory.mktemp("heads")
    model, text = make_model(kind, place), TextConfiguration("char", "char")
    web = find_package("onnxruntime-web")
    save_folder(model, text, place / "folder", FolderKind("onnx", page=True), web)
    return place / "folder", Predictor(model, text, 2).predict(["cat", "the d\u0436g"], heads_apart=True)


def test_node_tells_each_head(several_heads: tuple[Path, Predictions]):
    find_package("onnxruntime-node")
    folder, expected = several_heads
    answers = run_node(SCRIPT, {"words": ["cat", "the d\u0436g"]}, folder)
    assert_same(answers, expected)
    for answer, prediction in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer["outputs"][0]["heads"], prediction.attention_heads, atol=1e-4)
        np.testing.assert_allclose(answer["outputs"][0]["copied"], prediction.copied, atol=1e-4)
        assert not {"heads", "copied"} & set(answer["outputs"][1])


def test_node_reads_each_side_in_its_own_way(tmp_path: Path):
    find_package("onnxruntime-node")
    kind = KINDS["sides of their own"]
    model = make_model(kind, tmp_path)
    save_folder(model, kind.text, tmp_path / "folder", FolderKind("onnx", page=True), find_package("onnxruntime-web"))
    words, prefixes = ["cat the", "", "Straße über", "a-cat"], ["", "cat-the", "u\u0308ber", "cat the"]
    expected = Predictor(model, kind.text, model.n_best).predict(words, prefixes=prefixes)
    found = run_node(SCRIPT, {"words": words, "prefixes": prefixes}, tmp_path / "folder")
    assert_same(found, expected)
    assert found[1]["outputs"][0]["text"].startswith("cat-the")


@pytest.mark.browser
def test_the_page_shows_each_head_of_the_best_output(several_heads: tuple[Path, Predictions], tmp_path: Path):
    folder, [prediction, _] = several_heads
    assert prediction.attention_heads is not None
    with serve(folder) as address, open_page() as page:
        page.goto(address)
        page.fill("#one", "cat")
        page.wait_for_selector("#attention table")
        for number, weights in enumerate([prediction.attention, *prediction.attention_heads]):
            page.locator("#head").select_option(index=number)
            shown = page.locator("#attention td[style]").evaluate_all(
                "cells => cells.map(cell => Number(cell.style.getPropertyValue('--weight')))"
            )
            np.testing.assert_allclose(shown, weights.ravel(), atol=1e-3)
        take_picture(page, "page-heads", tmp_path)
        page.locator("#outputs button").nth(1).click()
        assert page.locator("#heads").is_hidden()


def test_the_example_of_the_docs_answers_as_predict(folder: Path, expected: Predictions, tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "other_programs.md").read_text(encoding="utf-8")
    (tmp_path / "example.mjs").write_text(page.partition("```js\n")[2].partition("```")[0], encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(find_package("onnxruntime-node").parent)
    found = subprocess.run(
        [find_node(), "example.mjs", str(folder), *ASKED[:5]], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stderr
    rows = [line.split("\t")[:2] for line in found.stdout.splitlines()]
    answers = zip(ASKED[:5], expected, strict=False)
    assert rows == [[word, text] for word, prediction in answers for text in prediction.texts]


def test_what_is_damaged_is_not_run(folder: Path, tmp_path: Path):
    import shutil

    find_package("onnxruntime-node")
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    with open(damaged / "model.onnx", "ab") as file:
        file.write(b"x")
    with pytest.raises(AssertionError, match=r"model\.onnx is not as it was exported"):
        run_node(SCRIPT, {"words": ["a"]}, damaged)


@pytest.mark.browser
def test_the_page_answers_as_predict(address: str, expected: Predictions, tmp_path: Path):
    with open_page() as page:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.fill("#list", "\n".join(ASKED))
        page.click("#answer")
        with page.expect_download() as download:
            page.click("#download")
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert page.inner_text("h1") == "three <scripts>"
        take_picture(page, "page-list", tmp_path)
        assert all(url.startswith((address, "data:", f"blob:{address}")) for url in requests), requests
    rows = [line.split("\t") for line in lines[1:]]
    asked = list(expected)[: len(ASKED)]
    assert [row[0] for row in rows] == ASKED
    for row, prediction in zip(rows, asked, strict=True):
        found = row[1 : 1 + 2 * BEAM : 2]
        assert found[: len(prediction.texts)] == prediction.texts
        scores = [float(score) for score in row[2 : 2 + 2 * BEAM : 2] if score]
        np.testing.assert_allclose(scores, prediction.scores, atol=1e-4)


@pytest.mark.browser
def test_the_page_answers_while_it_is_typed(address: str, expected: Predictions, tmp_path: Path):
    with open_page("dark") as page:
        page.goto(address)
        for word, prediction in list(zip([*ASKED, *ODD], expected, strict=True))[::20]:
            page.locator("#one").fill("")
            page.locator("#one").press_sequentially(word, delay=2)
            if not word:
                continue
            best = prediction.texts[0]
            page.wait_for_function("best => document.querySelector('#outputs bdi')?.textContent === best", arg=best)
            symbols = page.locator("#attention thead th").all_inner_texts()
            assert len(symbols) == len(prediction.source_tokens)
        page.fill("#one", "ab<img src=x onerror=alert(1)>" * 4)
        page.wait_for_function("() => document.querySelectorAll('#notes li').length === 2")
        assert "the rest is ignored" in page.inner_text("#notes")
        assert "Not in the training data: < i m g" in page.inner_text("#notes")
        assert page.locator("main img").count() == 0
        take_picture(page, "page-dark", tmp_path)


@pytest.mark.browser
def test_a_table_holds_no_formulas_and_a_list_may_be_stopped(address: str):
    with open_page() as page:
        page.goto(address)
        page.fill("#list", "=a\n\n+b\n  @a\n-a")
        page.click("#answer")
        with page.expect_download() as download:
            page.click("#download")
        rows = [line.split("\t") for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()]
        assert [row[0] for row in rows[1:]] == ["'=a", "", "'+b", "'  @a", "'-a"]
        assert rows[2][-1] == "The line is empty."
        page.evaluate("document.getElementById('list').value = 'ab\\n'.repeat(20000)")
        page.click("#answer")
        page.fill("#one", "ba")  # typing comes first
        page.wait_for_function("() => document.querySelector('#outputs bdi')?.textContent === 'B A'")
        page.click("#stop")
        assert "of 20000 lines answered" in page.inner_text("#count")


@pytest.mark.browser
def test_a_right_to_left_word_on_a_narrow_screen(address: str, tmp_path: Path):
    with open_page() as page:
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(address)
        page.fill("#one", "شباد")
        page.wait_for_selector("#attention table")
        assert page.locator("#attention table").get_attribute("dir") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for _ in range(3):  # past the prefix to the second output
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.locator("#outputs button").nth(1).get_attribute("aria-pressed") == "true"
        take_picture(page, "page-narrow", tmp_path)


@pytest.mark.browser
def test_the_picture_of_the_docs(tmp_path: Path):
    """Of the folder that ATTENTIF_PAGE_FOLDER names, exported with `--page`: docs/page.png."""
    folder = os.environ.get("ATTENTIF_PAGE_FOLDER")
    if folder is None:
        pytest.skip("ATTENTIF_PAGE_FOLDER names no folder to take the picture of")
    with serve(Path(folder)) as address, open_page() as page:
        page.set_viewport_size({"width": 900, "height": 840})
        page.goto(address)
        page.fill("#one", "attention")
        page.wait_for_selector("#attention table")
        take_picture(page, "page", tmp_path)


@pytest.mark.browser
def test_as_a_file_it_says_what_to_do(folder: Path, tmp_path: Path):
    with open_page() as page:
        page.goto((folder / "index.html").as_uri())
        page.wait_for_selector("#as-file")
        assert "python -m http.server" in page.inner_text("#as-file")
        assert page.locator("#work").is_hidden()
        take_picture(page, "page-as-file", tmp_path)
