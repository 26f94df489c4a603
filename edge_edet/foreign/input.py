"""Find out a foreign `.tflite`'s input: its size where that is free, and how pictures are fitted.

EfficientDet's trainers keep the aspect: google/automl and Model Maker scale a picture to fit, top
left, and pad what is left with zeros of the normalized picture (efficientdet/dataloader.py:
`normalize_image`, then `pad_to_bounding_box`). SSD models are trained on stretched pictures, and so
is whatever the TF Object Detection API exports to TFLite, an EfficientDet too
(export_tflite_graph_lib_tf2.py takes the fixed_shape_resizer only); its scores have a column for
the background, and those of EfficientDet's own exporters have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from edge_edet.errors import InputError, ModelFileError
from edge_edet.formats import TensorInfo
from edge_edet.formats.tflite import OperatorInfo, TfliteModel

__all__ = ["InputSize", "evident_fit", "input_size_of"]

ANCHORS = 9  # of EfficientDet at each place: three scales of three shapes
LEVELS = ((3, 7), (3, 8))  # D7x has level 8
SQUARES = range(64, 2049, 32)
LEAST_STORED = 32  # pixels; what is stored of a free side below that is no size
RESIZERS = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
# What may come before the graph's own resizing: the picture stays the same size.
ELEMENTWISE = frozenset(
    [
        "ADD",
        "CAST",
        "DEQUANTIZE",
        "DIV",
        "FAKE_QUANT",
        "MAXIMUM",
        "MINIMUM",
        "MUL",
        "NEG",
        "QUANTIZE",
        "SUB",
    ]
)
_NAME = re.compile(r"efficient[\W_]*det", re.IGNORECASE)


class InputSize(NamedTuple):
    """Size of an input; note: what was assumed, None where the size is fixed or was given."""

    height: int
    width: int
    note: str | None = None


def input_size_of(
    model: TfliteModel, image: TensorInfo, given: tuple[int, int] | None
) -> InputSize:
    """Find the input's height and width.

    Parameters
    ----------
    image
        The input tensor, [1, h, w, 3]; a free side is -1.
    given
        Height and width that the caller wants, for free sides.

    Raises
    ------
    ModelFileError
        If the input has another shape, or nothing in the file gives the size of a free side.
    InputError
        If the given size contradicts a fixed one.
    """
    free = image.free_shape
    path = str(model.path)
    if len(free) != 4 or free[0] not in (1, -1) or free[3] not in (3, -1):
        raise ModelFileError(f"{path!r}: its input must be [1, h, w, 3], but is {list(free)}")
    sides = free[1:3]
    if 0 in sides:
        raise ModelFileError(f"{path!r}: its input is {image.dtype} {list(free)}: it has no pixels")
    if given is not None:
        if any(side not in (-1, wanted) for side, wanted in zip(sides, given, strict=True)):
            raise InputError(
                f"input size {_shown(*given)} is not for {path!r}, whose input is fixed to "
                f"{' x '.join('any' if side < 0 else str(side) for side in sides[::-1])} (width x "
                "height): leave input_size (--input-size) out"
            )
        return InputSize(*given)
    if -1 not in sides:
        return InputSize(*sides)
    for (height, width), why in _sizes(model, image):
        if sides[0] in (-1, height) and sides[1] in (-1, width):
            return InputSize(
                height,
                width,
                f"input of free size {list(free)} taken as {_shown(height, width)}: {why}; "
                "input_size (--input-size) sets another",
            )
    raise ModelFileError(
        f"{path!r}: its input {list(free)} has a free height or width, and nothing in the file says "
        "what size it was trained at: give input_size (--input-size 320, or 640x480)"
    )


def _sizes(model: TfliteModel, image: TensorInfo) -> Iterable[tuple[tuple[int, int], str]]:
    """Yield the sizes that the file points to, the surest first, each with its reason."""
    inner = _resized_to(model, image.index)
    if inner:
        yield inner, "the graph resizes every picture to that"
    counts = _box_counts(model)
    for side in SQUARES:
        if counts & set(_pyramids(side, side)):
            yield (side, side), f"it has the {_pyramids(side, side)[0]:,} anchors of that size"
    height, width = image.shape[1:3]
    if min(height, width) >= LEAST_STORED:
        yield (height, width), "the file stores that shape"


def _resized_to(model: TfliteModel, start: int) -> tuple[int, int] | None:
    """Return the height and width that the graph first resizes to, where they are constant."""
    reach = {start}
    for op in model.operators:
        if not op.inputs or (op.inputs[0] not in reach and not reach & set(op.inputs)):
            continue
        if op.name in RESIZERS and op.inputs[0] in reach and len(op.inputs) > 1:
            shape = model.tensors[op.outputs[0]].free_shape
            if model.tensors[op.inputs[1]].is_constant and len(shape) == 4 and min(shape[1:3]) > 1:
                return shape[1], shape[2]
        elif op.name in ELEMENTWISE:
            reach |= set(op.outputs)
    return None


def evident_fit(
    model: TfliteModel,
    suppression: OperatorInfo,
    size: tuple[int, int],
    num_classes: int | None,
    name: str,
) -> tuple[str, str]:
    """Choose between "letterbox" and "stretch", with the reason; name: of the model, in its metadata."""
    if _NAME.search(name):
        return "letterbox", f"its metadata says {' '.join(name.split())[:60]!r}"
    scores = model.tensors[suppression.inputs[1]].shape if len(suppression.inputs) > 1 else ()
    background = num_classes is not None and scores[-1:] == (num_classes + 1,)
    counts = _box_counts(model) & set(_pyramids(*size))
    if counts and background:
        return (
            "stretch",
            "EfficientDet's anchors, but scores with a background, as the TF "
            "Object Detection API has them: it exports stretched models only",
        )
    if counts:
        return "letterbox", f"it has EfficientDet's {max(counts):,} anchors"
    named = next((t.name for t in model.tensors if _NAME.search(t.name)), None)
    if named and not background:
        return "letterbox", f"a tensor is called {named[:60]!r}"
    return "stretch", "nothing in the file says EfficientDet"


def _box_counts(model: TfliteModel) -> set[int]:
    """Collect the N of all tensors [N, 4] and [1, N, 4]: numbers of boxes or anchors."""
    found = set()
    for tensor in model.tensors:
        shape = tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape
        if len(shape) == 2 and shape[1] == 4:
            found.add(shape[0])
    return found


def _pyramids(height: int, width: int) -> list[int]:
    """Count the anchors of an EfficientDet of that input; each level halves the sides, rounded up."""
    return [
        ANCHORS * sum(-(-height // 2**n) * -(-width // 2**n) for n in range(first, last + 1))
        for first, last in LEVELS
    ]


def _shown(height: int, width: int) -> str:
    return f"{width} x {height}"
