"""Read Pascal VOC: one .xml per picture, in Annotations/ or beside the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.dataset import (
    Category,
    Dataset,
    Objects,
    Picture,
    outside,
)
from edge_edet.benchmarks.accuracy.datasets.files import PICTURE_SUFFIXES, visible_files
from edge_edet.benchmarks.accuracy.datasets.orientation import with_upright_labels
from edge_edet.benchmarks.accuracy.datasets.voc.annotation import Annotation, read_annotation
from edge_edet.benchmarks.accuracy.datasets.voc.lists import ListedNames, names_of_split
from edge_edet.errors import InputError

__all__ = ["load_voc"]

IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "JPEGimages", "img", "data")
DIFFICULT = "objects marked difficult, counted like the others"
ROTATED = "objects with a rotation, of which the unrotated box is used"
BEYOND = "boxes that leave the picture"
ENCODING = ".xml files that are not in the encoding that they declare"
UNLABELLED = "pictures without an .xml, left out"
NOTES = (DIFFICULT, ROTATED, BEYOND, ENCODING, UNLABELLED)


def load_voc(
    folder: Path, annotations: Path, split: str | None = None, images: Path | None = None
) -> Dataset:
    """Read a folder; pictures keep the order of the split, categories are sorted by name, ids from 1.

    A box is xmax - xmin wide: VOC's own evaluation adds a pixel, COCO's does not. Objects marked
    `difficult` count like all others.

    Parameters
    ----------
    folder
        Of the data.
    annotations
        Folder of the .xml files, searched with its sub-folders; `folder` itself where they are beside
        the pictures.
    split
        A name in ImageSets/Main; None: all pictures.
    images
        Folder of the pictures, if they are not where the format has them.

    Returns
    -------
    Dataset
        Pictures with their objects.

    Raises
    ------
    InputError
        The data cannot be used.
    """
    beside = annotations == folder
    files = visible_files(annotations, ".xml", below=not beside)
    known = {path.relative_to(annotations).with_suffix("").as_posix(): path for path in files}
    if len(known) < len(files):
        raise InputError(f"{str(annotations)!r} has two .xml that differ only in capital letters")
    listed = (
        ListedNames(list(known)) if beside else names_of_split(folder, annotations, split, known)
    )
    place = images or (folder if beside else _images(folder, annotations))
    pictures = _Pictures(place, below=place != folder)
    parsed = [(stem, read_annotation(known[stem])) for stem in listed.stems]
    return with_upright_labels(
        _dataset(f"{folder}:{split}" if split else str(folder), parsed, pictures, listed.complete)
    )


def _dataset(
    source: str, parsed: Sequence[tuple[str, Annotation]], pictures: _Pictures, complete: bool
) -> Dataset:
    found = sorted({one.name for _, annotation in parsed for one in annotation.objects})
    ids = {name: number for number, name in enumerate(found, 1)}
    rows = []
    notes = dict.fromkeys(NOTES, 0)
    for number, (stem, annotation) in enumerate(parsed, 1):
        objects = annotation.objects
        notes[DIFFICULT] += sum(one.difficult for one in objects)
        notes[ROTATED] += sum(one.rotated for one in objects)
        notes[BEYOND] += sum(outside(one.box, annotation.size) for one in objects)
        notes[ENCODING] += not annotation.as_declared
        table = [(one.box, ids[one.name], one.box[2] * one.box[3], False) for one in objects]
        path = pictures.of(stem, annotation.filename)
        rows.append(Picture(number, path, annotation.size, Objects.of(table)))
    _refuse_shared(rows, parsed)
    notes[UNLABELLED] = pictures.number_left([row.path for row in rows]) if complete else 0
    categories = tuple(Category(number, name) for name, number in ids.items())
    return Dataset(source, "voc", categories, tuple(rows), {k: n for k, n in notes.items() if n})


def _images(folder: Path, annotations: Path) -> Path:
    """Return the folder of the pictures, or where it should be."""
    for name in IMAGE_FOLDERS:
        if (folder / name).is_dir():
            return folder / name
    for place in (folder, annotations):
        if visible_files(place, *PICTURE_SUFFIXES):
            return place
    return folder / IMAGE_FOLDERS[0]


class _Pictures:
    """The pictures of a folder, by path without suffix."""

    def __init__(self, folder: Path, below: bool) -> None:
        self.folder = folder
        paths = visible_files(folder, *PICTURE_SUFFIXES, below=below) if folder.is_dir() else []
        self.by_stem: dict[str, list[Path]] = {}
        for path in paths:
            stem = path.relative_to(folder).with_suffix("").as_posix()
            self.by_stem.setdefault(stem, []).append(path)
        self.paths = set(paths)

    def of(self, stem: str, filename: str) -> Path:
        """Return the picture with the name of the .xml, else the one that the .xml states.

        If there is none, return where it should be. Raises InputError where several pictures have the
        name and the .xml states none of them.
        """
        last = filename.replace("\\", "/").rpartition("/")[2]
        found = self.by_stem.get(stem, [])
        if len(found) > 1:
            found = [path for path in found if path.name == last] or found
        if len(found) > 1:
            names = " and ".join(repr(path.name) for path in found)
            raise InputError(f"{str(self.folder)!r} has {names}, but one .xml for both: {stem!r}")
        if found:
            return found[0]
        if last and self.folder / last in self.paths:
            return self.folder / last
        return self.folder / f"{stem}{Path(last).suffix or '.jpg'}"

    def number_left(self, used: Sequence[Path]) -> int:
        """Count the pictures that are not among those used."""
        return len(self.paths - set(used))


def _refuse_shared(rows: Sequence[Picture], parsed: Sequence[tuple[str, Annotation]]) -> None:
    first: dict[Path, str] = {}
    for row, (stem, _) in zip(rows, parsed, strict=True):
        if first.setdefault(row.path, stem) != stem:
            raise InputError(
                f"{first[row.path]!r} and {stem!r} are both labels of {str(row.path)!r}: remove one"
            )
