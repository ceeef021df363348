"""What XLA compiled is kept for later processes: the first steps of a training take less than half the time then.

TensorFlow keeps it where `--tf_xla_persistent_cache_directory` says, but trusts what it finds there (a flipped bit ends
in a crash), and a disk that is full ends the training. So it is given a place in memory (`ram://`). `open_cache` brings
there what a folder of the user's holds, if its checksum is right; `save_cache` writes what is new. Whatever fails there
costs time only.
"""

import atexit
import contextlib
import dataclasses
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.process.environment import usable_cores
from pipeline.process.user_cache import user_cache

VARIABLE = "ATTENTIF_XLA_CACHE"
"""Environment variable: another folder, or `off`."""
OFF = "off"
MOST_BYTES = 256 << 20
"""Of the folder; what was not used for the longest time goes."""
MOST_OF_ONE = 64 << 20
"""Of one model's, which are all brought into memory; with more it begins anew."""
_PLACE = "ram://attentif-xla"
_FLAG = "--tf_xla_persistent_cache_directory="
# A GPU's code depends on more than what is looked at here.
_FLAGS = f"{_FLAG}{_PLACE} --tf_xla_persistent_cache_device_types=CPU"
# What else decides what the compiler makes of the same input.
_DECIDING = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_PROCESSOR = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features"),
)
_DIGEST = hashlib.sha256().digest_size
_NAMES = 50_000  # of functions; more than the tracing of a step takes
_LOADS = "loads"
# What TensorFlow says where it cannot take an entry.
_REFUSALS = ("Serialized HLO", "Serialized cache key", "No binary found in serialized entry", "XLA:CPU AOT")


@dataclasses.dataclass
class _Cache:
    """What this process has of it."""

    is_on: bool = False
    """Whether TensorFlow was told."""
    folder: Path | None = None
    known: set[str] = dataclasses.field(default_factory=set)
    """What need not be written."""


_cache = _Cache()


@contextlib.contextmanager
def told_to_tensorflow() -> Iterator[None]:
    """Set TensorFlow's flags while it starts, unless it has started or the user has a place of their own.

    They are read once; other programs that this process starts have not the same memory.
    """
    before = os.environ.get("TF_XLA_FLAGS")
    if "tensorflow" in sys.modules or cache_folder() is None or _FLAG in (before or ""):
        yield
        return
    os.environ["TF_XLA_FLAGS"] = f"{before or ''} {_FLAGS}".strip()
    try:
        yield
        _cache.is_on = True
    finally:
        del os.environ["TF_XLA_FLAGS"]
        if before is not None:
            os.environ["TF_XLA_FLAGS"] = before


def cache_folder() -> Path | None:
    """Where it is kept, whether it exists or not; None where it is off."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted:
        return None if wanted.lower() == OFF else Path(wanted).absolute()
    cache = user_cache()
    return cache and cache / "xla"


def open_cache(*of: Any) -> None:
    """Bring back what was compiled before for the same.

    Args:
        of: What is compiled, by what its compiled parts depend on: to others belongs another folder. What differs
            besides costs nothing but room.
    """
    root = cache_folder()
    if not _cache.is_on or root is None:
        return
    save_cache()
    if _cache.folder is None:
        atexit.register(save_cache)
    _cache.folder = root / _key(of)
    for path in _entries(_cache.folder):
        # Writing to a file that is there would append to it.
        content = None if path.name in _cache.known else _read(path)
        if content is not None:
            with _in_memory(path.name, "wb") as file:
                file.write(content)
            _cache.known.add(path.name)


def save_cache() -> None:
    """Write what this process compiled; nothing where that cannot be done."""
    folder = _cache.folder
    if folder is None:
        return
    import tensorflow as tf

    names = set(tf.io.gfile.listdir(_PLACE)) if tf.io.gfile.isdir(_PLACE) else set()
    new = sorted(name for name in names - _cache.known if name.endswith(".pb"))
    if not new:
        return
    _cache.known.update(new)
    with contextlib.suppress(OSError):
        if not _is_ready(folder):
            return
        if sum(path.stat().st_size for path in folder.iterdir()) > MOST_OF_ONE:
            for path in _entries(folder):
                path.unlink(missing_ok=True)
        for name in new:
            with _in_memory(name, "rb") as file:
                _write(folder / name, file.read())
        _shrink(folder.parent)


def forget_refused(reason: str) -> bool:
    """Delete what is kept for this model, if that is why something failed; whether it was."""
    refused = any(words in reason for words in _REFUSALS)
    if refused and _cache.folder is not None:
        for path in _entries(_cache.folder):
            with contextlib.suppress(OSError):
                path.unlink()
    return refused


def name_functions_alike() -> None:
    """Give the functions that are traced from here on names that the same functions had in an earlier process.

    XLA knows what it compiled by its name too, and TensorFlow numbers functions by all that was traced before them:
    an import more, or a training that goes on, and nothing would be found again.
    """
    import tensorflow as tf
    from tensorflow.python.framework.ops import uid

    if _cache.is_on and not tf.executing_eagerly():
        while uid() % _NAMES:
            pass


def _key(of: Any) -> str:
    import tensorflow as tf

    version = tf.version.VERSION, tf.version.GIT_VERSION, tf.version.COMPILER_VERSION
    deciding = [os.environ.get(name) for name in _DECIDING]
    parts = (1, version, _processor(), usable_cores(), deciding, of)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _processor() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    except OSError:  # the chip is a part of a Mac's version
        return [platform.machine(), platform.processor(), platform.version()]
    return [line for line in lines if line.partition("\t")[0].partition(":")[0].strip() in _PROCESSOR]


def _in_memory(name: str, mode: str) -> Any:
    import tensorflow as tf

    tf.io.gfile.makedirs(_PLACE)
    return tf.io.gfile.GFile(f"{_PLACE}/{name}", mode)


def _entries(folder: Path) -> list[Path]:
    """Those of a folder that nobody else can write into: what is in it is run."""
    try:
        owned = all(_is_own(place) for place in (folder, folder.parent))
        return sorted(folder.glob("*.pb")) if owned and (folder / _LOADS).is_file() else []
    except OSError:
        return []


def _is_own(folder: Path) -> bool:
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _read(path: Path) -> bytes | None:
    """What is in an entry; None of a damaged one, which goes."""
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
            with contextlib.suppress(OSError):
                os.utime(path)
            return content[_DIGEST:]
        path.unlink()
    return None


def _write(path: Path, content: bytes) -> None:
    """Under its name when all of it is there; other processes may be writing the same."""
    descriptor, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)  # of a full disk
        raise


def _shrink(root: Path) -> None:
    """Delete what was used longest ago, until the rest fits."""
    found = []
    for path in root.glob("*/*"):
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    size = sum(each[1] for each in found)
    for _, its_size, path in sorted(found):
        if size <= MOST_BYTES:
            return
        if path.name != _LOADS:
            path.unlink(missing_ok=True)
            size -= its_size


def _is_ready(folder: Path) -> bool:
    """Whether a folder can take entries; it is made where there is none, and then it is tried whether they load.

    XLA refuses on some machines what it compiled on the same (https://github.com/jax-ml/jax/issues/38445), which would
    end the next training. If this does, or crashes, the folder is there without its mark, and is never used.
    """
    if folder.is_dir():
        return (folder / _LOADS).is_file() and _is_own(folder) and _is_own(folder.parent)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_own(folder.parent):
        return False
    folder.mkdir(mode=0o700)
    if _loads():
        (folder / _LOADS).touch()
    return (folder / _LOADS).is_file()


def _loads() -> bool:
    """Whether XLA loads what it compiled: a session has nothing of what another had in memory."""
    import tensorflow as tf

    before = set(tf.io.gfile.listdir(_PLACE))
    graph = tf.Graph()
    with graph.as_default():
        given = tf.compat.v1.placeholder(tf.float32, [2, 2])
        square = tf.function(lambda part: tf.nn.softmax(part @ part), jit_compile=True, autograph=False)(given)
    results = []
    try:
        for _ in range(2):
            with tf.compat.v1.Session(graph=graph) as session:
                results.append(session.run(square, {given: [[1.0, 2.0], [3.0, 4.0]]}).tobytes())
    except tf.errors.OpError:
        return False
    tried = set(tf.io.gfile.listdir(_PLACE)) - before
    for name in tried:
        tf.io.gfile.remove(f"{_PLACE}/{name}")
    return len(tried) == 1 and results[0] == results[1]
