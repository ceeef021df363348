import pytest

from pipeline.data.made_up.shared_parts import LEAST, SharedPart, shared_parts


@pytest.mark.parametrize(
    ("source", "target", "parts"),
    [
        ("walk", "walked", [(0, 0, 4)]),
        ("gehen", "gegangen", []),  # "ge" and "en" are too short
        ("aufmachen", "macht auf", [(3, 0, 4)]),  # the longest one; "auf" stands on the other side of it
        ("kitabu", "vitabu", [(1, 1, 5)]),
        ("abcxdefgh", "abc-defgh", [(0, 0, 3), (4, 4, 5)]),
        ("", "abc", []),
        ("Ab", "Ab", []),
    ],
)
def test_parts(source: str, target: str, parts: list[tuple[int, int, int]]):
    assert shared_parts(source, target) == [SharedPart(*part) for part in parts]


def test_they_are_alike_in_order_and_none_is_short():
    source, target = "übertrieben und vertrieben " * 20, "vertrieben und übertrieben " * 20
    found = shared_parts(source, target)
    assert found == sorted(found) == sorted(found, key=lambda part: part.target)
    for part in found:
        assert part.length >= LEAST
        own = source[part.source : part.source + part.length]
        assert own == target[part.target : part.target + part.length]
