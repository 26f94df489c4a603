"""Read a foreign detector, a `.tflite` with TFLite_Detection_PostProcess, from its graph and metadata.

What neither of them states is assumed only where there is evidence, and the assumption is reported;
the rest is refused, and the message names the option that would give it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.errors import InputError, ModelFileError
from edge_edet.foreign.input import evident_fit, input_size_of
from edge_edet.foreign.options import InputOptions
from edge_edet.formats import TensorInfo, described, read_numbers
from edge_edet.formats.tflite import (
    EDGE_TPU,
    SUPPRESSION,
    OperatorInfo,
    StandardMetadata,
    TfliteModel,
    read_metadata,
)
from edge_edet.labels import LabelFile
from edge_edet.pictures import Channels, Normalization

__all__ = ["MODEL_MAKER", "Foreign", "read_foreign", "stored_precision"]


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
# By index, in the files of TensorFlow Lite Model Maker: programs that read by index expect ROLES.
MODEL_MAKER = ("scores", "boxes", "count", "classes")
MODEL_MAKER_NOTE = (
    f"outputs are {', '.join(MODEL_MAKER)} by index, the order of Model Maker's files"
)
INPUT_DTYPES = ("uint8", "int8", "float32")
IMAGENET_MEAN = (124, 116, 104)  # rounded; the zero of EfficientDet-D0 to D7's normalized pictures


@dataclass(frozen=True)
class Foreign:
    """What was found out about a foreign detector.

    Attributes
    ----------
    size
        Height and width of the input.
    outputs
        Role ("boxes", "classes", "scores", "count") -> tensor name.
    labels
        By class, None for an unused one; empty where there are none.
    normalization
        None where the input takes the picture's own bytes.
    fit, fit_reason
        "letterbox" or "stretch", and why.
    classes_per_box
        Entries in the outputs for each box that the model counts.
    num_classes
        None where the file does not state it.
    """

    image: TensorInfo
    size: tuple[int, int]  # height, width
    outputs: dict[str, str]
    labels: tuple[str | None, ...]
    normalization: Normalization | None
    fit: str
    fit_reason: str
    pad_rgb: tuple[int, int, int]
    classes_per_box: int
    notes: tuple[str, ...]
    num_classes: int | None


def read_foreign(model: TfliteModel, options: InputOptions) -> Foreign:
    """Find out how to feed and read the model.

    Parameters
    ----------
    model
        The summary of the file.
    options
        What was given about it.

    Returns
    -------
    Foreign
        Its layout, and what was assumed.

    Raises
    ------
    ModelFileError
        If it is not such a detector, or does not say enough about itself.
    InputError
        If an option contradicts the file or does not apply to it.
    """
    operator = _suppression(model)
    numbers = _numbers(model, operator)
    num_classes = int(numbers["num_classes"]) if numbers.get("num_classes", 0) > 0 else None
    metadata = read_metadata(model, num_classes, with_labels=options.labels is None)
    outputs = _outputs(model, operator, metadata)
    (image,) = model.input_tensors
    size = input_size_of(model, image, options.size())
    if image.dtype not in INPUT_DTYPES:
        raise ModelFileError(
            f"{str(model.path)!r}: its input must be one of {', '.join(INPUT_DTYPES)}, but is "
            f"{image.dtype} {list(image.free_shape)}"
        )
    labels = options.read_labels(num_classes) or LabelFile(())
    if metadata is not None and metadata.labels:
        labels = LabelFile(metadata.labels, metadata.labels_note)
    if num_classes and labels.names and len(labels.names) != num_classes:
        note = f"{len(labels.names)} names in the file for {num_classes} classes"
        labels = labels._replace(note=f"{labels.note}; {note}" if labels.note else note)
    stored = _stored_normalization(metadata)
    normalization = _normalization(model, image, stored, options)
    fit, reason = options.fit, "as asked"
    if fit is None:
        name = metadata.name if metadata else ""
        fit, reason = evident_fit(model, operator, size[:2], num_classes, name)
    if options.pad is not None and fit == "stretch":
        raise InputError(
            f"pad (--pad) is for letterboxed pictures, and those for {str(model.path)!r} are "
            f"stretched ({reason}): give fit letterbox (--fit letterbox) too, or leave it out"
        )
    order = tuple(_role(outputs, tensor.name) for tensor in model.output_tensors)
    notes = [size.note, MODEL_MAKER_NOTE if order == MODEL_MAKER else None]
    notes += [f"labels: {labels.note}" if labels.note else None]
    if options.fit is None and fit == "letterbox":
        notes.append(f"pictures are letterboxed: {reason}; fit (--fit) sets another")
    return Foreign(
        image=image,
        size=(size.height, size.width),
        outputs=outputs,
        labels=labels.names,
        normalization=normalization if image.dtype != "uint8" else None,
        fit=fit,
        fit_reason=reason,
        pad_rgb=options.pad_rgb() or _padding(image, normalization or stored),
        classes_per_box=_classes_per_box(numbers, num_classes),
        notes=tuple(note for note in notes if note),
        num_classes=num_classes,
    )


def _role(outputs: dict[str, str], tensor: str) -> str | None:
    return next((role for role, name in outputs.items() if name == tensor), None)


def _suppression(model: TfliteModel) -> OperatorInfo:
    last = [op for op in model.operators if op.name == SUPPRESSION and len(op.outputs) >= 4]
    if len(last) == 1 and len(model.inputs) == 1:
        return last[0]
    if EDGE_TPU in model.custom_operators and not last:
        raise ModelFileError(
            f"{str(model.path)!r} is compiled for the Edge TPU and has no {SUPPRESSION} behind its "
            f"{EDGE_TPU}, so that its outputs are unknown: give a detector that was "
            f"exported with {SUPPRESSION}"
        )
    raise ModelFileError(
        f"{str(model.path)!r} is no detector that edge-edet can run: {described(model)}; expected "
        f"a manifest from 'edge-edet convert', or one image input and operator {SUPPRESSION}"
    )


def _numbers(model: TfliteModel, operator: OperatorInfo) -> dict[str, float]:
    what = f"{str(model.path)!r}: the options of {SUPPRESSION}"
    return read_numbers(operator.custom_options, what) if operator.custom_options else {}


def _classes_per_box(numbers: dict[str, float], num_classes: int | None) -> int:
    """Return how many entries the operator's fast mode writes for each box that it counts.

    Source: tensorflow/lite/kernels/detection_postprocess.cc, num_categories_per_anchor.
    """
    most = int(numbers.get("max_classes_per_detection", 1))
    if numbers.get("use_regular_nms") or most < 2:
        return 1
    return min(most, num_classes) if num_classes else most


def _outputs(
    model: TfliteModel, operator: OperatorInfo, metadata: StandardMetadata | None
) -> dict[str, str]:
    produced = {t: role for role, t in zip(ROLES, operator.outputs, strict=False)}
    outputs = {produced[t]: model.tensors[t].name for t in model.outputs if t in produced}
    if set(outputs) != set(ROLES):  # the operator's results go through more operators
        outputs = _by_metadata(model, metadata)
    if set(outputs) != set(ROLES):
        raise ModelFileError(
            f"{str(model.path)!r}: its outputs do not come from {SUPPRESSION} and its metadata "
            f"does not name them; {described(model)}"
        )
    if len(set(outputs.values())) < len(ROLES):
        raise ModelFileError(
            f"{str(model.path)!r}: its outputs must have four names, but are "
            f"{', '.join(f'{role} {name!r}' for role, name in outputs.items())}"
        )
    return outputs


def _by_metadata(model: TfliteModel, metadata: StandardMetadata | None) -> dict[str, str]:
    if metadata is None or len(metadata.output_names) != len(model.outputs):
        return {}
    pairs = zip(metadata.output_names, model.output_tensors, strict=True)
    return {ROLE_NAMES[n.lower()]: t.name for n, t in pairs if n.lower() in ROLE_NAMES}


def _stored_normalization(metadata: StandardMetadata | None) -> Normalization | None:
    if metadata is None or not metadata.mean:
        return None

    def three(values: tuple[float, ...]) -> Channels:
        red, green, blue = values * 3 if len(values) == 1 else values
        return red, green, blue

    return Normalization(three(metadata.mean), three(metadata.std))


def _normalization(
    model: TfliteModel, image: TensorInfo, stored: Normalization | None, options: InputOptions
) -> Normalization | None:
    """Take it from the metadata or the options; a contradiction is refused."""
    given, path = options.normalization(), str(model.path)
    if given is not None and image.dtype == "uint8":
        raise InputError(
            f"--mean and --std are not for {path!r}: its input is uint8, the picture's own bytes, "
            "and its quantization or its graph normalizes them"
        )
    if given is not None and stored is not None and not _same(given, stored):
        raise InputError(
            f"{given} contradicts the metadata of {path!r}, which says {stored}: leave --mean and "
            "--std out, or correct the file's NormalizationOptions"
        )
    if image.dtype != "uint8" and given is None and stored is None:
        raise ModelFileError(
            f"{path!r}: its input is {image.dtype} and no metadata says how pictures are normalized: "
            "give --mean and --std of its training (detect, eval; load has mean and std), such as "
            "--mean 127.5 --std 127.5 (SSD MobileNet of the TF Object Detection API), --mean 127 "
            "--std 128 (EfficientDet-Lite), --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375 "
            "(ImageNet: EfficientDet-D0 to D7), --mean 0 --std 1 where the graph normalizes"
        )
    return given or stored


def _same(one: Normalization, other: Normalization) -> bool:
    pairs = zip((*one.mean, *one.std), (*other.mean, *other.std), strict=True)
    return all(abs(a - b) < 0.01 for a, b in pairs)


def _padding(image: TensorInfo, normalization: Normalization | None) -> tuple[int, int, int]:
    """Return the colour that normalization maps to 0, with which the trainers pad."""
    if normalization is not None:
        red, green, blue = (min(255, int(value + 0.5)) for value in normalization.mean)
        return red, green, blue
    if image.dtype == "uint8" and len(image.scales) == 1 and image.scales[0] > 0:
        zero = image.zero_points[0]
        if 0 < zero < 255:  # zero point 0: the graph normalizes
            return zero, zero, zero
    return IMAGENET_MEAN


def stored_precision(model: TfliteModel) -> str:
    """Return the precision of the stored weights: of the type that takes the most bytes.

    "fp32", "fp16", "int8", "uint8"; "int8-dynamic" where most operators compute in float; else the
    type's name.

    Parameters
    ----------
    model
        The summary of the file.

    Returns
    -------
    str
        The precision.
    """
    sizes: dict[str, int] = {}
    for tensor in model.tensors:
        sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + (tensor.constant_bytes or 0)
    widest = max(sizes, key=lambda dtype: sizes[dtype], default="float32")
    computed = [op for op in model.non_integer_operators if op.name != SUPPRESSION]
    if widest in ("uint8", "int8"):
        return "int8-dynamic" if len(computed) > len(model.operators) // 2 else widest
    return {"float32": "fp32", "float16": "fp16"}.get(widest, widest)
