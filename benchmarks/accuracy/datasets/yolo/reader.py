"""Read YOLO: pictures with a .txt of labels each, and class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.accuracy.datasets.dataset import (
    Category,
    Dataset,
    Objects,
    Picture,
    check_there,
    outside,
)
from edge_edet.benchmarks.accuracy.datasets.orientation import ASSUMED_UPRIGHT, Header, read_header
from edge_edet.benchmarks.accuracy.datasets.yolo.lines import Line, boxes_of, read_label_file
from edge_edet.errors import InputError

__all__ = ["YoloFiles", "load_yolo"]

UNREADABLE = Header((0, 0), 1)  # no picture has this size; the picture is left out later


@dataclass(frozen=True)
class YoloFiles:
    """The files of a data set.

    Attributes
    ----------
    labels
        The label file of each picture, which need not exist.
    names
        Class -> name.
    keypoints
        kpt_shape of data.yaml.
    """

    source: str
    pictures: Sequence[Path]
    labels: Sequence[Path]
    names: Mapping[int, str]
    keypoints: tuple[int, int] | None
    notes: Mapping[str, int]


def load_yolo(files: YoloFiles) -> Dataset:
    """Read the labels; class n has category id n + 1.

    A picture without a .txt has no objects; a note counts these pictures.

    Parameters
    ----------
    files
        Of pictures and labels, and the names of the classes.

    Returns
    -------
    Dataset
        Pictures with their objects.

    Raises
    ------
    InputError
        Pictures are missing, a line cannot be read, or a class has no name.
    """
    check_there(files.pictures, files.source)
    there = [path.is_file() for path in files.labels]
    read = [
        read_label_file(path) if found else []
        for path, found in zip(files.labels, there, strict=True)
    ]
    boxes, notes = boxes_of(read, files.keypoints)
    pictures, beyond, turning = [], 0, 0
    for number, (path, lines, fractions) in enumerate(
        zip(files.pictures, read, boxes, strict=True), 1
    ):
        try:
            header = read_header(path)
        except InputError:  # reported by whoever runs it: left out, or an error if strict
            header = UNREADABLE
        width, height = header.upright if header is not UNREADABLE else (1, 1)
        turning += header.orientation != 1
        rows = []
        for line, (x, y, w, h) in zip(lines, fractions, strict=True):
            _check_class(line, files.names)
            box = (x * width, y * height, w * width, h * height)
            beyond += header is not UNREADABLE and outside(box, header.upright)
            rows.append((box, line.category + 1, box[2] * box[3], False))
        pictures.append(Picture(number, path, header.upright, Objects.of(rows)))
    notes = {
        **files.notes,
        "pictures without a label file, which count as empty": there.count(False),
        "boxes that leave the picture": beyond,
        ASSUMED_UPRIGHT: turning,
        **notes,
    }
    categories = tuple(Category(n + 1, name) for n, name in sorted(files.names.items()))
    return Dataset(
        files.source, "yolo", categories, tuple(pictures), {k: n for k, n in notes.items() if n}
    )


def _check_class(line: Line, names: Mapping[int, str]) -> None:
    if line.category not in names:
        raise InputError(
            f"{line.where}: class {line.category} has no name: there are names for {len(names)} classes"
        )
