"""Hold back Pillow's warnings while a file is read, also where several threads read.

`warnings.catch_warnings` is not for threads: whoever leaves it puts back the filters, and the recorder, that
were there when it was entered, under the feet of another thread that is inside one (Python's documentation,
`warnings.catch_warnings`). Here one filter is added by the first reader and removed by the last.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Any

__all__ = ["without_pillow_warnings"]

MODULES = r"PIL\.|edge_edet\.pictures\."  # the latter where Pillow's warning names its caller

_lock = threading.Lock()
_readers = 0
_added_to: Any = []  # the list of filters, while there are readers


@contextlib.contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """Ignore warnings that come from Pillow's modules, in all threads."""
    global _readers, _added_to
    with _lock:
        _readers += 1
        if _readers == 1:
            warnings.filterwarnings("ignore", module=MODULES)
            _added_to = warnings.filters
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                _remove(_added_to)
                _remove(
                    warnings.filters
                )  # another thread's catch_warnings may have put a copy in place


def _remove(filters: Any) -> None:
    for one in [one for one in filters if getattr(one[3], "pattern", None) == MODULES]:
        filters.remove(one)
