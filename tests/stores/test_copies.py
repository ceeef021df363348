"""Objects of real servers, fetched through ways that fail: whole or not at all, and no older than they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.files.lines import read_lines
from pipeline.pairs.data_files import checksum_of_content
from pipeline.pairs.locations import list_corpora, name_of_location, source_files
from pipeline.pairs.reading import read_pairs
from pipeline.stores import store as store_module
from pipeline.stores.copies import FOLDER, forget_copies, is_there, local_copy
from pipeline.stores.store import Store
from tests.store_servers import BUCKET, Way, s3_server, webdav_server

PAIRS = "".join(f"w{number}\tW {number}\n" for number in range(4000))


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(FOLDER, str(tmp_path / "copies"))
    monkeypatch.setattr(store_module, "WAITS", (0.01,) * 4)
    forget_copies()
    yield
    forget_copies()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    with s3_server(monkeypatch.setenv) as way:
        yield way


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Way]:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "pairs.tsv").write_text(PAIRS)
    with webdav_server(tmp_path / "web") as way:
        yield way


def put(name: str, content: str) -> str:
    address = f"s3://{BUCKET}/{name}"
    Store(address, writes=True).write(address, content.encode())
    return address


def test_pairs_of_an_object(s3: Way):
    address = put("in/pairs.tsv", PAIRS)
    pairs = list(read_pairs(address, "train"))
    assert len(pairs) == 4000
    assert pairs[6][:3] == ("w6", "W 6", 7)


def test_it_is_fetched_once_and_again_when_it_changes(s3: Way):
    address = put("pairs.tsv", PAIRS)
    first = local_copy(address)
    assert local_copy(address) == first
    forget_copies()
    s3.asked.clear()
    assert local_copy(address) == first
    assert "GET" not in [method for method, path in s3.asked if "pairs.tsv" in path]
    put("pairs.tsv", "a\tb\n")
    assert local_copy(address) == first  # one process reads one version
    forget_copies()
    assert Path(local_copy(address)).read_text() == "a\tb\n"


@pytest.mark.parametrize("kind", ["503", "cut"])
@pytest.mark.parametrize("server", ["s3", "web"])
def test_what_fails_in_passing_is_tried_again(request: pytest.FixtureRequest, server: str, kind: str):
    way: Way = request.getfixturevalue(server)
    address = put("pairs.tsv", PAIRS) if server == "s3" else f"http://127.0.0.1:{way.port}/pairs.tsv"
    fault = way.fail(kind, times=2, part="pairs.tsv")
    assert Path(local_copy(address)).read_text() == PAIRS
    assert fault.happened == 2


def test_a_connection_that_is_cut_for_ever_leaves_nothing(web: Way, tmp_path: Path):
    web.fail("cut", times=10**6, part="pairs.tsv")
    with pytest.raises(DataError, match=r"pairs\.tsv: cannot be read"):
        local_copy(f"http://127.0.0.1:{web.port}/pairs.tsv")
    assert [path for path in (tmp_path / "copies").rglob("*") if path.is_file()] == []


def test_an_answer_from_before_is_not_taken_for_what_is_there(s3: Way):
    """The object is there anew, but the way to it still has the old one: neither half the one nor half the other."""
    address = put("pairs.tsv", PAIRS)
    local_copy(address)
    longer = PAIRS + "one\tmore\n"
    put("pairs.tsv", longer)
    forget_copies()
    fault = s3.fail("stale", times=1, part="pairs.tsv")
    assert Path(local_copy(address)).read_text() == longer
    assert fault.happened == 1


def test_patterns_and_folders(s3: Way):
    for name in ("in/b.tsv", "in/a.tsv.gz", "in/notes.md", "in/deep/c.tsv"):
        put(name, "a\tb\n")
    folder = f"s3://{BUCKET}/in"
    assert [place for place, _ in list_corpora(f"{folder}/*.tsv")] == [f"{folder}/b.tsv"]
    assert [place for place, _ in list_corpora(f"{folder}/")] == [f"{folder}/a.tsv.gz", f"{folder}/b.tsv"]
    assert [place for place, _ in list_corpora(f"{folder}/*/*.tsv")] == [f"{folder}/deep/c.tsv"]
    assert source_files({f"{folder}/b.tsv": 2, f"{folder}/deep/c.tsv": 1})[0] == f"{folder}/b.tsv"
    assert name_of_location(f"{folder}/b.tsv") == "b"
    assert name_of_location(f"{folder}/*.tsv") == "in"


def test_aligned_files(s3: Way):
    put("x.de", "ein\nzwei\n")
    put("x.en", "one\ntwo\n")
    pairs = read_pairs(f"s3://{BUCKET}/x.de,s3://{BUCKET}/x.en", "train")
    assert [pair[:2] for pair in pairs] == [("ein", "one"), ("zwei", "two")]


def test_the_same_content_wherever_it_lies(s3: Way, tmp_path: Path):
    (tmp_path / "pairs.tsv").write_text(PAIRS)
    assert checksum_of_content(put("pairs.tsv", PAIRS)) == checksum_of_content(str(tmp_path / "pairs.tsv"))


def test_what_is_not_there_is_named(s3: Way):
    address = f"s3://{BUCKET}/nothing.tsv"
    assert not is_there(address)
    with pytest.raises(DataError, match=rf"{address}: no such object"):
        list(read_lines(address))
    with pytest.raises(DataError, match="no such object"):
        local_copy("s3://no-such-bucket/a.tsv")


def test_a_server_that_does_not_answer_is_not_an_object_that_is_not_there():
    with pytest.raises(DataError, match=r"https?://localhost:9/a.tsv: cannot be asked"):
        local_copy("http://localhost:9/a.tsv")


def test_bad_lines_are_named_by_their_address(s3: Way):
    address = put("pairs.tsv", "a\tb\nno tab\n")
    with pytest.raises(DataError, match=rf"{address}:2: no TAB"):
        list(read_pairs(address, "train"))


def test_stores_that_nothing_speaks_to_are_named():
    with pytest.raises(UsageError, match=r"ftp://host/a.tsv: no store of kind ftp:// is known, only s3://"):
        local_copy("ftp://host/a.tsv")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.stores.addresses.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"gs:// needs fsspec and gcsfs.*pip install fsspec gcsfs"):
        local_copy("gs://bucket/a.tsv")
    with pytest.raises(UsageError, match=r"pip install -r requirements-stores\.txt"):
        local_copy("s3://bucket/a.tsv")


def test_https_is_for_reading():
    with pytest.raises(UsageError, match="can only be read"):
        Store("https://example.org/run", writes=True)


def test_one_of_several_writes_a_new_object(s3: Way):
    address = f"s3://{BUCKET}/claim"
    store = Store(address, writes=True)
    assert store.write_new(address, b"mine")
    assert not store.write_new(address, b"theirs")
    assert store.write_new(address, b"mine")  # an answer that was lost: it is this one's own
    assert store.read(address) == b"mine"


@pytest.mark.parametrize("kind", ["503", "cut"])
def test_writing_is_tried_again(s3: Way, tmp_path: Path, kind: str):
    address, place = f"s3://{BUCKET}/sent", tmp_path / "file"
    place.write_bytes(PAIRS.encode())
    fault = s3.fail(kind, times=2, method="PUT", part="sent")
    Store(address, writes=True).send(place, address)
    assert fault.happened == 2
    assert Store(address).read(address) == PAIRS.encode()
