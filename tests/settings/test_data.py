import pytest

from pipeline.errors import UsageError
from pipeline.settings.configure import configure


def test_columns():
    assert configure("cmudict").data.columns is None
    given = {"source": 2, "target": 1}
    assert configure("cmudict", {"data.columns": given}).data.columns == given
    named = {"source": "lemma", "target": "form"}
    assert configure("cmudict", {"data.columns": named}).data.columns == named


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ({"source": 1}, "must be as {source: 1, target: 2}"),
        ({"source": 1, "target": 2, "other": 3}, "must be as {source: 1, target: 2}"),
        ({"source": 0, "target": 2}, "data.columns: source: 0 is impossible, it must be at least 1, or a name"),
        ({"source": 1, "target": 1}, "a column of its own for each"),
        ({"source": 1, "target": "form"}, "all numbers, or all names"),
        (
            {"source": 1.5, "target": 2},
            "must be a mapping to numbers or names or null",
        ),
        (3, "it must be a mapping to numbers or names or null"),
    ],
)
def test_columns_that_say_nothing(columns: object, wrong: str):
    with pytest.raises(UsageError, match=wrong):
        configure("cmudict", {"data.columns": columns})


def test_stems_are_made_up_of_characters():
    for kind, refused in (("char", False), ("space", True), ("bpe", True)):
        changes = {"text.target_tokenizer": kind, "data.hallucinated": 4}
        if refused:
            with pytest.raises(UsageError, match=r"data\.hallucinated: 4 is impossible, it must be 0 where a side"):
                configure("cmudict", changes)
        else:
            assert configure("cmudict", changes).data.hallucinated == 4
    with pytest.raises(UsageError, match=r"data\.hallucinated: -1 is impossible"):
        configure("cmudict", {"text.target_tokenizer": "char", "data.hallucinated": -1})
