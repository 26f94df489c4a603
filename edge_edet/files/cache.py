"""Where edge-edet keeps what it downloaded."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """Return a folder for downloads: in $EDGE_EDET_HOME, else in the user's cache folder.

    Parameters
    ----------
    name
        Of the folder in the cache.

    Returns
    -------
    Path
        The folder, which need not exist.
    """
    if home := os.environ.get("EDGE_EDET_HOME"):
        return Path(home) / name
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "edge-edet" / name
