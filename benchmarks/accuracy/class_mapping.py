"""Map the classes of a model to the categories of the data: by name, or as a file states."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets import Category
from edge_edet.errors import InputError
from edge_edet.files import Limit, read_input

__all__ = ["LABELS_ADVICE", "class_map", "read_class_map"]

# Only eval has --labels and --class-map; other commands use the class names of the model file.
LABELS_ADVICE = (
    ": convert again with --labels FILE, or give 'edge-edet eval' --labels FILE or --class-map FILE"
)

MAX_CLASSES = 100_000
LIMIT = Limit(16 << 20, "a class map has one line per class")
# VOC's names of the classes that it shares with COCO.
SAME = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def class_map(
    labels: Sequence[str | None],
    categories: Sequence[Category],
    needed: set[int],
    given: Mapping[str, str] | None = None,
) -> dict[int, int]:
    """Return class id of the model -> category id of the data.

    Names match without regard to case, hyphens and underscores; unused classes have no entry.

    Parameters
    ----------
    labels
        Class names of the model by class id; None for unused classes.
    categories
        Classes of the data.
    needed
        Ids of the categories that have objects: each must get a class.
    given
        Label, or class id as text, -> category name; it takes precedence over equal names.

    Returns
    -------
    dict[int, int]
        Category id of the data by class id of the model.

    Raises
    ------
    InputError
        `given` names unknown classes or categories, two classes have one category, or a needed
        category has no class.
    """
    by_name = {_plain(category.name): category.id for category in categories}
    given = given or {}
    exact = {category.name: category.id for category in categories}
    for text, name in given.items():
        if name not in exact:
            raise InputError(f"class map: the data has no category {name!r} (for {text!r})")
        if text not in labels and not (text.isdecimal() and int(text) < MAX_CLASSES):
            raise InputError(f"class map: the model has no class {text!r}")
    found: dict[int, int] = {}
    for number, label in enumerate(labels):
        if label is not None and label in given:
            found[number] = exact[given[label]]
        elif label is not None and _plain(label) in by_name:
            found[number] = by_name[_plain(label)]
    found.update({int(n): exact[name] for n, name in given.items() if n not in labels})
    _check(found, labels, categories, needed)
    return found


def _check(
    found: dict[int, int],
    labels: Sequence[str | None],
    categories: Sequence[Category],
    needed: set[int],
) -> None:
    names = {category.id: category.name for category in categories}
    if twice := [i for i in found.values() if list(found.values()).count(i) > 1]:
        raise InputError(f"two classes of the model map to the category {names[twice[0]]!r}")
    missing = sorted(needed - set(found.values()))
    if not missing:
        return
    known = [label for label in labels if label is not None]
    text = ", ".join(repr(names[number]) for number in missing[:5])
    more = ", ..." if len(missing) > 5 else ""
    have = ", ".join(map(repr, known[:5])) + (", ..." if len(known) > 5 else "")
    raise InputError(
        f"the model has no class for {len(missing)} of {len(needed)} categories of the data: "
        f"{text}{more}; it has {have or 'no labels'}{LABELS_ADVICE}"
    )


def read_class_map(file: Path) -> dict[str, str]:
    """Read {label of the model: category of the data} from a .json file.

    Parameters
    ----------
    file
        The .json.

    Returns
    -------
    dict[str, str]
        Category's name by the model's label, or class id as text.

    Raises
    ------
    InputError
        The file is missing, no JSON, or no object of texts.
    """
    what = f"class map {str(file)!r}"
    data = read_input(file, what, LIMIT, missing=f"no {what}")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"class map {str(file)!r} is no JSON: {error}") from None
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        raise InputError(f"class map {str(file)!r} must be an object, label -> category name")
    return document


def _plain(name: str) -> str:
    words = " ".join(name.replace("_", " ").replace("-", " ").casefold().split())
    return SAME.get(words, words)
