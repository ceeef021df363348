"""Normal forms and lowercase: Python's and the graph's are the same, and doing it twice changes nothing."""

import os
import subprocess
import sys
import unicodedata
from typing import get_args, get_type_hints

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings.text import TextConfiguration
from pipeline.text.normalization import normalize
from pipeline.unicode.normal_forms import NORMAL_FORMS, normalize_string, to_form

# Those that Python's tables know: the graph's may be newer.
KNOWN = [
    chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) != "Cn"
]
# Capitals of Unicode 14, which the graph's tables for lowercase lack: it leaves them as they are.
NEW_CAPITALS = {0x2C2F, 0xA7C0, 0xA7D0, 0xA7D6, 0xA7D8, *range(0x10570, 0x10596)}
FORMS = list(NORMAL_FORMS)


def test_every_choice_has_a_row():
    assert get_args(get_type_hints(TextConfiguration)["normalization"]) == tuple(NORMAL_FORMS)
    for name, form in NORMAL_FORMS.items():
        # "e" with an accent, composed or not as the row says.
        assert form.composed in (None, len(to_form("e\u0301", name)) == 1)


@pytest.mark.parametrize("form", FORMS)
def test_graph_and_python_agree_on_every_code_point(form: str):
    texts = [f"a{character}b" for character in KNOWN]
    assert normalize(texts, form).numpy().tolist() == [normalize_string(t, form, False).encode() for t in texts]


@pytest.mark.parametrize("form", ["none", "nfc", "nfkc"])
def test_graph_and_python_lower_every_code_point_alike(form: str):
    texts = [f"a{character}b" for character in KNOWN if ord(character) not in NEW_CAPITALS]
    lowered = normalize(texts, form, lowercase=True)
    assert lowered.numpy().tolist() == [normalize_string(text, form, True).encode() for text in texts]
    # Outputs go the same way as references, though they went it already when they were targets.
    assert normalize(lowered, form, lowercase=True).numpy().tolist() == lowered.numpy().tolist()


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ΣσςΑα.'’ \u0301\u0345\u0307IİıiJÌĨ̀Įǰ각각ﬁ①℡ẞß\u0000\u2001\u00a8K")),
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
