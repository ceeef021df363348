"""What counts as white space: Unicode's property White_Space, the same wherever text is split or stripped.

Python's own `str.strip` and `str.split` take four separators of files (U+001C to U+001F) besides; TensorFlow's know
ASCII alone, to which an ideographic space is a letter. Zero-width spaces, byte order marks and marks of direction are
no white space: to Unicode they are format characters, and stay.
"""

import re

_ASCII = "\t\n\v\f\r "
# The spaces of typography, from the next line's sign to the ideographic space.
_OTHERS = "\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
WHITE_SPACE = _ASCII + _OTHERS

# Regular expressions that Python and the graph (RE2) read alike.
ENDS = rf"\A[{WHITE_SPACE}]+|[{WHITE_SPACE}]+\z"
BEYOND_ASCII = f"[{_OTHERS}]"
_WORD = re.compile(f"[^{WHITE_SPACE}]+")


def strip(text: str) -> str:
    r"""The text without white space at its ends.

    Example:
        >>> strip("\u3000a b\xa0\n"), strip("\u200b")
        ('a b', '\u200b')
    """
    return text.strip(WHITE_SPACE)


def split(text: str, separator: str | None = None) -> list[str]:
    r"""What stands between white space; or between separators, without white space at its ends.

    Args:
        text: Any.
        separator: At least one character; None is white space.

    Example:
        >>> split(" a\u3000b\xa0 c\x1fd ")
        ['a', 'b', 'c\x1fd']
        >>> split("New York|| a\u3000|", "|")
        ['New York', 'a']
    """
    if separator is None:
        return _WORD.findall(text)
    return [part for part in map(strip, text.split(separator)) if part]
