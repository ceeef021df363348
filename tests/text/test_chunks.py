import pytest

from pipeline.text.chunks import in_chunks


def test_chunks():
    assert list(in_chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(in_chunks(range(4), 2)) == [[0, 1], [2, 3]]
    assert list(in_chunks([], 2)) == []


def test_long_strings_make_short_chunks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.text.chunks.MOST_CHARACTERS", 10)
    strings = ["a" * length for length in (3, 3, 3, 3, 20, 1, 9, 1)]
    assert [[len(string) for string in chunk] for chunk in in_chunks(strings, 5, len)] == [
        [3, 3, 3, 3],
        [20],
        [1, 9],
        [1],
    ]
    assert [len(chunk) for chunk in in_chunks(strings, 5)] == [5, 3]
