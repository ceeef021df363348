"""Unicode's normal forms as `text.normalization` names them, without TensorFlow; `pipeline.text` has them in the graph.

The Unicode Standard Annex 15, https://unicode.org/reports/tr15.
"""

import unicodedata
from typing import Literal, NamedTuple

from pipeline.white_space import strip

UnicodeName = Literal["NFC", "NFD", "NFKC", "NFKD"]


class NormalForm(NamedTuple):
    """A row of the table."""

    unicode: UnicodeName | None
    """Unicode's name of it; None leaves the code points as they are."""
    composed: bool | None
    """Whether a letter and its marks are one code point where there is one for them; None: as they came."""


NORMAL_FORMS = {
    "none": NormalForm(None, None),
    "nfc": NormalForm("NFC", True),
    "nfd": NormalForm("NFD", False),
    "nfkc": NormalForm("NFKC", True),
    "nfkd": NormalForm("NFKD", False),
}


def to_form(text: str, normalization: str) -> str:
    r"""The text in a normal form of the table.

    Example:
        >>> [len(to_form("각", name)) for name in ("none", "nfc", "nfd")]
        [1, 1, 3]
    """
    form = NORMAL_FORMS[normalization].unicode
    return unicodedata.normalize(form, text) if form else text


def normalize_string(text: str, normalization: str, lowercase: bool) -> str:
    """What `pipeline.text.normalize` makes of valid UTF-8.

    The two have Unicode tables of their own: letters that are newer than one of them are the same only as they stand.

    Example:
        >>> normalize_string(" ＳＴＲＡẞＥ ", "nfkc", lowercase=True)
        'straße'
    """
    formed = to_form(text, normalization)
    if lowercase:
        # Capitals may come out of a normal form (℡ is TEL in nfkc), and what is lowered may have lost it (İ).
        formed = to_form(formed.lower(), normalization)
    return strip(formed)
