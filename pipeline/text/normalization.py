"""Normal forms and lowercase in the graph."""

from typing import Any

import tensorflow as tf
from tensorflow_text.python.ops.normalize_ops import normalize_utf8

from pipeline.unicode.normal_forms import NORMAL_FORMS
from pipeline.unicode.white_space import ENDS


def normalize(strings: Any, normalization: str = "nfc", lowercase: bool = False) -> tf.Tensor:
    """Valid UTF-8 in one normal form, without white space at the ends; invalid bytes become U+FFFD.

    Lowercasing is not case folding: ß stays ß. `pipeline.unicode.normal_forms.normalize_string` is the same without
    TensorFlow.
    """
    return normalize_valid(make_valid(strings), normalization, lowercase)


def make_valid(strings: Any) -> tf.Tensor:
    """UTF-8: valid strings as they are, in others U+FFFD for what is no character."""
    return tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")


def normalize_valid(strings: Any, normalization: str, lowercase: bool) -> tf.Tensor:
    """The same of strings that are valid UTF-8."""
    strings = to_form(strings, normalization)
    if lowercase:
        # Capitals may come out of a normal form (℡ is TEL in nfkc), and what is lowered may have lost it (İ).
        strings = to_form(_lower(strings), normalization)
    return tf.strings.regex_replace(strings, ENDS, "")


def to_form(strings: Any, normalization: str) -> tf.Tensor:
    """Valid UTF-8 in a normal form, by its name in `pipeline.unicode.normal_forms.NORMAL_FORMS`."""
    form = NORMAL_FORMS[normalization].unicode
    return normalize_utf8(strings, form) if form else tf.convert_to_tensor(strings)


def _lower(strings: tf.Tensor) -> tf.Tensor:
    """Lowercase, the same on every machine.

    TensorFlow's operation follows the language of the shell for the letters that Turkish, Azerbaijani and Lithuanian
    lower in their own way, and forgets what stands after a NUL.
    """
    for letter in "IİJÌÍĨĮ":
        strings = tf.strings.regex_replace(strings, letter, letter.lower())
    parts = tf.strings.split(strings, "\0")
    lowered = tf.strings.lower(parts.flat_values, encoding="utf-8")
    closed = tf.strings.reduce_join(parts.with_flat_values(tf.strings.join([lowered, "\0"])), axis=-1)
    lengths = tf.strings.length(closed)
    return tf.strings.substr(closed, tf.zeros_like(lengths), lengths - 1)
