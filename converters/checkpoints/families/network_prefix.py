"""Find the network among the tensors of a state dict, whatever it was wrapped in.

DataParallel puts `module.` before the names, torch.compile `_orig_mod.`, effdet's benches and Lightning
modules `model.` (or `net.`, `detector.`), and all of them together. Beside the network a state dict may
hold losses' and metrics' buffers, averaged weights, and other networks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.mapping import shape_list
from edge_edet.errors import CheckpointError

__all__ = ["take_network"]

_WRAPPING = ("module.", "model.", "_orig_mod.")
_AVERAGED = re.compile(
    r"(^|[._])(ema|averaged|swa)([._]|$)"
)  # of module names: ema.module., model_ema.
_TEACHER = re.compile(r"(^|[._])teacher([._]|$)")
_BENCH = re.compile(r"^(.*\.)?anchors\.boxes$")  # effdet/anchors.py
_LABELER = re.compile(r"(^|\.)anchor_labeler\.")
_ANCHORS = "anchors.boxes"
_LISTED = 3
_MAX_NAME, _MAX_PREFIXES = 500, 12
Tensors = Mapping[str, NDArray[Any]]


def take_network(
    tensors: Tensors, marks: Iterable[re.Pattern[str]]
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Take the tensors of the network, under its own names.

    Averaged weights are preferred to others, and a student to its teacher. The anchors of effdet's benches
    stay, as anchors.boxes.

    Parameters
    ----------
    tensors
        All tensors of the file.
    marks
        Match the beginning of names that only a network has.

    Returns
    -------
    tensors : dict
        Without the prefix of the network.
    notes : tuple of str
        Sentences on tensors that are not read.

    Raises
    ------
    CheckpointError
        When the file holds several networks, and nothing decides between them.
    """
    prefix, passed_over = _choose(_prefixes(tensors, list(marks)))
    if prefix is None:
        return _unwrapped(tensors), ()
    own = {name.removeprefix(prefix): a for name, a in tensors.items() if name.startswith(prefix)}
    rest = {name: a for name, a in tensors.items() if not name.startswith(prefix)}
    anchors = _anchors(rest, prefix)
    if anchors is not None and _ANCHORS not in own:
        own[_ANCHORS] = rest[anchors]
    notes = (
        [f"its weights are those under {prefix!r}, not those under {passed_over}"]
        if passed_over
        else []
    )
    unread = {n: a for n, a in rest.items() if n != anchors and not _LABELER.search(n)}
    if unread:
        notes.append(f"not read, as outside of {prefix!r}: {_summary(unread)}")
    return own, tuple(notes)


def _prefixes(tensors: Tensors, marks: list[re.Pattern[str]]) -> list[str]:
    """List the prefixes of networks, the most frequent first."""
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = name[:_MAX_NAME].split(".")[:_MAX_PREFIXES]
        place = 0
        for part in parts[:1] if "/" in name else parts:
            if any(mark.match(name[place : place + _MAX_NAME]) for mark in marks):
                counts[name[:place]] += 1
                break
            place += len(part) + 1
    return [prefix for prefix, _ in counts.most_common()]


def _choose(prefixes: list[str]) -> tuple[str | None, str]:
    """Choose the prefix of the network to read; returns the others as text too."""
    if not prefixes:
        return None, ""
    averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
    students = [prefix for prefix in prefixes if not _TEACHER.search(prefix)]
    for chosen in (prefixes, averaged, students):
        if len(chosen) == 1:
            others = [repr(prefix[:80]) for prefix in prefixes if prefix != chosen[0]]
            return chosen[0], " and ".join(others)
    named = ", ".join(repr(prefix[:80]) for prefix in prefixes[:_LISTED])
    raise CheckpointError(
        f"holds {len(prefixes)} networks, under {named}: save the state dict of one of them"
    )


def _anchors(rest: Tensors, prefix: str) -> str | None:
    """Find the anchors of the bench around the network, else those that all benches agree on."""
    found = {name: match[1] or "" for name in rest if (match := _BENCH.match(name))}
    around = [name for name, parent in found.items() if prefix.startswith(parent)]
    if around:
        return max(around, key=len)
    first = next(iter(found), None)
    same = all(np.array_equal(rest[name], rest[str(first)]) for name in found)
    return first if same else None


def _unwrapped(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Remove the usual prefixes from names, for messages about files without a known network."""
    result: dict[str, NDArray[Any]] = {}
    for name, array in tensors.items():
        plain = name
        while plain.startswith(_WRAPPING):
            plain = plain.split(".", 1)[1]
        if plain in result:
            raise CheckpointError(f"has {plain[:80]} more than once, under different prefixes")
        result[plain] = array
    return result


def _summary(tensors: Tensors) -> str:
    """List few tensors by name and shape, many by their module: `teacher.* (785 tensors)`."""
    groups: dict[str, dict[str, object]] = {}
    for name, array in tensors.items():
        groups.setdefault(name.split(".", 1)[0], {})[name] = array.shape
    parts = [
        shape_list(group) if len(group) <= _LISTED else f"{root[:80]}.* ({len(group)} tensors)"
        for root, group in groups.items()
    ]
    return ", ".join(parts[:10]) + (
        f" and {len(parts) - 10} modules more" if len(parts) > 10 else ""
    )
