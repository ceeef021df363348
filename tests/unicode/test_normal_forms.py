"""Normal forms and lowercase: Python's and the graph's are the same, and doing it twice changes nothing."""

import os
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings.text import TextConfiguration
from pipeline.text.normalization import normalize
from pipeline.unicode.normal_forms import NORMAL_FORMS, normalize_string, to_form
from tests.quick_cases import quick

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
# Beyond, nothing is assigned but for private use.
PLANES = [character for character in EVERY if ord(character) >> 16 in (0, 1, 2, 3, 14)]
PER_STRING = 64
FORMS = list(NORMAL_FORMS)


def test_every_choice_has_a_row():
    assert get_args(get_type_hints(TextConfiguration)["normalization"]) == tuple(NORMAL_FORMS)
    for name, form in NORMAL_FORMS.items():
        # "e" with an accent, composed or not as the row says.
        assert form.composed in (None, len(to_form("e\u0301", name)) == 1)


def with_every_character(template: str) -> list[str]:
    """All of Unicode, each character in the place of the braces, many to a string."""
    parts = [template.replace("{}", character) for character in (EVERY if template == "a{}" else PLANES)]
    return ["b".join(["", *parts[place : place + PER_STRING], ""]) for place in range(0, len(parts), PER_STRING)]


# What decomposes, what composes, and before and after which marks it stands.
@pytest.mark.parametrize(
    "template", quick(["a{}", "a{}\u0334", "\u0345{}", "{}\u0301", "\U0001611e{}\U0001611f"], 0, 3)
)
@pytest.mark.parametrize("form", FORMS)
def test_graph_and_python_agree_on_every_code_point(form: str, template: str):
    texts = with_every_character(template)
    assert normalize(texts, form).numpy().tolist() == [normalize_string(t, form, False).encode() for t in texts]


# A sigma is another one at the end of a word: after a letter and before none, marks and some signs not counted.
@pytest.mark.parametrize(
    ("form", "template"),
    [
        ("nfkc", "a{}"),
        *(("none", template) for template in ("aΣ{} ", "aΣ{}c ")),
        *quick(("none", template) for template in ("a{}", " {}Σ ", "a{}Σ ", "a\u1734{}\u1734Σ ")),
    ],
)
def test_graph_and_python_lower_every_code_point_alike(form: str, template: str):
    texts = with_every_character(template)
    lowered = normalize(texts, form, lowercase=True)
    assert lowered.numpy().tolist() == [normalize_string(text, form, True).encode() for text in texts]
    # Outputs go the same way as references, though they went it already when they were targets.
    assert normalize(lowered, form, lowercase=True).numpy().tolist() == lowered.numpy().tolist()


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.sampled_from("ΣσςΑα.'’ \u0301\u0345\u0307IİıiJÌĨ̀Įǰ각각ﬁ①℡ẞß\u0000\u2001\u00a8K𖄣𖄠𖄡𖄢𞓮𞓬\u0897\u0334𐗒𐗉𜳖ﭏ\u1734Ⱟა")
    ),
    st.sampled_from(FORMS),
    st.booleans(),
)
def test_graph_and_python_agree_on_strings(text: str, form: str, lowercase: bool):
    found = normalize([text], form, lowercase).numpy()[0].decode()
    assert found == normalize_string(text, form, lowercase)
    assert normalize([found], form, lowercase).numpy()[0].decode() == found


def test_none_leaves_what_is_valid():
    texts = ["e\u0301 é", "\u1e9b\u0323", "ﬁ①ｱ", "각 각", "\u0958\u212b\u0344", "\ufeffa\u200f"]
    assert [text.decode() for text in normalize(texts, "none").numpy()] == texts
    assert normalize(tf.constant([b"a\xff\xc3"]), "none").numpy()[0].decode() == "a\ufffd\ufffd"


def test_lowercase_knows_the_final_sigma_and_keeps_what_stands_after_a_nul():
    found = normalize(["ΟΔΥΣΣΕΥΣ ΣΑΣ", "A\0B\0", "İI"], "nfc", lowercase=True).numpy()
    assert [text.decode() for text in found] == ["οδυσσευς σας", "a\0b\0", "i̇i"]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["tr_TR.UTF-8", "lt_LT.UTF-8", "az"])
def test_lowercase_does_not_depend_on_the_shells_language(language: str):
    texts = ["TITLE İSTANBUL I\u0307", "J\u0301 I\u0300 Ì Í Ĩ Į\u0303"]
    code = (
        "from pipeline.text.normalization import normalize\n"
        f"print(ascii([text.decode() for text in normalize({texts!r}, 'nfd', True).numpy()]))"
    )
    environment = {**os.environ, "LC_ALL": language, "LANG": language, "PYTHONIOENCODING": "utf-8"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ascii([normalize_string(text, "nfd", True) for text in texts])
