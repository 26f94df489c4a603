"""Which of a model's tensors mean what: of ours by the manifest, of foreign ones by their graph."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.errors import ModelFileError
from edge_edet.labels import parse_labels
from edge_edet.manifest import Manifest, manifest_of
from edge_edet.model_file import ModelFile, described
from edge_edet.tflite_file import TfliteModel
from edge_edet.tflite_metadata import StandardMetadata, read_metadata
from edge_edet.variants import Variant

__all__ = ["ModelLayout", "layout_of"]

SUPPRESSION = "TFLite_Detection_PostProcess"
ROLES = ("boxes", "classes", "scores", "count")  # the order of that operator's outputs
# What converters call these outputs in the metadata; "category" is the task library's name.
ROLE_NAMES = {
    "location": "boxes",
    "locations": "boxes",
    "category": "classes",
    "categories": "classes",
    "class": "classes",
    "classes": "classes",
    "score": "scores",
    "scores": "scores",
    "number of detections": "count",
}
INPUT_DTYPES = ("uint8", "int8", "float32")


@dataclass(frozen=True)
class ModelLayout:
    """How to feed a model and how to read it.

    outputs: role -> tensor name. variant None: a foreign detector, fed the stretched picture.
    mean and std: per channel on the 0-255 scale, where the input holds floats or is int8.
    """

    precision: str
    input_name: str
    input_size: tuple[int, int]  # height, width
    input_dtype: str
    outputs: dict[str, str]
    labels: tuple[str | None, ...]
    variant: Variant | None
    manifest: Manifest | None
    in_graph: bool
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def layout_of(model: ModelFile) -> ModelLayout:
    """Raises ModelFileError for a model that is not a detector known here, saying what it is."""
    manifest = manifest_of(model)
    if manifest is None:
        if isinstance(model, TfliteModel):
            return _foreign(model)
        raise ModelFileError(
            f"{str(model.path)!r} is no detector that edge-edet can run: {described(model)}; "
            f"expected a manifest from 'edge-edet convert'"
        )
    size = manifest.variant.image_size
    return ModelLayout(
        precision=manifest.precision,
        input_name=manifest.input_name,
        input_size=(size, size),
        input_dtype=manifest.input_dtype,
        outputs=dict(manifest.outputs),
        labels=manifest.labels,
        variant=manifest.variant,
        manifest=manifest,
        in_graph=manifest.nms == "in-graph",
    )


def _foreign(model: TfliteModel) -> ModelLayout:
    last = [op for op in model.operators if op.name == SUPPRESSION and len(op.outputs) >= 4]
    if len(last) != 1 or len(model.inputs) != 1:
        raise ModelFileError(
            f"{str(model.path)!r} is no detector that edge-edet can run: {described(model)}; expected "
            f"a manifest from 'edge-edet convert', or one image input and operator {SUPPRESSION}"
        )
    produced = {t: role for role, t in zip(ROLES, last[0].outputs, strict=False)}
    metadata = read_metadata(model)
    outputs = {produced[t]: model.tensors[t].name for t in model.outputs if t in produced}
    named = _by_metadata(model, metadata)
    if set(outputs) != set(ROLES):  # the operator's results go through more operators
        outputs = named
    if set(outputs) != set(ROLES):
        raise ModelFileError(
            f"{str(model.path)!r}: its outputs do not come from {SUPPRESSION} and its metadata "
            f"does not name them; {described(model)}"
        )
    (image,) = model.input_tensors
    if len(image.shape) != 4 or image.shape[0] != 1 or image.shape[3] != 3:
        raise ModelFileError(
            f"{str(model.path)!r}: its input must be [1, h, w, 3], but is {list(image.shape)}"
        )
    if image.dtype not in INPUT_DTYPES or 0 in image.shape:
        raise ModelFileError(
            f"{str(model.path)!r}: its input must be one of {', '.join(INPUT_DTYPES)}, but is "
            f"{image.dtype} {list(image.shape)}"
        )
    mean, std = (metadata.mean, metadata.std) if metadata else ((), ())
    if image.dtype != "uint8" and not mean:
        raise ModelFileError(
            f"{str(model.path)!r}: its input is {image.dtype} and no metadata says how pictures "
            "are normalized: add TFLite Metadata with NormalizationOptions"
        )
    labels = metadata.labels if metadata and metadata.labels else ()
    return ModelLayout(
        precision=_precision(model),
        input_name=image.name,
        input_size=(image.shape[1], image.shape[2]),
        input_dtype=image.dtype,
        outputs=outputs,
        labels=labels,
        variant=None,
        manifest=None,
        in_graph=True,
        mean=mean,
        std=std,
    )


def _by_metadata(model: TfliteModel, metadata: StandardMetadata | None) -> dict[str, str]:
    if metadata is None or len(metadata.output_names) != len(model.outputs):
        return {}
    pairs = zip(metadata.output_names, model.output_tensors, strict=True)
    return {ROLE_NAMES[n.lower()]: t.name for n, t in pairs if n.lower() in ROLE_NAMES}


def _precision(model: TfliteModel) -> str:
    """What the stored weights are: by the type that takes the most bytes."""
    sizes: dict[str, int] = {}
    for tensor in model.tensors:
        sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + (tensor.constant_bytes or 0)
    widest = max(sizes, key=lambda dtype: sizes[dtype], default="float32")
    computed = [op for op in model.non_integer_operators if op.name != SUPPRESSION]
    if widest in ("uint8", "int8"):
        return "int8-dynamic" if len(computed) > len(model.operators) // 2 else widest
    return {"float32": "fp32", "float16": "fp16"}.get(widest, widest)


def labels_override(layout: ModelLayout, text: str, what: str) -> tuple[str | None, ...]:
    """Labels from a label file instead of the model's own."""
    labels = parse_labels(text, what)
    if layout.labels and len(labels) != len(layout.labels):
        raise ModelFileError(f"{what} has {len(labels)} labels, the model {len(layout.labels)}")
    return labels
