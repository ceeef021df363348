"""TensorFlow and Keras as the pipeline needs them, whatever the shell has, without the notes written at the start."""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from pipeline.errors import UsageError
from pipeline.process.failures import memory_limit
from pipeline.process.standard_streams import divert_stderr
from pipeline.process.sudden_end import notes
from pipeline.process.xla_cache import told_to_tensorflow

# With 2.3 GB of address space TensorFlow 2.21 ends in a segmentation fault when it starts threads; with 2.7 it answers.
LEAST_ADDRESS_SPACE = 2_400_000_000
# Keras imports these where they are installed, for wrappers and plots that nothing here uses: a third of its import.
_OFFERS = ("IPython", "matplotlib", "sklearn")
_TEXT_PACKAGES = (
    "tensorflow_text",
    "tensorflow_text.core",
    "tensorflow_text.core.pybinds",
    "tensorflow_text.python",
    "tensorflow_text.python.ops",
)
_TEXT_OPERATIONS = [
    f"tensorflow_text.python.ops.{name}"
    for name in ("normalize_ops", "sentencepiece_tokenizer", "fast_wordpiece_tokenizer")
]


def import_tensorflow(alone: bool = True) -> None:
    """Import TensorFlow without the log lines that it writes, past any setting, while it starts.

    To be called before anything else imports it.

    Args:
        alone: Whether this process is a command's. A notebook's is its user's too, who may want all that Keras has.

    Raises:
        UsageError: Something else has the name of our layers, or the memory cannot suffice.
        ImportError: It is not there, or damaged.
    """
    set_keras_environment()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _require_own_layers()
    limit = memory_limit()
    if limit is not None and limit < LEAST_ADDRESS_SPACE:
        raise UsageError(
            f"this shell's memory limit of {limit / 1e9:.1f} GB (ulimit -v) is too small for TensorFlow: "
            "raise it (ulimit -v unlimited)"
        )
    with silent_stderr(), told_to_tensorflow(), _only_what_is_needed() if alone else contextlib.nullcontext():
        import tensorflow as tf

        tf.config.list_physical_devices()  # also looks for a GPU, and reads TensorFlow's flags
        _import_text_operations(alone)
    # "Assets written to" a place that is about to have another name.
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    logging.getLogger("tensorflow").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that models are traced: each that is opened has graphs of its own; TensorFlow takes them for those of one."""
    message = record.getMessage()
    return not ("tf.function retracing" in message and "StringModel." in message)


def set_keras_environment() -> None:
    """Keras 3 on TensorFlow with its own defaults: the shell's choices are for other programs.

    `keras.json` may set another backend, float type or order of dimensions, so Keras is given a home that cannot be:
    it reads and writes none then.
    """
    for name in [name for name in os.environ if name.startswith("KERAS_")]:
        del os.environ[name]
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")


@contextlib.contextmanager
def _only_what_is_needed() -> Iterator[None]:
    """Import nothing for others, and look for no garbage among modules, which all stay: half the time of an import."""
    absent = [name for name in _OFFERS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: an import fails, as if it were missing
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
        if collects:
            gc.freeze()
            gc.enable()


def _import_text_operations(alone: bool) -> None:
    """Import tensorflow-text; alone, those of its modules that texts here need, see `import_tensorflow`.

    Raises:
        ImportError: It is not there, or made for another TensorFlow.
    """
    try:
        with _without_whole_packages() if alone else contextlib.nullcontext():
            for name in _TEXT_OPERATIONS:
                import_module(name)
    except ImportError:
        raise
    except Exception as error:  # a library of another TensorFlow: its symbols are not found
        if sys.flags.optimize >= 2:
            raise ImportError("without docstrings, as by python -OO, it fails", name="tensorflow_text") from None
        first = next(iter(str(error).splitlines()), "")
        raise ImportError(f"made for another TensorFlow: {first}", name="tensorflow_text") from None


@contextlib.contextmanager
def _without_whole_packages() -> Iterator[None]:
    """Import modules of tensorflow-text, but not what its packages import beside them: 22 libraries of operations.

    Afterwards nobody has imported the packages, and whoever wants them whole may.
    """
    spec = find_spec("tensorflow_text")
    folders = None if spec is None else spec.submodule_search_locations
    if folders is None or "tensorflow_text" in sys.modules:
        yield
        return
    for name in _TEXT_PACKAGES:
        sys.modules[name] = package = ModuleType(name)
        package.__path__ = [os.path.join(folder, *name.split(".")[1:]) for folder in folders]
    try:
        yield
    finally:
        for name in _TEXT_PACKAGES:
            del sys.modules[name]


def _require_own_layers() -> None:
    """Refuse somebody else's `layers`: the name is a common one."""
    spec = find_spec("layers")
    own = Path(__file__).resolve().parents[2] / "layers" / "__init__.py"
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != own:
        found = "nothing" if spec is None else spec.origin or "a directory of that name"
        raise UsageError(
            f"import layers finds {found} in the place of {own}: take it out of PYTHONPATH and of this directory, "
            "or start from another directory"
        )


def silent_stderr() -> AbstractContextManager[None]:
    """While this is entered, what TensorFlow writes is held back, for the case of a sudden end."""
    return divert_stderr(notes)
