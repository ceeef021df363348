"""Files in a store, prepared on this machine."""

import shutil
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.pairs.locations import list_corpora
from pipeline.preparing.prepare import prepare_corpus
from pipeline.stores.copies import FOLDER, forget_copies
from pipeline.stores.store import Store
from tests.store_servers import BUCKET, s3_server
from tests.tiny_corpus import content_of, prepare_tiny, settings


def test_objects_become_the_corpus_that_files_become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "copies"))
    forget_copies()
    expected = content_of(prepare_tiny(tmp_path))
    with s3_server(monkeypatch.setenv):
        base = f"s3://{BUCKET}/in"
        for path in sorted((tmp_path / "in").iterdir()):
            Store(base, writes=True).write(f"{base}/{path.name}", path.read_bytes())
        prepare_corpus(settings(f"{base}/*.tsv"), tmp_path / "other", 4, 1)
        assert content_of(tmp_path / "other") == expected
        # The folder of a corpus is mapped, which no store can.
        Store(base, writes=True).write(f"{base}/prepared.json", b"{}")
        with pytest.raises(UsageError, match="copy it to this machine first"):
            list_corpora(f"{base}/")
    shutil.rmtree(tmp_path / "copies")
    forget_copies()
