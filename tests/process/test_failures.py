"""Every kind of failure has its sentence; only what is a fault of the program is called unexpected."""

import errno
import os
import resource

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.process import failures
from pipeline.process.failures import explain_failure

ResourceExhausted = type("ResourceExhaustedError", (Exception,), {"__module__": "tensorflow.python.framework"})
NotFound = type("NotFoundError", (Exception,), {"__module__": "tensorflow.python.framework"})


def chained(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("a.tsv, line 3"), 1, "a.tsv, line 3"),
        (UsageError("--beam"), 2, "--beam"),
        (MemoryError(), 1, "memory ran out: end other programs"),
        (chained(ValueError("x"), MemoryError()), 1, "memory ran out"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), 1, "memory ran out"),
        (ResourceExhausted("OOM when allocating tensor"), 1, "memory ran out"),
        (RuntimeError("std::bad_alloc"), 1, "memory ran out"),
        (RuntimeError("can't start new thread"), 1, "ulimit -u"),
        (
            OSError(errno.EMFILE, "Too many open files", "x"),
            1,
            "x cannot be used (Too many open files): raise the limit",
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x"), 1, "choose a shorter name"),
        (ResourceExhausted("runs/x/variables.tmp; No space left on device"), 1, "x/variables.tmp cannot be used"),
        (
            ResourceExhausted("{{node f}} a/b; Too many open files"),
            1,
            "a/b cannot be used (Too many open files): raise",
        ),
        (NotFound("runs/x/data; No such file or directory [Op:Save]"), 1, "x/data cannot be used (No such file or"),
        (ModuleNotFoundError("No module named 'keras'", name="keras.layers"), 2, "keras cannot be imported"),
        (ImportError("libtensorflow_cc.so.2: failed to map segment from shared object"), 2, "does not fit into memory"),
        (NotFound("undefined symbol: _ZN"), 1, "unexpected NotFoundError: undefined symbol"),
        (KeyError("train"), 1, "unexpected KeyError: 'train' (ATTENTIF_DEBUG=1 shows"),
    ],
)
def test_every_kind_has_a_sentence_and_an_exit_code(error: Exception, code: int, words: str):
    found, message = explain_failure(error)
    assert found == code
    assert words in message
    assert "\n" not in message


def test_near_the_memory_limit_what_breaks_is_said_to_want_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (4_000_000, 4_000_000))
    code, message = explain_failure(SystemError("error return without exception set"))
    assert code == 1
    assert message.startswith("SystemError: error return without exception set, probably since memory ran out: raise")


def test_without_a_limit_nothing_is_near(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failures, "memory_limit", lambda: None)
    assert not failures.limit_is_near()


def test_versions_that_were_not_tried_stand_in_an_unexpected_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failures, "other_versions", lambda: ["tqdm 4.1 in the place of 4.70.1"])
    assert "tried with other versions: tqdm 4.1 in" in explain_failure(KeyError("x"))[1]
