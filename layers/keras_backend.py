"""Which backend Keras has, or would have: the layers are written for TensorFlow's. Keras need not be importable."""

import json
import os
import sys
from pathlib import Path

NEEDED = "tensorflow"


def require_tensorflow() -> None:
    """Say in a sentence what is wrong, before anything deep inside of Keras does.

    Raises:
        ImportError: Keras runs on another backend, or would if it were imported; or TensorFlow's `tf.keras` is Keras 2.
    """
    backend, reason = _find_backend()
    if backend != NEEDED:
        raise ImportError(
            f"the layers need Keras's TensorFlow backend, but {reason} says {backend!r}: set the environment variable "
            f"KERAS_BACKEND={NEEDED} before Keras is imported"
        )
    if "tf_keras" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true"):
        raise ImportError(
            "the layers need Keras 3, but TF_USE_LEGACY_KERAS makes tf.keras Keras 2: unset that environment variable, "
            "and import keras in place of tf.keras"
        )


def _find_backend() -> tuple[str, str]:
    """The backend, and what says so, in Keras's own order."""
    if "keras" in sys.modules:
        return sys.modules["keras"].config.backend(), "the Keras that is imported already"
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "the environment variable KERAS_BACKEND"
    home = Path("~").expanduser()
    folder = os.environ.get("KERAS_HOME") or (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    path = Path(folder).expanduser() / "keras.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("backend", NEEDED)), str(path)
    except (OSError, ValueError, AttributeError):
        return NEEDED, "Keras"
