"""COCO's categories as classes: without groups of other categories, and each name once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from edge_edet.benchmarks.accuracy.datasets.dataset import Category
from edge_edet.errors import InputError

__all__ = ["classes_of"]

GROUPS = "categories without objects that are a group of others, left out"
TWINS = "categories without objects that repeat another category's name, left out"


def classes_of(
    rows: Mapping[int, Mapping[str, Any]], objects: Counter[int], what: str
) -> tuple[tuple[Category, ...], dict[str, int]]:
    """Return the categories that are classes, and notes on those that are not.

    Roboflow's first category is a group: the supercategory of all others, perhaps with the name of one
    of them.

    Parameters
    ----------
    rows
        Category by id, with name and perhaps supercategory.
    objects
        Number of annotations of each category id.

    Raises
    ------
    InputError
        Two categories of one name both have objects.
    """
    above: dict[str, set[int]] = {}
    for number, row in rows.items():
        if isinstance(group := row.get("supercategory"), str):
            above.setdefault(group, set()).add(number)
    groups = {
        n for n, row in rows.items() if not objects[n] and above.get(row["name"], set()) - {n}
    }
    by_name: dict[str, list[int]] = {}
    for number, row in rows.items():
        if number not in groups:
            by_name.setdefault(row["name"], []).append(number)
    kept = {_chosen(name, numbers, objects, what) for name, numbers in by_name.items()}
    notes = {GROUPS: len(groups), TWINS: len(rows) - len(groups) - len(kept)}
    return tuple(Category(n, row["name"]) for n, row in rows.items() if n in kept), notes


def _chosen(name: str, numbers: list[int], objects: Counter[int], what: str) -> int:
    used = [number for number in numbers if objects[number]]
    if len(used) > 1:
        both = " and ".join(f"id {number} with {objects[number]} objects" for number in used[:3])
        raise InputError(
            f"{what} has two categories named {name!r}, {both}: merge them, or rename one"
        )
    return (used or numbers)[0]
