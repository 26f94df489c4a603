"""Standard TFLite Metadata for our own models, so that tools which know nothing of us read them.

The flatbuffer goes into the model as `TFLITE_METADATA`; the label file that it names lies in a zip
behind the model. Slot numbers and enums: tflite-support metadata_schema.fbs 1.5.0.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers

from edge_edet.converters.int8 import input_zero_point
from edge_edet.errors import InputError
from edge_edet.formats.tflite import IDENTIFIER, METADATA_KEY
from edge_edet.manifest import Manifest
from edge_edet.network import Graph

__all__ = ["METADATA_KEY", "append_files", "standard_metadata"]

LABEL_FILE = "labels.txt"
UNUSED_LABEL = "???"  # what the Task Library's own label maps have in COCO's gaps
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
MIN_PARSER_VERSION = {"none": "1.0.0", "in-graph": "1.2.0"}  # 1.2.0 has tensor groups

NORMALIZATION = 1  # union ProcessUnitOptions
FEATURE, IMAGE, BOUNDING_BOX = 1, 2, 3  # union ContentProperties
RGB = 1  # enum ColorSpaceType
BOUNDARIES = 1  # enum BoundingBoxType
RATIO = 0  # enum CoordinateType
AXIS_LABELS, VALUE_LABELS = 2, 3  # enum AssociatedFileType


@dataclass(frozen=True)
class _Byte:
    value: int


@dataclass(frozen=True)
class _Int:
    value: int


_Table = dict[int, Any]  # slot -> str, _Byte, _Int, _Table, or a list of str, float, int or _Table


def standard_metadata(manifest: Manifest) -> tuple[bytes, dict[str, bytes]]:
    """Return the TFLITE_METADATA flatbuffer of a model, and the files to append by `append_files`.

    Parameters
    ----------
    manifest
        Of the model.

    Returns
    -------
    tuple[bytes, dict[str, bytes]]
        The flatbuffer, and content by name of file.

    Raises
    ------
    InputError
        Where a label is not one line of text.
    """
    variant = manifest.variant
    labels = _label_file(manifest.labels)
    graph: _Table = {2: [_image_input(manifest)]}
    if manifest.nms == "in-graph":
        graph[3] = _detections()
        graph[8] = [{0: "detection_result", 1: ["location", "category", "score"]}]
    else:
        graph[3] = _raw_outputs()
    model = {
        0: f"EfficientDet {variant.name} {manifest.precision}",
        1: f"Finds objects of {variant.num_classes} classes in a picture and their boxes.",
        2: manifest.generator,
        3: [graph],
        7: MIN_PARSER_VERSION[manifest.nms],
    }
    builder = flatbuffers.Builder(4096)
    builder.Finish(_pack(builder, model), file_identifier=IDENTIFIER)
    return bytes(builder.Output()), {LABEL_FILE: labels}


def append_files(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the model with a zip of the files behind it; the same files give the same bytes.

    Stored, not compressed: readers on devices take the bytes where they lie.

    Parameters
    ----------
    model
        The content of a .tflite.
    files
        Content by name.

    Returns
    -------
    bytes
        The content of the new .tflite.
    """
    if not files:
        return model
    stream = io.BytesIO()
    stream.write(model)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Unix, on every machine
            archive.writestr(entry, files[name])
    return stream.getvalue()


def _label_file(labels: Sequence[str | None]) -> bytes:
    for label in labels:
        if label is not None and [label.strip()] != label.splitlines():
            raise InputError(f"a label must be one line of text, but got {label!r}")
    lines = [UNUSED_LABEL if label is None else label for label in labels]
    return "".join(f"{line}\n" for line in lines).encode()


def _image_input(manifest: Manifest) -> _Table:
    """Describe the input, which takes grey levels.

    Normalizing and then, for integers in an integer model, quantizing by the tensor's own scale 1 and zero
    point must give these back.
    """
    variant = manifest.variant
    zero = input_zero_point(Graph(variant, manifest.input_name, [], {}))
    integers = manifest.precision == "int8" and manifest.input_dtype != "float32"
    mean = float(zero) if integers else 0.0
    height, width = variant.input_size
    red, green, blue = variant.pad_rgb
    return {
        0: manifest.input_name,
        1: f"RGB, 0 to 255: the picture resized to fit into {width} x {height}, placed top left, "
        f"the rest filled with ({red}, {green}, {blue}). The model itself normalizes it.",
        3: {0: _Byte(IMAGE), 1: {0: _Byte(RGB), 1: {0: _Int(width), 1: _Int(height)}}},
        4: [{0: _Byte(NORMALIZATION), 1: {0: [mean], 1: [1.0]}}],
        5: {0: [255.0], 1: [0.0]},  # max, min
    }


def _labels(kind: int) -> list[_Table]:
    return [{0: LABEL_FILE, 1: "Class names, the first line is class 0.", 2: _Byte(kind)}]


def _raw_outputs() -> list[_Table]:
    feature: _Table = {0: _Byte(FEATURE), 1: {}}
    codes = "Box codes (ty, tx, th, tw) against the anchors, see edge_edet_manifest."
    logits = "Class logits of each anchor, before the sigmoid."
    return [
        {0: "box_codes", 1: codes, 3: feature},
        {0: "class_logits", 1: logits, 3: feature, 6: _labels(AXIS_LABELS)},
    ]


def _detections() -> list[_Table]:
    """Describe the four outputs, by the names that the Task Library and MediaPipe look for."""
    each = {0: _Int(2), 1: _Int(2)}  # dimension 1 counted from the batch: one content per row
    feature: _Table = {0: _Byte(FEATURE), 1: {}, 2: each}
    order = [1, 0, 3, 2]  # where left, top, right, bottom are in a row
    box: _Table = {0: order, 1: _Byte(BOUNDARIES), 2: _Byte(RATIO)}
    return [
        {
            0: "location",
            1: "The boxes: top, left, bottom, right as fractions of the input.",
            3: {0: _Byte(BOUNDING_BOX), 1: box, 2: each},
        },
        {0: "category", 1: "The classes of the boxes.", 3: feature, 6: _labels(VALUE_LABELS)},
        {
            0: "score",
            1: "The scores of the boxes, descending.",
            3: feature,
            5: {0: [1.0], 1: [0.0]},
        },
        {0: "number of detections", 1: "How many rows hold a box.", 3: {0: _Byte(FEATURE), 1: {}}},
    ]


def _pack(builder: flatbuffers.Builder, value: str | _Table | list[Any]) -> int:
    """Write the value, its parts first, as flatbuffers wants it; returns its offset."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, dict):
        return _pack_table(builder, value)
    scalar = {float: builder.PrependFloat32, int: builder.PrependUint32}.get(type(value[0]))
    items = value if scalar else [_pack(builder, item) for item in value]
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        (scalar or builder.PrependUOffsetTRelative)(item)
    return int(builder.EndVector())


def _pack_table(builder: flatbuffers.Builder, table: _Table) -> int:
    inline = (_Byte, _Int)
    offsets = {s: _pack(builder, v) for s, v in table.items() if not isinstance(v, inline)}
    builder.StartObject(max(table, default=-1) + 1)
    for slot, value in sorted(table.items()):
        if isinstance(value, _Byte):
            builder.PrependUint8Slot(slot, value.value, 0)
        elif isinstance(value, _Int):
            builder.PrependInt32Slot(slot, value.value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
    return int(builder.EndObject())
