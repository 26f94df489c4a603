"""Which layers OpenVINO really runs, and in which precision: counted from its executed graph.

A kernel's name ends in the type of what it reads, such as brgconv_avx512_f32. That is what it
computes in for a convolution; an elementwise layer that reads 8-bit values still computes in float.
Such layers count as "mixed". The graph's `runtimePrecision` says f16 of a convolution that has
float16 weights and computes in float32: it counts only where the kernel's name has no type.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["executed_layers", "precision_of"]

# Layers that compute nothing of the model: values, borders, copies into another memory layout,
# and shapes that are only renamed. CPU and GPU plugins have different names.
NOT_COUNTED = {
    "input",
    "output",
    "const",
    "constant",
    "parameter",
    "result",
    "data",
    "input_layout",
    "reorder",
    "reshape",
    "squeeze",
    "unsqueeze",
    "shapeof",
    "shape_of",
}
# Layers whose arithmetic is integer on 8-bit values ...
INTEGER = {
    "convolution",
    "groupconvolution",
    "deconvolution",
    "fullyconnected",
    "fully_connected",
    "matmul",
    "gemm",
    "pooling",
}
# ... and those that move values without computing.
MOVING = {
    "concatenation",
    "concat",
    "split",
    "stridedslice",
    "strided_slice",
    "crop",
    "transpose",
    "permute",
    "gather",
    "tile",
    "pad",
    "border",
    "broadcast",
}
EIGHT_BIT = ("i8", "u8")
TYPES = (*EIGHT_BIT, "bf16", "f16", "f32", "i32")
ORDER = ("int8", "mixed", "bf16", "f16", "f32")


def executed_layers(compiled: Any) -> dict[str, int] | None:
    """Return precision -> number of layers, with all keys of ORDER; None where the device has no list.

    Parameters
    ----------
    compiled
        OpenVINO's CompiledModel.

    Returns
    -------
    dict[str, int] | None
        Number of layers by precision.
    """
    try:
        rows = [
            tuple(
                info[key].astype(str) for key in ("layerType", "primitiveType", "runtimePrecision")
            )
            for info in (op.get_rt_info() for op in compiled.get_runtime_model().get_ordered_ops())
        ]
    except (RuntimeError, KeyError):
        return None
    counts = Counter(precision_of(*row) for row in rows if row[0].lower() not in NOT_COUNTED)
    return {key: counts.pop(key, 0) for key in ORDER} | dict(sorted(counts.items()))


def precision_of(layer: str, kernel: str, reported: str) -> str:
    """Return what a layer counts as, by its type, its kernel and the precision that the plugin reports."""
    ending = kernel.lower().rpartition("_")[2]
    read = ending if ending in TYPES else reported.lower()
    if read not in EIGHT_BIT:
        return read
    return "int8" if layer.lower() in INTEGER | MOVING else "mixed"
