"""Convert labels of pictures with an EXIF orientation to those of the upright picture.

Detectors see the upright picture, but some labelling tools (LabelImg before its pull request 650 of
September 2020, scripts with cv2.IMREAD_UNCHANGED) show and measure the stored pixels. The size that the
labels state decides, or boxes that fit into only one of the two. YOLO's labels state no size: LabelImg
since then and Ultralytics (`exif_size` in data/utils.py, cv2.imread) use the upright picture, and so
does this reader.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_edet.benchmarks.accuracy.datasets.dataset import OUTSIDE_PX, Dataset, Objects, Picture
from edge_edet.errors import InputError
from edge_edet.files import open_input
from edge_edet.pictures import FILE_LIMIT

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["ASSUMED_UPRIGHT", "Header", "read_header", "turned_boxes", "with_upright_labels"]

ORIENTATION_TAG = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # exchange width and height
# A PNG with an orientation has one of these; Pillow would decode the whole picture to find out.
PNG_MARKS = (b"eXIf", b"exif", b"com.adobe.xmp")
TURNED = (
    "pictures with an EXIF orientation, labelled as stored: boxes turned to the upright picture"
)
LIKE_OTHERS = "pictures with an EXIF orientation, boxes turned like those of the other pictures"
ASSUMED_UPRIGHT = "pictures with an EXIF orientation, labels assumed to be of the upright picture"
LabelledAs = Literal["stored", "upright", "unknown"]


@dataclass(frozen=True)
class Header:
    """The size and orientation of a picture.

    Attributes
    ----------
    stored
        (width, height) of the pixels in the file.
    orientation
        EXIF's, 1 to 8.
    """

    stored: tuple[int, int]
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        width, height = self.stored
        return (height, width) if self.orientation in SIDEWAYS else (width, height)


def read_header(path: Path) -> Header:
    """Read size and orientation without decoding the picture.

    Raises
    ------
    InputError
        The file is no picture, or damaged.
    """
    what = f"picture {str(path)!r}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on size and on odd metadata
            with open_input(path, what, limit=FILE_LIMIT) as file, Image.open(file) as image:
                return _header(image, path)
    except InputError:
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = " ".join(str(error).split())
        raise InputError(f"cannot read picture {str(path)!r}: {reason}") from None


def _has_mark(path: Path) -> bool:
    before = b""
    with open_input(path, f"picture {str(path)!r}", limit=FILE_LIMIT) as file:
        while part := file.read(1 << 20):
            if any(mark in before + part for mark in PNG_MARKS):
                return True
            before = part[-max(map(len, PNG_MARKS)) :]
    return False


def _header(image: PilImage, path: Path) -> Header:
    size = image.size
    if image.format == "PNG" and not _has_mark(path):
        return Header(size, 1)
    try:
        found = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # unreadable EXIF says nothing about the pixels
        found = 1
    orientation = found if found in range(1, 9) else 1
    if image.format == "TIFF" and orientation in SIDEWAYS:
        image.load()  # Pillow from 11 on turns TIFF itself, and its size is the turned one at once
        if image.getexif().get(ORIENTATION_TAG, 1) == 1:
            size = (image.size[1], image.size[0])
    return Header(size, orientation)


def with_upright_labels(dataset: Dataset) -> Dataset:
    """Return the data with labels of the upright pictures, and notes on those with an orientation.

    Where it is unknown how a picture was labelled, the others decide if they agree, else it counts as
    labelled upright. Pictures that are missing or cannot be read stay as they are.
    """
    headers = {p.id: _turning(p.path) for p in dataset.pictures}
    turning = [
        (picture, header)
        for picture in dataset.pictures
        if (header := headers[picture.id]) is not None
        and picture.size in (None, header.stored, header.upright)  # others are refused when read
    ]
    if not turning:
        return dataset
    answers = {picture.id: _labelled_as(picture, header) for picture, header in turning}
    known = {answer for answer in answers.values() if answer != "unknown"}
    changed = {}
    notes = {TURNED: 0, LIKE_OTHERS: 0, ASSUMED_UPRIGHT: 0}
    for picture, header in turning:
        answer = answers[picture.id]
        if answer == "stored" or (answer == "unknown" and known == {"stored"}):
            changed[picture.id] = _turned(picture, header)
            notes[TURNED if answer == "stored" else LIKE_OTHERS] += 1
        elif answer == "unknown":
            notes[ASSUMED_UPRIGHT] += known != {"upright"}
    return dataclasses.replace(
        dataset,
        pictures=tuple(changed.get(picture.id, picture) for picture in dataset.pictures),
        notes={**dataset.notes, **{text: n for text, n in notes.items() if n}},
    )


def _turning(path: Path) -> Header | None:
    """Return the header; None for a picture that is stored upright or cannot be read."""
    try:
        header = read_header(path)
    except InputError:
        return None
    return header if header.orientation != 1 else None


def _labelled_as(picture: Picture, header: Header) -> LabelledAs:
    stored, upright = header.stored, header.upright
    if picture.size is not None:
        if stored == upright:
            return "unknown"
        return "stored" if picture.size == stored else "upright"
    in_stored, in_upright = (_fit(picture.objects, size) for size in (stored, upright))
    if in_stored == in_upright:
        return "unknown"
    return "stored" if in_stored else "upright"


def _fit(objects: Objects, size: tuple[int, int]) -> bool:
    ends = objects.boxes[:, :2] + objects.boxes[:, 2:]
    return bool((ends <= np.array(size) + OUTSIDE_PX).all())


def _turned(picture: Picture, header: Header) -> Picture:
    boxes = turned_boxes(picture.objects.boxes, header.stored, header.orientation)
    objects = dataclasses.replace(picture.objects, boxes=boxes)
    return dataclasses.replace(picture, size=header.upright, objects=objects)


def turned_boxes(
    boxes: npt.NDArray[np.float64], stored: tuple[int, int], orientation: int
) -> npt.NDArray[np.float64]:
    """Turn boxes of the stored picture to the upright one (EXIF 2.3, section 4.6.4).

    Parameters
    ----------
    boxes
        [n, 4] x y width height in pixels.
    stored
        (width, height) of the stored picture.
    orientation
        EXIF's, 1 to 8.
    """
    width, height = stored
    x0, y0 = boxes[:, 0], boxes[:, 1]
    x1, y1 = x0 + boxes[:, 2], y0 + boxes[:, 3]
    if orientation in (2, 3):  # mirrored left to right
        x0, x1 = width - x1, width - x0
    if orientation in (3, 4):  # upside down
        y0, y1 = height - y1, height - y0
    if orientation in (6, 7):
        y0, y1 = height - y1, height - y0
    if orientation in (7, 8):
        x0, x1 = width - x1, width - x0
    if orientation in SIDEWAYS:
        x0, x1, y0, y1 = y0, y1, x0, x1
    return np.stack([x0, y0, x1 - x0, y1 - y0], axis=1)
