"""Read data.yaml of Ultralytics and Roboflow: class names, and where the pictures of each split are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.files import visible_files
from edge_edet.errors import InputError
from edge_edet.files import open_input, read_yaml

__all__ = ["SPLITS", "DataYaml", "choose_split", "find_data_yaml", "read_data_yaml"]

FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
SPLITS = ("train", "val", "valid", "validation", "test", "minival")
VALIDATION = ("val", "valid", "validation")
MAX_CLASSES = 100_000
EXPECTED = "a list of names, or a mapping from class to name"


@dataclass(frozen=True)
class DataYaml:
    """The contents of a data.yaml, or of another file with the same information.

    Attributes
    ----------
    names
        Class -> name.
    root
        Its `path`; None where there is none.
    splits
        Split -> its entries as written; splits without entries are absent.
    keypoints
        Its kpt_shape: the number of points after each box, and the numbers per point.
    notes
        On how the names were read.
    """

    file: Path
    names: Mapping[int, str]
    root: str | None
    splits: Mapping[str, tuple[str, ...]]
    keypoints: tuple[int, int] | None
    notes: Mapping[str, int] = field(default_factory=dict)


def find_data_yaml(folder: Path) -> Path | None:
    """Find data.yaml by its usual names, or the only .yaml in the folder that has the key `names`."""
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    if not folder.is_dir():
        return None
    others = [
        file for file in visible_files(folder, ".yaml", ".yml") if b"names:" in _start_of(file)
    ]
    return others[0] if len(others) == 1 else None


def _start_of(file: Path) -> bytes:
    with open_input(file, repr(str(file))) as opened:
        return opened.read(1 << 20)


def read_data_yaml(file: Path) -> DataYaml:
    """Read a data.yaml.

    Raises
    ------
    InputError
        The file is none, or contradicts itself.
    MissingExtraError
        PyYAML is not installed.
    """
    what = repr(str(file))
    document = read_yaml(file, what, as_text=True)
    if not isinstance(document, dict) or "names" not in document:
        raise InputError(f"{what} has no names: expected {EXPECTED}")
    names = _names(document["names"], what)
    count = document.get("nc") or None
    if count is not None and _whole(count) != len(names):
        raise InputError(
            f"{what} has nc {count}, but {len(names)} names: correct the one that is wrong"
        )
    root = document.get("path") or None
    if root is not None and not isinstance(root, str):
        raise InputError(f"{what}: path must be a folder, but is {root!r}")
    splits = {key: _entries(document[key], f"{what}: {key}") for key in SPLITS if document.get(key)}
    return DataYaml(file, names, root, splits, _keypoints(document.get("kpt_shape"), what))


def choose_split(known: Mapping[str, object], split: str | None, what: str) -> str:
    """Return the key of a split.

    `val`, `valid` and `validation` stand for each other. If `split` is None, the validation split is
    chosen, or the only one.

    Raises
    ------
    InputError
        There is no such split, or several to choose from.
    """
    validation = [name for name in VALIDATION if name in known]
    if split in known:
        return str(split)
    if (split is None or split in VALIDATION) and len(validation) == 1:
        return validation[0]
    if split is None and len(known) == 1:
        return next(iter(known))
    listed = ", ".join(known)
    if not known:
        raise InputError(f"{what} has no split: expected one of {', '.join(SPLITS)}")
    if split is None:
        raise InputError(f"{what} has the splits {listed}: choose one with --split")
    raise InputError(f"{what} has no split {split!r}: known are {listed}")


def _names(value: object, what: str) -> dict[int, str]:
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not value or len(value) > MAX_CLASSES:
        raise InputError(f"{what}: names must be {EXPECTED}, but is {_shown(value)}")
    found: dict[int, str] = {}
    for key, name in value.items():
        number = _whole(key)
        if number is None or number >= MAX_CLASSES or number in found:
            raise InputError(f"{what}: names must be by class, from 0 on, but one is {key!r}")
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{what}: names must be {EXPECTED}, but class {key} is {_shown(name)}")
        found[number] = name.strip()
    return found


def _entries(value: object, what: str) -> tuple[str, ...]:
    entries: list[object] = value if isinstance(value, list) else [value]
    texts = [entry.strip() for entry in entries if isinstance(entry, str) and entry.strip()]
    if len(texts) < len(entries):
        raise InputError(
            f"{what} must be a folder, a .txt or a list of these, but is {_shown(value)}"
        )
    return tuple(texts)


def _keypoints(value: object, what: str) -> tuple[int, int] | None:
    if not value:
        return None
    numbers = [_whole(one) for one in value] if isinstance(value, list) else []
    if len(numbers) != 2 or not numbers[0] or numbers[1] not in (2, 3):
        raise InputError(f"{what}: kpt_shape must be [points, 2 or 3], but is {_shown(value)}")
    return numbers[0], numbers[1]


def _whole(text: object) -> int | None:
    if isinstance(text, int):
        return text
    good = isinstance(text, str) and text.isdecimal() and len(text) < 10
    return int(str(text)) if good else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
