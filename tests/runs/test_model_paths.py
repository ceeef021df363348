from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.runs.model_paths import split_models


def test_paths_with_commas(tmp_path: Path):
    assert split_models(Path("a")) == [Path("a")]
    assert split_models(Path("r/a,r/b, r/c")) == [Path("r/a"), Path("r/b"), Path("r/c")]
    both = tmp_path / "a,b"
    assert split_models(both) == [tmp_path / "a", Path("b")]
    both.mkdir()
    assert split_models(both) == [both]
    # Members may have commas and spaces of their own.
    odd = [tmp_path / "c,d", tmp_path / "e "]
    for place in odd:
        place.mkdir()
    assert split_models(Path(f"{odd[0]},{odd[1]},f")) == [*odd, Path("f")]
    assert split_models(Path(f"{odd[1]},{both}, {odd[0]}")) == [odd[1], both, odd[0]]
    for path in ("a,", ",a", "a,,b", ","):
        with pytest.raises(UsageError, match="a path is missing beside a comma"):
            split_models(Path(path))
