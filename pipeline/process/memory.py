"""Memory that nothing needs any more goes back to the system."""

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Free what is left of objects that hold one another, as models and their graphs do, and all that is free.

    What the C library has freed stays with the process otherwise, of a search for a test set's figures more than a
    hundred MiB. Where the library is not glibc, only Python's objects are freed.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
