"""Find the pictures of a COCO .json, and the .json of a split in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.data_yaml import choose_split
from edge_edet.benchmarks.accuracy.datasets.files import visible_files
from edge_edet.benchmarks.accuracy.datasets.listed import find_listed, is_url
from edge_edet.benchmarks.accuracy.datasets.other_formats import other_file
from edge_edet.errors import InputError

__all__ = ["choose_file", "coco_files", "find_pictures"]

BY_END = "pictures found by the end of their listed name"
ANNOTATIONS = "annotations"
LABEL_FOLDERS = (ANNOTATIONS, "annotation", "labels")
BOXES = "instances_"  # of COCO's own files; captions_ and others have no boxes
OTHERS = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")
NO_LABELS = ("notes.json", "info.json", "package.json")  # notes: Label Studio's, beside YOLO labels


def find_pictures(
    file: Path, names: Sequence[str], images: Path | None, *, follow: bool = False
) -> tuple[Sequence[Path], dict[str, int]]:
    """Return a path for each name, and notes.

    Parameters
    ----------
    images
        The folder of --images, in which only the ends of names need to match.
    follow
        Names may lead out of the folder of the data.

    Raises
    ------
    InputError
        Names are URLs and `images` is not given, lead out of the folder, or have the same end.
    """
    if images is not None:
        within = None if follow else [images]
        found = find_listed(names, [images], strip=True, last_part=True, within=within)
        return found.paths, {BY_END: found.read_otherwise}
    if urls := [name for name in names if is_url(name)]:
        raise InputError(
            f"{len(urls)} of {len(names)} pictures of {str(file)!r} are URLs, first {urls[0]!r}: "
            "download them, and give their folder with --images"
        )
    within = None if follow else [_root(file)]
    return find_listed(names, _bases(file), strip=False, within=within).paths, {}


def _root(file: Path) -> Path:
    """Return the folder of the data: that of the file, or the one above annotations/."""
    return file.parent.parent if file.parent.name.lower() in LABEL_FOLDERS else file.parent


def _bases(file: Path) -> list[Path]:
    """Return folders that names may be relative to.

    First the folder of the file, then those of COCO's own layout, CVAT, Datumaro and FiftyOne.
    """
    beside = file.parent
    root = _root(file)
    split = split_of(file)
    places = [
        beside,
        beside / split,
        root / split,
        root / "images" / split,
        root / "images",
        beside / "images",
        root,
        root / "data",
        root / "JPEGImages",
    ]
    return [place for n, place in enumerate(places) if place.is_dir() and place not in places[:n]]


def split_of(file: Path) -> str:
    """Return the split of a file: `val2017` of instances_val2017.json, else its name without suffix."""
    return file.stem.removeprefix(BOXES)


def coco_files(folder: Path) -> list[Path]:
    """List the .json files in a folder or its annotations/ that may have boxes.

    Parameters
    ----------
    folder
        Of the data.

    Returns
    -------
    list[Path]
        Sorted by name.
    """
    found = visible_files(folder, ".json")
    for name in (ANNOTATIONS, ANNOTATIONS.title()):
        if (folder / name).is_dir() and (folder / name) not in {p.parent for p in found}:
            found += visible_files(folder / name, ".json")
    unique = {path.resolve(): path for path in found if path.name not in NO_LABELS}
    boxes = [path for path in unique.values() if not path.name.startswith(OTHERS)]
    return boxes or list(unique.values())


def choose_file(folder: Path, files: Sequence[Path], split: str | None) -> Path:
    """Choose the file of a split by its name; without a split, the only file.

    Parameters
    ----------
    folder
        Of the data, for messages.
    files
        To choose from.
    split
        A name such as val2017; None: there is only one.

    Returns
    -------
    Path
        The .json.

    Raises
    ------
    InputError
        There is no such file, or several.
    """
    what = repr(str(folder))
    if split is None and len(files) == 1:
        return files[0]
    splits = {split_of(file): file for file in files}
    if split is not None:
        ended = [name for name in splits if name.endswith((f"_{split}", f"-{split}"))]
        if split not in splits and len(ended) == 1:
            return splits[ended[0]]
        return splits[choose_split(splits, split, what)]
    if (reason := other_file(files[0])) is not None:
        raise InputError(f"{str(files[0])!r} {reason}")
    names = ", ".join(file.name for file in files[:5])
    raise InputError(f"{what} has {len(files)} .json files: give one of {names}, or --split")
