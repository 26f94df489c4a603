"""Pictures for a model: found, picked evenly, and made into its input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.converters.inspect.errors import Pixels
from edge_edet.detection import layout_of, letterbox, stretch
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
    """At most `count` of the pictures, spread evenly; those of folders that cannot be read are left out.

    Raises InputError where there are none, ImageError for one that was named and cannot be read.
    """
    found = find_given(given)
    named = [path for path, by_name in found.items() if by_name]
    log = PictureLog() if log is None else log
    return usable(spread_evenly(found.paths, count), picture_range, log, strict=strict, named=named)


def spread_evenly(found: Sequence[Path], count: int) -> list[Path]:
    """`count` of them at even distances, all where there are fewer."""
    if len(found) <= count:
        return list(found)
    return [found[i * len(found) // count] for i in range(count)]


def inputs_of(
    model: ModelFile, pictures: Sequence[Path], picture_range: PictureRange = None
) -> list[Pixels]:
    """[1, height, width, 3] for each picture, as the runtime would feed it: uint8, or the same values in
    float32 where our manifest says so.

    Raises InputError for a model that takes no such picture, ImageError for a bad picture.
    """
    if any(-1 in t.free_shape for t in model.input_tensors):
        raise InputError(
            f"{str(model.path)!r} has an input of free size: a comparison runs models of fixed "
            "size; convert it with fixed height and width"
        )
    tensor = model.input_tensors[0] if len(model.input_tensors) == 1 else None
    manifest = manifest_of(model)
    dtype = manifest.input_dtype if manifest else "uint8"
    if tensor is None or tensor.dtype != dtype or len(tensor.shape) != 4 or tensor.shape[3] != 3:
        found = ", ".join(f"{t.name} {t.dtype} {list(t.shape)}" for t in model.input_tensors)
        raise InputError(
            f"{str(model.path)!r} takes {found or 'nothing'}: only one uint8 picture [1, h, w, 3] "
            "can be fed for a comparison"
        )
    images = (read_picture(path, picture_range).image for path in pictures)
    if manifest is None and SUPPRESSION not in model.operator_names:
        # No detector: nothing says how pictures fit.
        height, width = tensor.shape[1:3]
        return [stretch(image, height, width)[0] for image in images]
    layout = layout_of(model)
    size = layout.input_size
    if layout.fit == "stretch":
        return [stretch(image, *size)[0] for image in images]
    return [letterbox(image, size, layout.pad_rgb)[0].astype(dtype, copy=False) for image in images]


def check_same_input(model: ModelFile, other: ModelFile) -> None:
    """Raises InputError where the twins do not take the same input."""
    left, right = ([(t.dtype, t.shape) for t in m.input_tensors] for m in (model, other))
    if left != right:
        raise InputError(
            f"{str(other.path)!r} takes {right} and {str(model.path)!r} takes {left}: it is the float "
            "twin of another network"
        )


def check_same_weights(model: ModelFile, other: ModelFile) -> None:
    """Raises InputError where both manifests tell their weights' digest and it is not the same."""
    digests = []
    for each in (model, other):
        manifest = manifest_of(each)
        weights = manifest.provenance.get("weights") if manifest else None
        digests.append(weights.get("tensors_sha256") if isinstance(weights, dict) else None)
    if all(digests) and digests[0] != digests[1]:
        raise InputError(
            f"{str(other.path)!r} and {str(model.path)!r} were converted from different weights: "
            "convert both from the same ones"
        )
