"""The manifest in a model file, and its JSON: docs/manifest.md in code."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_edet.errors import ModelFileError
from edge_edet.formats import Fields, ModelFile, TensorInfo, read_model
from edge_edet.variants import ImageSize, Variant, size_of

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_KEY",
    "OUTPUT_DTYPES",
    "ROWS",
    "Manifest",
    "manifest_of",
    "read_manifest",
]

FORMAT_VERSION = 1
MANIFEST_KEY = "edge_edet_manifest"
LIMITS = ("score_threshold", "iou_threshold", "max_detections")  # of suppression in the graph
SHA256 = re.compile("[0-9a-f]{64}")
MAX_JSON_BYTES = 2**20
MAX_IMAGE_SIZE = 8192
ANCHOR_FACTORS = (0.01, 1000.0)  # least and most
INPUT_DTYPES = ("uint8", "int8", "float32")  # of the same values, 0 to 255; int8: minus 128
OUTPUT_DTYPES = ("int8", "uint8", "float32")  # of box codes and class logits
PRECISIONS = ("fp32", "fp16", "int8-dynamic", "int8")
ROWS = (
    "detections"  # of an IR that suppresses: one output of rows, as OpenVINO's own detectors have
)
OUTPUT_KEYS = {
    "none": ("boxes", "classes"),
    "in-graph": ("boxes", "classes", "scores", "count"),
}


@dataclass(frozen=True)
class Manifest:
    """What a model file says about itself, docs/manifest.md format version 1.

    Attributes
    ----------
    variant
        The network's hyperparameters: image size, anchors, normalization, number of classes.
    outputs
        The roles boxes, classes, scores and count, or detections for all in one, -> tensor names.
    labels
        One entry for each class, None where the class id is unused.
    provenance
        Where the weights came from and how the file was made.
    nms
        "none", or "in-graph" with score_threshold, iou_threshold and max_detections.
    content_sha256
        Checksum of graph and weights; None in files from before it.
    extra
        Keys that this version does not know.
    """

    generator: str
    precision: str
    variant: Variant
    outputs: Mapping[str, str]
    labels: tuple[str | None, ...]
    provenance: Mapping[str, Any]
    nms: str = "none"
    input_name: str = "image"
    input_dtype: str = "uint8"
    score_threshold: float | None = None
    iou_threshold: float | None = None
    max_detections: int | None = None
    content_sha256: str | None = None  # the sum over graph and weights
    extra: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Shape of the input tensor, [1, height, width, 3]."""
        return (1, *self.variant.input_size, 3)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object, keys in the order of docs/manifest.md.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        document: dict[str, Any] = {
            "format_version": self.format_version,
            "generator": self.generator,
            "precision": self.precision,
            "variant": json.loads(json.dumps(dataclasses.asdict(self.variant))),  # tuples to lists
            "input": {
                "name": self.input_name,
                "shape": list(self.input_shape),
                "dtype": self.input_dtype,
            },
            "nms": self.nms,
            "outputs": dict(self.outputs),
            "labels": list(self.labels),
        }
        if self.nms == "in-graph":
            document["score_threshold"] = self.score_threshold
            document["iou_threshold"] = self.iou_threshold
            document["max_detections"] = self.max_detections
        document["provenance"] = dict(self.provenance)
        if self.content_sha256 is not None:
            document["content_sha256"] = self.content_sha256
        document.update({key: self.extra[key] for key in sorted(self.extra)})
        return document

    def to_json(self) -> str:
        """Return the text that goes into the file; the same manifest gives the same bytes.

        Returns
        -------
        str
            JSON.

        Raises
        ------
        ModelFileError
            Where a reader would refuse the manifest.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
        Manifest.from_json(text, "this manifest")
        return text

    @property
    def has_random_weights(self) -> bool:
        """Whether the weights are random: the model is for measuring time only."""
        weights = self.provenance.get("weights")
        return isinstance(weights, dict) and weights.get("random") is True

    @classmethod
    def from_json(cls, text: str | bytes, what: str = "the manifest") -> Manifest:
        """Read and check the JSON.

        Parameters
        ----------
        text
            UTF-8 JSON, at most 1 MiB.
        what
            Names it in messages.

        Returns
        -------
        Manifest
            The manifest.

        Raises
        ------
        ModelFileError
            It is no manifest; the message names the key at fault.
        """
        data = text.encode("utf-8") if isinstance(text, str) else text
        if len(data) > MAX_JSON_BYTES:
            raise ModelFileError(
                f"{what}: {len(data)} bytes of JSON, at most {MAX_JSON_BYTES} are read"
            )
        try:
            document = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            reason = str(error) or "nested too deeply"
            raise ModelFileError(f"{what} is not UTF-8 JSON: {reason}") from None
        return cls.from_dict(document, what)

    @classmethod
    def from_dict(cls, document: object, what: str = "the manifest") -> Manifest:
        """Check a JSON object as `from_json` does.

        Parameters
        ----------
        document
            What `json.loads` returned.
        what
            Names it in messages.

        Returns
        -------
        Manifest
            The manifest.

        Raises
        ------
        ModelFileError
            It is no manifest, or of an unknown version; the message names the key at fault.
        """
        top = Fields(document, what)
        version = top.integer("format_version")
        if version != FORMAT_VERSION:
            raise ModelFileError(
                f"{what}: format_version {version} is unknown, this edge-edet reads "
                f"{FORMAT_VERSION}: convert the model again, or update edge-edet"
            )
        generator = top.string("generator")
        precision = top.choice("precision", PRECISIONS)
        nms = top.choice("nms", tuple(OUTPUT_KEYS))
        variant = _variant(top.object("variant"))
        outputs = top.object("outputs")
        keys = (ROWS,) if nms == "in-graph" and outputs.has(ROWS) else OUTPUT_KEYS[nms]
        names = {key: outputs.string(key) for key in keys}
        if len(set(names.values())) != len(names):
            top.fail("outputs", "name one tensor each", names)
        limits: dict[str, Any] = {}
        if nms == "in-graph":
            limits["score_threshold"] = top.number("score_threshold", 0.0, 1.0)
            limits["iou_threshold"] = top.number("iou_threshold", 0.0, 1.0)
            limits["max_detections"] = top.integer("max_detections", 1, 100_000)
        if top.has("content_sha256"):
            limits["content_sha256"] = top.string("content_sha256")
            if not SHA256.fullmatch(limits["content_sha256"]):
                top.fail("content_sha256", "be 64 hex digits", limits["content_sha256"])
        entry = top.object("input")
        manifest = cls(
            generator=generator,
            precision=precision,
            variant=variant,
            outputs=names,
            labels=_labels(top, variant.num_classes),
            provenance=top.object("provenance").document,
            nms=nms,
            input_name=entry.string("name"),
            input_dtype=entry.choice("dtype", INPUT_DTYPES),
            extra=top.rest(*LIMITS),
            **limits,
        )
        shape = entry.integers("shape")
        if shape != manifest.input_shape:
            entry.fail("shape", f"be {list(manifest.input_shape)}", list(shape))
        return manifest

    def check_tensors(self, model: ModelFile) -> None:
        """Raise ModelFileError where the file's own tensors contradict the manifest.

        Parameters
        ----------
        model
            The summary of the file that it is in.

        Raises
        ------
        ModelFileError
            Where the file's own tensors contradict the manifest.
        """
        inputs = {tensor.name: tensor for tensor in model.input_tensors}
        if set(inputs) != {self.input_name}:
            raise ModelFileError(
                f"{str(model.path)!r}: the manifest says that its only input is "
                f"{self.input_name!r}, the file has {sorted(inputs)}"
            )
        _check(model, inputs[self.input_name], self.input_shape, (self.input_dtype,))
        outputs = {tensor.name: tensor for tensor in model.output_tensors}
        v, count = self.variant, self.max_detections or 0
        if self.nms == "none":
            dtypes = OUTPUT_DTYPES if self.precision == "int8" else ("float32",)
            shapes: dict[str, tuple[int, ...]] = {
                "boxes": (1, v.num_anchors, 4),
                "classes": (1, v.num_anchors, v.num_classes),
            }
        elif ROWS in self.outputs:
            dtypes, shapes = ("float32",), {ROWS: (1, 1, count, 7)}
        else:
            dtypes = ("float32",)
            rows = (1, count)
            shapes = {"boxes": (*rows, 4), "classes": rows, "scores": rows, "count": (1,)}
        for role, name in self.outputs.items():
            if name not in outputs:
                raise ModelFileError(
                    f"{str(model.path)!r}: the manifest says that {role} are in tensor {name!r}, "
                    f"the file's outputs are {sorted(outputs)}"
                )
            # The suppression operator sets its outputs' shapes at run time: the file may say [].
            unsized = self.nms == "in-graph" and not outputs[name].shape
            _check(model, outputs[name], () if unsized else shapes[role], dtypes, ("int8", "uint8"))


def _check(
    model: ModelFile,
    tensor: TensorInfo,
    shape: tuple[int, ...],
    dtypes: tuple[str, ...],
    integers: tuple[str, ...] = (),
) -> None:
    """integers: types that must have one scale."""
    if tensor.shape != shape or tensor.dtype not in dtypes:
        raise ModelFileError(
            f"{str(model.path)!r}: by the manifest tensor {tensor.name!r} is "
            f"{' or '.join(dtypes)} {list(shape)}, in the file it is "
            f"{tensor.dtype} {list(tensor.shape)}"
        )
    if tensor.dtype in integers and (len(tensor.scales) != 1 or tensor.scales[0] <= 0):
        raise ModelFileError(
            f"{str(model.path)!r}: output {tensor.name!r} is {tensor.dtype} and must have one positive "
            f"scale, it has {len(tensor.scales)}"
        )


def manifest_of(model: ModelFile) -> Manifest | None:
    """Return the manifest of a model that was read, checked against its tensors.

    None where the file has no manifest. Raises ModelFileError for a wrong one.
    """
    data = model.metadata.get(MANIFEST_KEY)
    if data is None:
        return None
    manifest = Manifest.from_json(data, f"the manifest of {str(model.path)!r}")
    manifest.check_tensors(model)
    return manifest


def read_manifest(path: str | Path) -> Manifest:
    """Read the manifest of a model file.

    Parameters
    ----------
    path
        A .tflite, .xml or .onnx.

    Returns
    -------
    Manifest
        Checked against the file's tensors.

    Raises
    ------
    ModelFileError
        The file has no manifest, or a wrong one.
    """
    manifest = manifest_of(read_model(path))
    if manifest is None:
        raise ModelFileError(
            f"{str(path)!r} has no {MANIFEST_KEY}: it was not made by 'edge-edet convert'"
        )
    return manifest


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _labels(top: Fields, num_classes: int) -> tuple[str | None, ...]:
    labels = top.list("labels")
    if len(labels) != num_classes:
        top.fail("labels", f"have num_classes = {num_classes} entries", len(labels))
    for label in labels:
        if label is not None and not isinstance(label, str):
            top.fail("labels", "hold strings and nulls", label)
    return tuple(labels)


def _variant(fields: Fields) -> Variant:
    variant = Variant(
        name=fields.string("name"),
        image_size=_image_size(fields),
        width=fields.number("width", 0.01, 100.0),
        depth=fields.number("depth", 0.01, 100.0),
        fpn_channels=fields.integer("fpn_channels", 1, 10_000),
        fpn_repeats=fields.integer("fpn_repeats", 1, 100),
        head_repeats=fields.integer("head_repeats", 0, 100),
        fusion=fields.choice("fusion", ("fast", "softmax", "sum")),
        max_level=fields.integer("max_level", 1, 10),
        anchor_scale=_anchor_scale(fields),
        lite=fields.boolean("lite"),
        source=fields.string("source"),
        min_level=fields.integer("min_level", 1, 10),
        feature_network=fields.string("feature_network"),
        aspect_ratios=tuple(
            (a, b) for a, b in (fields.floats_of(pair, 2) for pair in fields.list("aspect_ratios"))
        ),
        mean=_triple(fields, "mean"),
        std=_triple(fields, "std"),
        num_classes=fields.integer("num_classes", 1, 100_000),
        pool_padding=fields.choice("pool_padding", ("ignore", "zero", "symmetric")),
        pad_rgb=_pixel(fields, "pad_rgb"),
        **_later_fields(fields),
    )
    if not 1 <= variant.min_level <= variant.max_level:
        fields.fail("min_level", f"be at most max_level {variant.max_level}", variant.min_level)
    if len(variant.anchor_scales) != len(variant.levels):
        fields.fail(
            "anchor_scale",
            f"be one number, or {len(variant.levels)}, one for each level",
            list(variant.anchor_scales),
        )
    ratios = variant.aspect_ratios
    if not 1 <= len(ratios) <= 100 or not all(x > 0 and y > 0 for x, y in ratios):
        fields.fail("aspect_ratios", "be 1 to 100 pairs of positive numbers", list(ratios))
    if not all(math.isfinite(s) and s > 0 for s in variant.std):
        fields.fail("std", "be positive", list(variant.std))
    return variant


def _image_size(fields: Fields) -> ImageSize:
    """Read the side of a square, or [height, width] of another input."""
    if not isinstance(fields.document.get("image_size"), list):
        return fields.integer("image_size", 1, MAX_IMAGE_SIZE)
    sides = fields.integers("image_size")
    if len(sides) != 2 or not all(1 <= side <= MAX_IMAGE_SIZE for side in sides):
        expected = f"be one integer, or [height, width], from 1 to {MAX_IMAGE_SIZE}"
        fields.fail("image_size", expected, list(sides))
    return size_of(sides[0], sides[1])


def _anchor_scale(fields: Fields) -> float | tuple[float, ...]:
    if not isinstance(fields.document.get("anchor_scale"), list):
        return fields.number("anchor_scale", *ANCHOR_FACTORS)
    return _factors(fields, "anchor_scale")


def _factors(fields: Fields, key: str) -> tuple[float, ...]:
    values = fields.list(key)
    numbers = fields.floats_of(values, len(values))
    least, most = ANCHOR_FACTORS
    if not 1 <= len(numbers) <= 100 or not all(least <= value <= most for value in numbers):
        fields.fail(key, f"be 1 to 100 numbers from {least:g} to {most:g}", values)
    return numbers


def _later_fields(fields: Fields) -> dict[str, Any]:
    """Keys that the first files of this format version lack: they have the usual values."""
    found: dict[str, Any] = {}
    if fields.has("anchor_octaves"):
        found["anchor_octaves"] = _factors(fields, "anchor_octaves")
    if fields.has("conv_padding"):
        found["conv_padding"] = fields.choice("conv_padding", ("same", "symmetric"))
    if fields.document.get("feature_blocks") is not None:
        found["feature_blocks"] = _blocks(fields, "feature_blocks")
    return found


def _blocks(fields: Fields, key: str) -> tuple[int, ...]:
    values = fields.integers(key)
    if len(values) != 3 or not all(0 <= value < 100 for value in values):
        fields.fail(key, "be null or three integers from 0 to 99", list(values))
    return values


def _triple(fields: Fields, key: str) -> tuple[float, float, float]:
    r, g, b = fields.floats_of(fields.list(key), 3)
    return r, g, b


def _pixel(fields: Fields, key: str) -> tuple[int, int, int]:
    values = fields.integers(key)
    if len(values) != 3 or not all(0 <= v <= 255 for v in values):
        fields.fail(key, "be three integers from 0 to 255", list(values))
    r, g, b = values
    return r, g, b
