"""docs/defaults.md has the tables by which settings are chosen, as they are."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.defaults.tables import ALL_SENTENCES, ALL_SYMBOLS, COPIED, COPIED_FORWARD, FORWARD, SENTENCES, SYMBOLS

PAGE = (Path(__file__).parents[2] / "docs" / "defaults.md").read_text(encoding="utf-8")


def settings(values: dict[str, Any]) -> str:
    return ", ".join(f"`{key}` {yaml.safe_dump(value).split()[0]}" for key, value in values.items())


@pytest.mark.parametrize("row", [*SYMBOLS, *COPIED, *COPIED_FORWARD, *FORWARD, *SENTENCES])
def test_every_row_stands_there(row: Any):
    size = "more" if row.most == float("inf") else f"up to {row.most:,}"
    assert f"| {size} | {settings(row.values)} | {row.seen:,} | {row.epochs} |\n" in PAGE


@pytest.mark.parametrize("values", [ALL_SYMBOLS, ALL_SENTENCES])
def test_what_holds_for_all_rows_stands_there(values: dict[str, Any]):
    assert settings(values) in " ".join(PAGE.split())
