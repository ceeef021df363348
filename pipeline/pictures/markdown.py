"""Any string as a cell of a Markdown table, as TensorBoard reads it: shown as it is, and nothing but text."""

import re
import string

from pipeline.unicode.visible import SPACE, left_to_right, visible

_SWALLOWED = re.compile("^ +| +$|  +")


def escape(text: str) -> str:
    r"""Text that Markdown and HTML leave alone, on one line; spaces that a browser would swallow are made visible.

    Example:
        >>> escape("a|b *c*"), escape(" x"), escape("a\nb")
        ('a&#124;b &#42;c&#42;', '␣x', 'aU&#43;000Ab')
    """
    shown = _SWALLOWED.sub(lambda spaces: SPACE * len(spaces[0]), visible(text, space=" "))
    plain = "".join(f"&#{ord(letter)};" if letter in string.punctuation else letter for letter in shown)
    return left_to_right(plain)
