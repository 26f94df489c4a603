"""Pictures for a comparison: found, chosen evenly, and made into model inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.converters.inspect.errors import Pixels
from edge_edet.detection import as_levels, layout_of, letterbox, stretch
from edge_edet.errors import InputError
from edge_edet.formats import ModelFile
from edge_edet.formats.tflite import SUPPRESSION
from edge_edet.manifest import manifest_of
from edge_edet.pictures import PictureLog, PictureRange, find_given, read_picture, usable


def pick_pictures(
    given: Sequence[str],
    count: int,
    picture_range: PictureRange = None,
    *,
    strict: bool = False,
    log: PictureLog | None = None,
) -> list[Path]:
    """Choose at most `count` of the given pictures, spread evenly.

    Parameters
    ----------
    given
        Files, folders and patterns.
    count
        The most pictures to return.
    picture_range
        How grey pictures of more than 8 bits are read.
    strict
        Also raise for a picture of a folder that cannot be read, instead of leaving it out.
    log
        Collects what was left out or read in another way than usual.

    Returns
    -------
    list[Path]
        Paths.

    Raises
    ------
    InputError
        Where there are no pictures.
    ImageError
        For a picture that was named itself and cannot be read.
    """
    found = find_given(given)
    named = [path for path, by_name in found.items() if by_name]
    log = PictureLog() if log is None else log
    return usable(spread_evenly(found.paths, count), picture_range, log, strict=strict, named=named)


def spread_evenly(found: Sequence[Path], count: int) -> list[Path]:
    """Return `count` of the pictures at even distances, or all where there are fewer.

    Parameters
    ----------
    found
        To choose from.
    count
        How many.

    Returns
    -------
    list[Path]
        In their order.
    """
    if len(found) <= count:
        return list(found)
    return [found[i * len(found) // count] for i in range(count)]


def inputs_of(
    model: ModelFile, pictures: Sequence[Path], picture_range: PictureRange = None
) -> list[Pixels]:
    """Make the model's input from each picture, as the runtime does.

    Returns
    -------
    list of ndarray
        [1, height, width, 3] RGB from 0 to 255 each: uint8, or where the manifest states it
        float32 or int8 (minus 128).

    Raises
    ------
    InputError
        For a model whose input is no single picture of a fixed size.
    ImageError
        For a picture that cannot be read.
    """
    if any(-1 in t.free_shape for t in model.input_tensors):
        raise InputError(
            f"{str(model.path)!r} has an input of free size, and a comparison needs a fixed one: convert "
            "it with fixed height and width"
        )
    tensor = model.input_tensors[0] if len(model.input_tensors) == 1 else None
    manifest = manifest_of(model)
    dtype = manifest.input_dtype if manifest else "uint8"
    if tensor is None or tensor.dtype != dtype or len(tensor.shape) != 4 or tensor.shape[3] != 3:
        found = ", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in model.input_tensors)
        raise InputError(
            f"{str(model.path)!r} takes {found or 'nothing'}: a comparison needs a model that takes one "
            "uint8 picture [1, h, w, 3]"
        )
    images = (read_picture(path, picture_range).image for path in pictures)
    if manifest is None and SUPPRESSION not in model.operator_names:
        # No detector: nothing states how a picture is fitted into the input.
        height, width = tensor.shape[1:3]
        return [stretch(image, height, width)[0] for image in images]
    layout = layout_of(model)
    size = layout.input_size
    if layout.fit == "stretch":
        return [stretch(image, *size)[0] for image in images]
    return [as_levels(letterbox(image, size, layout.pad_rgb)[0], dtype) for image in images]
