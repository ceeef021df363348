"""TensorFlow without the pages of notes that it writes while it starts."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


def import_tensorflow() -> None:
    """Import TensorFlow without the log lines that it writes, past any setting, while it starts.

    To be called before anything else imports it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with silent_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()  # also looks for a GPU, and says so
    # "Assets written to" a place that is about to have another name.
    logging.getLogger("tensorflow").setLevel(logging.WARNING)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Point the file descriptor itself elsewhere: compiled code does not write through `sys.stderr`."""
    sys.stderr.flush()
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
