"""Writes a graph as a self-describing float32 ONNX model.

Opset 17 in IR version 8: onnxruntime reads it since 1.12 of 2022, and nothing newer is needed. Float
only: quantized ONNX is for other tools to make of it. Swish is Sigmoid and Mul, which onnxruntime fuses
into one operator of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import helper

from edge_edet import __version__
from edge_edet.converters.write.detection_postprocess import Suppression
from edge_edet.converters.write.onnx.lower import OnnxLowering
from edge_edet.converters.write.onnx.nms import SuppressingOnnxLowering
from edge_edet.network import Graph

__all__ = ["IR_VERSION", "OPSET", "write_onnx"]

OPSET, IR_VERSION = 17, 8


def write_onnx(
    graph: Graph,
    metadata: Mapping[str, str | bytes],
    nms: Suppression | None = None,
    input_dtype: str = "uint8",
) -> bytes:
    """Return the `.onnx` file of a graph, as bytes; the same graph gives the same bytes.

    Input `image` [1, S, S, 3] RGB, uint8 or float32 from 0 to 255; outputs `box_codes` [1, N, 4] and
    `class_logits` [1, N, C] float32, or, with nms, the four of suppression_operator.OUTPUTS. metadata becomes
    metadata_props.

    Parameters
    ----------
    graph
        The network.
    metadata
        Becomes metadata_props.
    nms
        Suppression inside of the graph; None: outside.
    input_dtype
        Uint8, or float32 of the same values.

    Returns
    -------
    bytes
        The content of the file.
    """
    lowering = (
        OnnxLowering(graph, input_dtype)
        if nms is None
        else SuppressingOnnxLowering(graph, nms, input_dtype)
    )
    model = helper.make_model(
        lowering.lower(),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="edge-edet",
        producer_version=__version__,
    )
    text = {k: v.decode() if isinstance(v, bytes) else v for k, v in metadata.items()}
    helper.set_model_props(model, text)
    return bytes(model.SerializeToString(deterministic=True))
