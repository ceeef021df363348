"""Unicode's normal forms as `text.normalization` names them, without TensorFlow; `pipeline.text` has them in the graph.

The Unicode Standard Annex 15, https://unicode.org/reports/tr15.
"""

import dataclasses
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.unicode.graph_tables import UnicodeName, lower, normal_form
from pipeline.unicode.white_space import strip


class NormalForm(NamedTuple):
    """A row of the table."""

    unicode: UnicodeName | None
    """Unicode's name of it; None leaves the code points as they are."""
    composed: bool | None
    """Whether a letter and its marks are one code point where there is one for them; None: as they came."""
    equals: str
    """The row in which the same strings are the same, so that another setting holds out the same sources."""


NORMAL_FORMS = {
    "none": NormalForm(None, None, "none"),
    "nfc": NormalForm("NFC", True, "nfc"),
    "nfd": NormalForm("NFD", False, "nfc"),
    "nfkc": NormalForm("NFKC", True, "nfkc"),
    "nfkd": NormalForm("NFKD", False, "nfkc"),
}


def to_form(text: str, normalization: str) -> str:
    r"""The text in a normal form of the table.

    Example:
        >>> [len(to_form("각", name)) for name in ("none", "nfc", "nfd")]
        [1, 1, 3]
    """
    form = NORMAL_FORMS[normalization].unicode
    return normal_form(form, text) if form else text


def normalize_string(text: str, normalization: str, lowercase: bool) -> str:
    """What `pipeline.text.normalization.normalize` makes of valid UTF-8.

    Example:
        >>> normalize_string(" ＳＴＲＡẞＥ ", "nfkc", lowercase=True)
        'straße'
    """
    return strip(fold(text, normalization, lowercase))


def fold(text: str, normalization: str, lowercase: bool) -> str:
    """The same with the white space at its ends.

    Example:
        >>> fold(", É", "nfc", lowercase=True)
        ', é'
    """
    formed = to_form(text, normalization)
    # Capitals may come out of a normal form (℡ is TEL in nfkc), and what is lowered may have lost it (İ).
    return to_form(lower(formed), normalization) if lowercase else formed


@dataclasses.dataclass
class FormCounts:
    """In which normal form the strings of one side stand, counted as they pass by `see`.

    Args:
        strings: All of them.
        nfc: Those in NFC, plain ASCII among them.
        nfd: Those in NFD, plain ASCII among them.
        changed: Those that the setting's normal form changes.
        lowered: Those that have capitals, where they are lowered.
        turkish: Those of them with ı or İ, which tell of a language that lowers I to ı.
    """

    strings: int = 0
    nfc: int = 0
    nfd: int = 0
    changed: int = 0
    lowered: int = 0
    turkish: int = 0

    def see(self, text: str, normalization: str, lowercase: bool) -> str:
        """Count the string, and give it back."""
        form = NORMAL_FORMS[normalization].unicode
        self.strings += 1
        self.nfc += unicodedata.is_normalized("NFC", text)
        self.nfd += unicodedata.is_normalized("NFD", text)
        self.changed += form is not None and not unicodedata.is_normalized(form, text)
        if lowercase:
            self.lowered += text != text.lower()
            self.turkish += "ı" in text or "İ" in text
        return text

    @property
    def is_mixed(self) -> bool:
        """Whether the same letters are written in two ways."""
        return max(self.nfc, self.nfd) < self.strings

    @property
    def written(self) -> str:
        """ "nfd" if more strings stand in it than in NFC, else "nfc"."""
        return "nfd" if self.nfd > self.nfc else "nfc"

    def output_form(self, normalization: str) -> str | None:
        """What outputs are brought to, so that they stand as these strings do; None where they do already, or where
        nothing is to be changed.

        Example:
            >>> counts = FormCounts()
            >>> counts.see("é", "nfd", False), counts.output_form("nfd"), counts.output_form("nfkc")
            ('é', 'nfc', None)
        """
        composed = NORMAL_FORMS[normalization].composed
        return None if composed in (None, self.written == "nfc") else self.written


def describe_changes(
    normalizations: tuple[str, str], lowercase: bool, source: FormCounts, target: FormCounts
) -> list[str]:
    """What the settings change of the strings as they stand, and in which form outputs are given, in words.

    Args:
        normalizations: Of sources and targets.
        lowercase: Whether both are lowercased.
        source: Counts of the sources.
        target: Of the targets.

    Example:
        >>> describe_changes(("nfd", "nfd"), False, FormCounts(9, 2, 7, 2), FormCounts(9, 8, 7, 2))
        ['text.normalization nfd changes 2 of 9 sources and 2 of 9 targets', \
'outputs are given in nfc, in which 8 of 9 targets stand']
        >>> describe_changes(("nfd", "nfc"), False, FormCounts(9, 2, 7, 2), FormCounts(9, 8, 7, 1))[:2]
        ['text.normalization nfd changes 2 of 9 sources', 'text.target_normalization nfc changes 1 of 9 targets']
    """
    lines = _describe_forms(normalizations, source, target)
    if lowercase:
        lines.append(f"text.lowercase changes {_of_both(source, target, 'lowered')}")
    if normalizations[1] == "none":
        key = "text.normalization" if normalizations[0] == "none" else "text.target_normalization"
        lines.append(f"{key} none: outputs have the code points that the model writes")
    lines += [
        f"{name} are written in more than one normal form, {side.nfc:,} of {side.strings:,} in NFC, "
        f"{side.nfd:,} in NFD: the same letters are different symbols"
        for name, side, form in (("sources", source, normalizations[0]), ("targets", target, normalizations[1]))
        if side.is_mixed and form == "none"
    ]
    if normalizations[1] != "none":
        kept = max(target.nfc, target.nfd)
        lines.append(f"outputs are given in {target.written}, in which {kept:,} of {target.strings:,} targets stand")
    return lines


def _describe_forms(normalizations: tuple[str, str], source: FormCounts, target: FormCounts) -> list[str]:
    if normalizations[0] == normalizations[1]:
        rows = [("text.normalization", normalizations[0], _of_both(source, target, "changed"))]
    else:
        rows = [
            ("text.normalization", normalizations[0], f"{_of_all(source, 'changed')} sources"),
            ("text.target_normalization", normalizations[1], f"{_of_all(target, 'changed')} targets"),
        ]
    return [f"{key} {form} changes {counts}" for key, form, counts in rows if form != "none"]


def _of_both(source: FormCounts, target: FormCounts, what: str) -> str:
    return f"{_of_all(source, what)} sources and {_of_all(target, what)} targets"


def _of_all(side: FormCounts, what: str) -> str:
    return f"{getattr(side, what):,} of {side.strings:,}"


def count_parts(symbols: Iterable[str]) -> int:
    """How many different characters the symbols are made of, letters and marks taken apart.

    Example:
        >>> count_parts(["각", "간", "가"]), count_parts("aàáâ")
        (4, 4)
    """
    return len({part for symbol in symbols for part in unicodedata.normalize("NFD", symbol)})
