import json
from pathlib import Path
from typing import Any

from benchmarks import session_speed


def test_every_size_is_measured(tiny_export: Path, tmp_path: Path, monkeypatch: Any, capsys: Any):
    (tmp_path / "words").write_text("ab\nß\néab\n", encoding="utf-8")
    monkeypatch.setattr(session_speed, "SIGNATURES", ("serving_default",))
    session_speed.main([str(tiny_export), "--as-it-is", "--words", str(tmp_path / "words"), "--seconds", "0.01"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["serving_default"]
    assert list(found) == ["first", *map(str, session_speed.SIZES)]
    assert found["4"]["strings/s"] > 0
