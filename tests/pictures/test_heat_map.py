import io
import logging
import re
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pipeline.errors import DataError
from pipeline.pictures import fonts
from pipeline.pictures.heat_map import BOARD_DPI, BOARD_WIDTH, draw_attention, png_bytes, save_png
from pipeline.unicode.visible import visible

END = "</s>"


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fonts, "_warned", False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def only_dejavu(monkeypatch: pytest.MonkeyPatch):
    """As on a computer without other fonts, whatever this one has."""
    monkeypatch.setattr(fonts, "_find_new_fonts", lambda: None)
    monkeypatch.setattr(fonts, "_upright_faces", dict)


def uniform(targets: Sequence[str], sources: Sequence[str]):
    return np.full((len(targets), len(sources)), 1 / len(sources))


def draw(sources: Sequence[str], targets: Sequence[str], title: str = ""):
    return draw_attention(uniform(targets, sources), sources, targets, title)


def source_labels(figure: Figure):
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def target_labels(figure: Figure):
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def all_texts(figure: Figure):
    return [text for axes in figure.axes for text in axes.findobj(lambda artist: hasattr(artist, "get_parse_math"))]


def image_of(content: bytes):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_labels_are_the_tokens_in_order_sources_on_top():
    sources, targets = [*"phonemes", END], ["F", "OW", "N", "IY", "M", "Z", END]
    figure = draw(sources, targets, "phonemes")
    assert source_labels(figure) == sources
    assert target_labels(figure) == targets
    assert figure.axes[0].get_title() == "phonemes"
    assert figure.axes[0].xaxis.get_ticks_position() == "top"
    assert figure.axes[1].get_ylabel() == "attention weight"


def test_a_row_is_a_target_and_a_column_a_source():
    weights = np.zeros((2, 3))
    weights[0, 2] = 1
    figure = draw_attention(weights, ["a", "b", END], ["x", END])
    image = figure.axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), weights)
    assert image.get_clim() == (0, 1)
    assert figure.axes[0].yaxis_inverted()
    # In pixels too: the dark cell is the one at the top right.
    box = figure.axes[0].get_position()
    pixels = np.asarray(image_of(png_bytes(figure, 100)).convert("L"))
    height, width = pixels.shape
    columns = [round(width * (box.x0 + box.width * (column + 0.5) / 3)) for column in range(3)]
    rows = [round(height * (1 - box.y1 + box.height * (row + 0.5) / 2)) for row in range(2)]
    dark = [(row, column) for row in range(2) for column in range(3) if pixels[rows[row], columns[column]] < 100]
    assert dark == [(0, 2)]


@pytest.mark.parametrize(("sources", "targets"), [("ab", "xyz"), ("a" * 30, "x"), ("a", "x" * 50)])
def test_cells_are_square(sources: Sequence[str], targets: Sequence[str]):
    figure = draw(sources, targets)
    box, (width, height) = figure.axes[0].get_position(), figure.get_size_inches()
    assert box.width * width / len(sources) == pytest.approx(box.height * height / len(targets))


def test_everything_is_inside_the_figure():
    figure = draw(["internationalization", "a", END], ["x" * 23, END], "A title that is wider than the map " * 9)
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 > 0
    assert box.y0 > 0
    assert box.x1 < width
    assert box.y1 < height
    title = figure.axes[0].get_title()
    assert title.count("\n") == 2
    assert title.endswith("…")


def test_mathematics_is_drawn_literally():
    figure = draw(["$x^2$", "$", "_", r"\frac"], ["^", "$\\bad{$", "%"], r"$\undefined_{x}^2$ costs 5$")
    assert source_labels(figure) == ["$x^2$", "$", "_", r"\frac"]
    assert figure.axes[0].get_title() == r"$\undefined_{x}^2$ costs 5$"
    assert all(not text.get_parse_math() for text in all_texts(figure) if text.get_text())
    png_bytes(figure)


@pytest.mark.parametrize(
    ("token", "label"),
    [
        (" ", "␣"),
        ("a b", "a␣b"),
        ("\u200d", "U+200D"),
        ("\u00a0", "U+00A0"),
        ("\t", "U+0009"),
        ("\u0301", "◌\u0301"),
        ("\u0301\u0323", "◌\u0301\u0323"),
        ("a\u00adb", "aU+00ADb"),
        ("\ufe0f", "U+FE0F"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("\u202e", "U+202E"),
        ("e\u0301", "e\u0301"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),
        ("א", "א"),
        ("\ue000", "U+E000"),
        ("x" * 24, "x" * 24),
        ("x" * 25, "x" * 23 + "…"),
    ],
)
def test_invisible_symbols_become_visible(token: str, label: str, caplog: pytest.LogCaptureFixture):
    figure = draw([token, END], [token, END])
    assert source_labels(figure) == [label, END]
    assert target_labels(figure) == [label, END]
    png_bytes(figure)
    assert not caplog.records


@pytest.mark.usefixtures("only_dejavu")
def test_characters_without_a_font_become_code_points_and_warn_once(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        figure = draw([*"中a", END], ["x中文", "한", END], "中 → $x$")
        png_bytes(figure)
        draw([*"日本", END], ["x"])
    assert source_labels(figure) == ["U+4E2D", "a", END]
    assert target_labels(figure) == ["x U+4E2D U+6587", "U+D55C", END]
    assert figure.axes[0].get_title() == "U+4E2D → $x$"
    (record,) = caplog.records
    assert record.name == "pipeline.pictures.fonts"
    assert re.search(r"3 of the characters.*CJK/HANGUL.*中 U\+4E2D.*fonts-noto-cjk", record.getMessage())


def test_other_fonts_help_where_the_default_lacks_a_character(caplog: pytest.LogCaptureFixture):
    other = next(
        character
        for character in map(chr, range(0x2900, 0x1D7FF))
        if ord(character) in fonts._characters_of_family("STIXGeneral")
        and ord(character) not in fonts._characters_of_family("DejaVu Sans")
        and visible(character) == character
    )
    figure = draw(["→", other], ["x"])
    assert source_labels(figure) == ["→", other]
    families = figure.axes[0].get_xticklabels()[0].get_fontfamily()
    assert families[0] == "DejaVu Sans"
    assert len(families) == 2
    png_bytes(figure)  # a missing glyph would warn, and warnings are errors here
    assert not caplog.records


def test_cyrillic_and_greek_need_no_other_font():
    figure = draw([*"Москва", END], [*"Αθήνα", END], "Москва")
    assert figure.axes[0].get_xticklabels()[0].get_fontfamily() == ["DejaVu Sans"]
    png_bytes(figure)


@pytest.mark.parametrize(("size", "smallest", "largest"), [(3, 150, 500), (80, 1200, 2500)])
def test_png_size(size: int, smallest: int, largest: int):
    tokens = [*("abcdefgh" * 10)[: size - 1], END]
    image = image_of(png_bytes(draw(tokens, tokens, "t")))
    assert image.format == "PNG"
    assert all(smallest <= side <= largest for side in image.size)


def test_very_long_sequences_stay_within_bounds_and_skip_labels():
    figure = draw("ab" * 250, "x")
    assert max(figure.get_size_inches()) < 33
    labels = source_labels(figure)
    assert 100 < len(labels) < 500
    assert labels[:2] == ["a", "a"]


def test_wide_source_labels_are_turned():
    one = draw([*"abcdefgh", "long-word"], ["x"]).axes[0].get_xticklabels()
    assert [text.get_rotation() for text in one] == [0] * 8 + [90]
    many = draw(["the", "a", "quickest", "foxhound"], ["x"]).axes[0].get_xticklabels()
    assert [text.get_rotation() for text in many] == [90, 0, 90, 90]


@pytest.mark.parametrize("shape", [(2, 3), (3,), (3, 2, 1)])
def test_weights_of_another_shape_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="3 target symbols and a column for each of the 2 source"):
        draw_attention(np.zeros(shape), ["a", "b"], ["x", "y", "z"])


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        draw_attention(np.zeros((0, 2)), ["a", "b"], [])


def test_half_precision_weights():
    half, full = (draw_attention(np.full((1, 2), 0.5, dtype), ["a", "b"], ["x"]) for dtype in ("float16", "float32"))
    assert png_bytes(half) == png_bytes(full)


def test_save_png_writes_the_whole_file_and_leaves_nothing_else(tmp_path: Path):
    figure, path = draw("ab", "x"), tmp_path / "new" / "map.png"
    save_png(figure, path)
    save_png(figure, str(path))
    assert path.read_bytes() == png_bytes(figure)
    assert [entry.name for entry in path.parent.iterdir()] == ["map.png"]


def test_save_png_to_an_impossible_path(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"map\.png: cannot write the picture"):
        save_png(draw("ab", "x"), tmp_path / "file" / "map.png")
    with pytest.raises(DataError, match="cannot write the picture"):
        save_png(draw("ab", "x"), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_threads_draw_the_same_picture():
    expected, pictures = png_bytes(draw("abc", "xy", "title")), []
    threads = [
        threading.Thread(target=lambda: pictures.append(png_bytes(draw("abc", "xy", "title")))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pictures == [expected] * 4


@pytest.mark.parametrize(
    ("sources", "targets", "token"),
    [(1, 1, "a"), (12, 10, "international"), (70, 50, "a"), (3, 60, "international"), (300, 2, "international")],
)
def test_a_picture_for_the_board_has_its_width_and_is_no_tower(sources: int, targets: int, token: str):
    weights = uniform("x" * targets, "x" * sources)
    figure = draw_attention(weights, [token] * sources, [token] * targets, "a title " * 20, width=BOARD_WIDTH)
    width, height = image_of(png_bytes(figure, BOARD_DPI)).size
    assert width == 350
    assert height < 1000
    assert all(text.get_fontsize() >= 7 for text in all_texts(figure) if text.get_text())
    assert len(target_labels(figure)[0]) <= 12


def test_sources_from_right_to_left_stand_so():
    weights = np.eye(3)
    figure = draw_attention(weights, [*"של", END], [*"sh", END], "של → sh")
    assert source_labels(figure) == ["ש", "ל", END]
    assert figure.axes[0].xaxis_inverted()
    # From the left: the source in its own order, the arrow, the target.
    assert figure.axes[0].get_title() == "\u200e\u2068של\u2069 → \u2068sh\u2069"
    png_bytes(figure)
    assert not draw([*"ab", END], ["א"]).axes[0].xaxis_inverted()


@pytest.mark.usefixtures("only_dejavu")
def test_marks_that_no_font_has_are_code_points_without_a_circle():
    # Signs of Devanagari, and one that DejaVu has.
    assert source_labels(draw(["\u093f", "\u0941", "\u0308"], ["x"])) == ["U+093F", "U+0941", "◌\u0308"]


def test_letters_of_hangul_are_a_syllable_in_the_title():
    assert draw(["a"], ["b"], "\u1112\u1161\u11ab e\u0301").axes[0].get_title() in ("한 é", "U+D55C é")
