"""Read effdet's ONNX exports into canonical weights, whether the exporter folded batch norms or not.

A folded batch norm becomes one that only adds the bias. The heads share their convolutions over the levels
and have a batch norm for each level: when these are folded, the kernels are multiples of one another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.mapping import Family, assemble
from edge_edet.converters.checkpoints.onnx.convolutions import (
    BatchNorm,
    Convolution,
    find_convolutions,
)
from edge_edet.converters.checkpoints.onnx.fusion_weights import fusion_weights
from edge_edet.converters.checkpoints.onnx.graph import OnnxFile, attributes_of, parse_onnx
from edge_edet.converters.checkpoints.onnx.match_convolutions import (
    ExpectedConvolution,
    infer_classes,
    match_convolutions,
)
from edge_edet.converters.checkpoints.onnx.padding import padded_family
from edge_edet.converters.facts import Fact, settle
from edge_edet.errors import CheckpointError
from edge_edet.manifest import MANIFEST_KEY
from edge_edet.network import BATCH_NORM_EPSILON, bifpn_nodes, build_network, parameter_shapes
from edge_edet.variants import Variant, size_of

__all__ = ["open_effdet_onnx", "read_effdet_onnx"]

Array = NDArray[Any]
Weights = dict[str, NDArray[np.float32]]
_MARKS = re.compile(r"(^|\.)(class_net|box_net)\.(conv_rep|predict)\.|(^|\.)fpn\.cell\.")
SCORE_SIGMOIDS = 8  # that may follow the heads
ROUNDINGS = 64  # of the stored type: how much multiples of one kernel may differ


def open_effdet_onnx(data: bytes, folder: Path) -> OnnxFile:
    """Parse the bytes of an `.onnx` file, and read the weights beside it in folder.

    Parameters
    ----------
    data
        The content of the file.
    folder
        That the file lies in.

    Returns
    -------
    OnnxFile
        The parsed file.

    Raises
    ------
    CheckpointError
        When it is damaged, hostile, or a model file that edge-edet wrote.
    """
    file = parse_onnx(data, folder)
    if MANIFEST_KEY in file.metadata:
        raise CheckpointError(
            "was written by edge-edet: give the checkpoint that it was converted from"
        )
    return file


def read_effdet_onnx(
    file: OnnxFile, variant: Variant, given: Sequence[Fact]
) -> tuple[Weights, Variant, Family, list[Fact]]:
    """Read the weights of an export.

    Parameters
    ----------
    file
        As `open_effdet_onnx` returns it.
    variant
        Its row in the table of variants.
    given
        What is known about the training.

    Returns
    -------
    weights : dict
        Canonical name to float32 array.
    trained : Variant
        The variant as trained.
    family : Family
        effdet's, padding as the file does.
    facts : list of Fact
        Those given, and the input's size where the file fixes it.

    Raises
    ------
    CheckpointError
        When it is not effdet's efficientdet or tf_efficientdet of that variant, exported in float, and
        when facts contradict each other.
    """
    facts = [*given, *_size_fact(file)]
    convolutions = find_convolutions(file)
    strided = (c.pads_evenly for c in convolutions if c.stride == 2)
    family = padded_family(file, strided, variant)
    trained = settle(family.published(variant), facts)
    trained = trained.replace(num_classes=infer_classes(convolutions, trained))
    matched = match_convolutions(convolutions, trained)
    _check_family(file)
    _check_activation(file, trained)
    _check_resampling(file)
    weights = _convolution_weights(matched, trained) | _fusion(file, matched, trained)
    canonical, adapted = assemble(family, trained, weights)
    return canonical, adapted, family, facts


def _size_fact(file: OnnxFile) -> list[Fact]:
    """State the size of the picture, which torch.onnx.export fixes unless dynamic axes are asked for."""
    if file.input_size is None:
        return []
    return [Fact("its input", {"image_size": size_of(*file.input_size)})]


def _check_family(file: OnnxFile) -> None:
    """Raise CheckpointError without effdet's names: other implementations differ in anchors and pooling."""
    if not any(_MARKS.search(name) for name in file.tensors):
        names = ", ".join(name[:60] for name in list(file.tensors)[:3])
        raise CheckpointError(
            f"has none of effdet's names (it has {names}): only exports of effdet's own network "
            "are read"
        )


def _check_activation(file: OnnxFile, variant: Variant) -> None:
    """Check for swish or relu6: the weights do not show it, and with the wrong one the output is noise."""
    count = sum(node.op_type in ("Sigmoid", "Swish") for node in file.nodes)
    needed = sum(node.op in ("swish", "sigmoid") for node in build_network(variant).nodes)
    if not needed <= count <= needed + SCORE_SIGMOIDS:
        raise CheckpointError(
            f"has {count} sigmoids, {variant.name} with {variant.activation} has {needed}: it was "
            "built with another activation"
        )


def _check_resampling(file: OnnxFile) -> None:
    """Check effdet's downsample_type and upsample_type: only "max" and "nearest" are built."""
    for node in file.nodes:
        mode = bytes(attributes_of(node).get("mode", b"nearest")).decode(errors="replace")
        if node.op_type in ("Resize", "Upsample") and mode != "nearest":
            raise CheckpointError(
                f"resizes feature maps by {mode!r}: only networks that take the nearest value are built"
            )
        if node.op_type == "AveragePool":
            raise CheckpointError(
                "has an AveragePool: only networks that halve maps by the maximum are built"
            )


def _convolution_weights(
    matched: list[tuple[ExpectedConvolution, Convolution]], variant: Variant
) -> dict[str, Array]:
    shapes = parameter_shapes(variant)
    groups: dict[str, list[tuple[ExpectedConvolution, Convolution]]] = {}
    for place, convolution in matched:
        groups.setdefault(place.param, []).append((place, convolution))
    weights: dict[str, Array] = {}
    for param, group in groups.items():
        weights |= _shared(param, group, has_bias=f"{param}.bias" in shapes)
    return weights


def _shared(
    param: str, group: list[tuple[ExpectedConvolution, Convolution]], has_bias: bool
) -> dict[str, Array]:
    """Make the tensors of a convolution that is used once or on each level, and of its batch norms."""
    convolutions = [convolution for _, convolution in group]
    first = convolutions[0]
    plain = all(c.norm is not None or place.norm is None for place, c in group)
    same = all(
        np.array_equal(c.weight, first.weight) and np.array_equal(_bias(c), _bias(first))
        for c in convolutions
    )
    if plain and same and (has_bias or not _bias(first).any()):
        found: dict[str, Array] = {f"{param}.weight": first.weight}
        if has_bias:
            found[f"{param}.bias"] = _bias(first)
        for place, c in group:
            if place.norm is not None and c.norm is not None:
                found |= _norm(place.norm, c.norm)
        return found
    if any(place.norm is None for place, _ in group):
        what = "has a bias" if same else "differs from level to level"
        raise CheckpointError(f"has {param} that {what}: effdet's does not")
    return _unfolded(param, group, has_bias)


def _unfolded(
    param: str, group: list[tuple[ExpectedConvolution, Convolution]], has_bias: bool
) -> dict[str, Array]:
    """Split kernels with folded batch norms into one kernel, and batch norms of scale and shift."""
    folded = [_folded(convolution) for _, convolution in group]
    kernels = np.stack([kernel for kernel, _ in folded])  # [levels, out, in/groups, h, w]
    squares = (kernels**2).sum(axis=(2, 3, 4))  # [levels, out]
    largest = squares.argmax(axis=0)
    every = np.arange(kernels.shape[1])
    kernel, norm = kernels[largest, every], squares[largest, every]
    scales = (kernels * kernel).sum(axis=(2, 3, 4)) / np.where(norm > 0, norm, 1)
    scales[:, norm == 0] = 1.0
    error = np.abs(kernels - scales[:, :, None, None, None] * kernel).max(axis=(2, 3, 4))
    rounding = max(c.rounding for _, c in group)
    if not (error <= ROUNDINGS * rounding * np.abs(kernel).max(axis=(1, 2, 3))).all():
        raise CheckpointError(f"has {param} that differs from level to level: effdet's does not")
    found: dict[str, Array] = {f"{param}.weight": kernel}
    if has_bias:
        found[f"{param}.bias"] = np.zeros(len(kernel))
    for (place, _), scale, (_, shift) in zip(group, scales, folded, strict=True):
        assert place.norm is not None
        found |= _identity(place.norm, scale, shift)
    return found


def _folded(convolution: Convolution) -> tuple[Array, Array]:
    """Fold the batch norm of a convolution: kernel and shift, in double precision."""
    kernel, shift = convolution.weight.astype(np.float64), _bias(convolution).astype(np.float64)
    norm = convolution.norm
    if norm is not None:
        scale = norm.gamma / np.sqrt(norm.variance + norm.epsilon)
        kernel, shift = kernel * scale[:, None, None, None], (shift - norm.mean) * scale + norm.beta
    return kernel, shift


def _bias(convolution: Convolution) -> Array:
    if convolution.bias is None:
        return np.zeros(len(convolution.weight), np.float32)
    return convolution.bias


def _norm(name: str, norm: BatchNorm) -> dict[str, Array]:
    if abs(norm.epsilon - BATCH_NORM_EPSILON) > 1e-8:
        scale = norm.gamma / np.sqrt(norm.variance + norm.epsilon)
        return _identity(name, scale, norm.beta - norm.mean * scale)
    parts = (norm.gamma, norm.beta, norm.mean, norm.variance)
    return _named(name, parts)


def _identity(name: str, scale: Array, shift: Array) -> dict[str, Array]:
    """Make a batch norm that multiplies and adds: mean 0, variance plus epsilon 1."""
    return _named(
        name, (scale, shift, np.zeros_like(shift), np.full_like(shift, 1 - BATCH_NORM_EPSILON))
    )


def _named(name: str, parts: tuple[Array, ...]) -> dict[str, Array]:
    leaves = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{leaf}": part for leaf, part in zip(leaves, parts, strict=True)}


def _fusion(
    file: OnnxFile, matched: list[tuple[ExpectedConvolution, Convolution]], variant: Variant
) -> dict[str, Array]:
    if variant.fusion == "sum":
        return {}
    read = {place.param: convolution.input for place, convolution in matched}
    weights = {}
    for cell in range(variant.fpn_repeats):
        for index, node in enumerate(bifpn_nodes(variant)):
            name = f"fpn.cell.{cell}.fnode.{index}"
            tensor = read[f"{name}.after_combine.conv.conv_dw"]
            weights[f"{name}.combine.edge_weights"] = fusion_weights(
                file, tensor, len(node.inputs), name
            )
    return weights
