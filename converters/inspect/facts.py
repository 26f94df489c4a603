"""What a `.tflite` states about itself: operators, tensors, sizes, and what it was made from."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from edge_edet.converters.inspect.network_parts import PARTS, block_of, part_of
from edge_edet.converters.inspect.tflite import Rewritable
from edge_edet.foreign import stored_precision
from edge_edet.formats import ModelFile, TensorInfo
from edge_edet.formats.tflite import TfliteModel
from edge_edet.manifest import Manifest, manifest_of

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
SCALING = ("ADD", "SUB", "MUL", "DIV", "CAST")


@dataclass(frozen=True)
class Facts:
    """What a model file states about itself, ready for JSON.

    Attributes
    ----------
    path, size_bytes, description
        The file, its size, and the description or graph name in it.
    precision
        "int8", "int8-dynamic", "fp16" or "fp32": of the manifest, or guessed from the tensors.
    operators
        Kind of operator -> count, most frequent first.
    float_operators
        Operators that do not compute in integers. None for OpenVINO, where the plugin decides.
    islands
        Float islands of an INT8 model, block -> kinds of its float operators; see `islands`.
    inputs, outputs
        As `tensor_dict` gives them.
    tensors
        Number of tensors.
    weights_bytes
        Part of the network -> bytes of its constants; a shared one counts where it is read first.
    metadata
        Names of the metadata entries.
    manifest
        As `manifest_summary` gives it; None without a manifest of edge-edet.
    openvino
        OpenVINO only, see `facts_of_ir`.
    """

    path: str
    size_bytes: int
    description: str
    precision: str
    operators: dict[str, int]
    float_operators: int | None
    islands: dict[str, list[str]]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    tensors: int
    weights_bytes: dict[str, int]
    metadata: list[str]
    manifest: dict[str, Any] | None
    openvino: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, ready for JSON."""
        return asdict(self)


def facts_of(opened: Rewritable) -> Facts:
    """Collect the facts of a `.tflite`.

    Raises
    ------
    ModelFileError
        Where the manifest contradicts the tensors.
    """
    model = opened.model
    manifest = manifest_of(model)
    counts = Counter(op.name for op in model.operators)
    return Facts(
        path=str(model.path),
        size_bytes=model.size_bytes,
        description=model.description,
        precision=manifest.precision if manifest else stored_precision(model),
        operators=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        float_operators=len(model.non_integer_operators),
        islands=islands(model),
        inputs=[tensor_dict(t) for t in model.input_tensors],
        outputs=[tensor_dict(t) for t in model.output_tensors],
        tensors=len(model.tensors),
        weights_bytes=_weights_bytes(opened),
        metadata=sorted(model.metadata),
        manifest=manifest_summary(manifest) if manifest else None,
    )


def tensor_dict(t: TensorInfo) -> dict[str, Any]:
    """Describe one tensor, ready for JSON.

    `scale` and `zero_point` are None where it has none, or one for each channel.

    Parameters
    ----------
    t
        The tensor.

    Returns
    -------
    dict[str, Any]
        Name, shape, type and grid.
    """
    single = len(t.scales) == 1
    return {
        "name": t.name,
        "shape": list(t.free_shape),
        "dtype": t.dtype,
        "scale": t.scales[0] if single else None,
        "zero_point": t.zero_points[0] if single else None,
        "channel_scales": len(t.scales) if len(t.scales) > 1 else 0,
        "constant_bytes": t.constant_bytes,
    }


def is_integer_model(model: TfliteModel) -> bool:
    """Check whether most operators compute in integers."""
    return len(model.non_integer_operators) < len(model.operators) / 2


def is_integer_file(model: ModelFile) -> bool:
    """Check whether a file of any format is an INT8 model: by its operators, or its fake quantizers.

    Parameters
    ----------
    model
        The summary of the file.

    Returns
    -------
    bool
        Whether it is.
    """
    if isinstance(model, TfliteModel):
        return is_integer_model(model)
    return "FakeQuantize" in model.operator_names


def islands(model: TfliteModel) -> dict[str, list[str]]:
    """Find the float islands of an INT8 model: block -> kinds of its float operators.

    An island is float operators between integer ones, or float layers of the network. Operators that
    bring in a float picture, and a float end without layers (suppression, decoding), are no island.
    """
    if not is_integer_model(model):
        return {}
    returning, bringing_in = _returning(model), _bringing_in(model)
    found: dict[str, list[str]] = {}
    for op in model.non_integer_operators:
        if (op.index in returning or op.name in LAYERS) and op.index not in bringing_in:
            found.setdefault(block_of(model.tensors[op.outputs[0]].name), []).append(op.name)
    return found


def _bringing_in(model: TfliteModel) -> set[int]:
    """Find the operators that scale and shift a float picture, up to the first QUANTIZE."""
    leads, found = set(model.inputs), set()
    for op in model.operators:
        read = {i for i in op.inputs if i >= 0 and not model.tensors[i].is_constant}
        if op.name in ("QUANTIZE", *SCALING) and read <= leads:
            found.add(op.index)
            leads |= set(op.outputs) if op.name != "QUANTIZE" else set()
    return found


def _returning(model: TfliteModel) -> set[int]:
    """Find the float operators after which a QUANTIZE follows."""
    floats = {op.index for op in model.non_integer_operators}
    leads: set[int] = set()  # tensors that a QUANTIZE reads, directly or through float operators
    found: set[int] = set()
    for op in reversed(model.operators):
        if op.index in floats and (op.name == "QUANTIZE" or leads & set(op.outputs)):
            found.add(op.index)
            leads |= set(op.inputs)
    return found


def _weights_bytes(opened: Rewritable) -> dict[str, int]:
    model, sizes = opened.model, dict.fromkeys(PARTS, 0)
    counted: set[int] = set()
    for op in model.operators:
        part = part_of(model.tensors[op.outputs[0]].name)
        for index in op.inputs:
            size = model.tensors[index].constant_bytes if index >= 0 else None
            buffer = opened.buffer(index) if size else 0
            if size and buffer not in counted:
                counted.add(buffer)
                sizes[part] += size
    return {part: size for part, size in sizes.items() if size}


def manifest_summary(manifest: Manifest) -> dict[str, Any]:
    """Return the parts of a manifest that people ask for, ready for JSON."""
    return {
        "variant": manifest.variant.name,
        "image_size": manifest.variant.image_size,
        "classes": manifest.variant.num_classes,
        "precision": manifest.precision,
        "nms": manifest.nms,
        "generator": manifest.generator,
        **{key: manifest.provenance.get(key) for key in ("weights", "calibration", "recipe")},
    }
