"""Where this user's caches are."""

import os
from pathlib import Path


def user_cache() -> Path | None:
    """Attentif's folder in the user's cache, whether it exists or not; None where the user has no home."""
    # A relative one is invalid (XDG Base Directory Specification).
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~"), ".cache")
    return home / "attentif" if home.is_absolute() else None
