"""The runtimes of a study, as people name them with --runtime."""

from __future__ import annotations

from collections.abc import Sequence

from edge_edet.runtimes import unknown_runtime

__all__ = ["find_runtimes"]


def find_runtimes(text: str | None, known: Sequence[str]) -> list[str]:
    """Return the runtimes in `a,b`, all known ones for None; InputError for others."""
    from edge_edet.benchmarks.bench import parse_list

    names = [name for name in parse_list(text, "--runtime") if name] or list(known)
    for name in names:
        if name not in known:
            raise unknown_runtime(name, known, "--runtime")
    return names
