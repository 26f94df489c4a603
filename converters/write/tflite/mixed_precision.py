"""Float islands in an integer `.tflite` graph, and the tensors of either side.

Where some nodes stay in float, every tensor that is read on the other side crosses over once, by a
QUANTIZE or DEQUANTIZE; the operators themselves don't know of it.
"""

from __future__ import annotations

from edge_edet.converters.int8 import Affine, Quantized
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter, schema
from edge_edet.network import Graph, Node

__all__ = ["MixedPrecisionLowering"]

Op = schema.BuiltinOperator


class MixedPrecisionLowering:
    """What TfliteLowering stands on: its writer, and which tensor has which name on which side.

    `precision` and `index` (node name -> tensor) are those of the node at hand.
    """

    def __init__(self, graph: Graph, precision: str, quantized: Quantized | None) -> None:
        assert (quantized is not None) == (precision == "int8")
        self.graph, self.precision, self.quantized = graph, precision, quantized
        self.writer = TfliteWriter(f"EfficientDet {graph.variant.name} {precision}, edge-edet")
        self.sides: dict[bool, dict[str, int]] = {False: {}, True: {}}  # True: float islands
        self.index = self.sides[False]
        self.shapes = {node.name: node.shape for node in graph.nodes}

    @property
    def integer(self) -> bool:
        """Whether the operator at hand is an integer one."""
        return self.precision == "int8"

    def found(self, name: str) -> int:
        """Return a tensor of the finished graph; the integer one where both sides have it."""
        return (self.sides[True] | self.sides[False])[name]

    def affine(self, name: str) -> Affine:
        """Return the grid of a tensor in the integer part."""
        assert self.quantized is not None
        return self.quantized.activations[name]

    def activation(self, name: str, shape: tuple[int, ...], affine: Affine | None = None) -> int:
        """Return the tensor that an operator writes."""
        if not self.integer:
            index = self.writer.tensor(name, shape, "float32")
        else:
            index = self.writer.tensor(name, shape, "int8", _grid(affine or self.affine(name)))
        self.index[name] = index
        return index

    def choose_side(self, node: Node) -> None:
        """Integer or float for this node; its inputs cross over where they come from the other."""
        if self.quantized is None or not self.quantized.float_nodes:
            return
        floating = node.name in self.quantized.float_nodes
        self.precision, self.index = "fp32" if floating else "int8", self.sides[floating]
        for name in node.inputs:
            if name not in self.index:
                self.cross(name, self.sides[not floating][name], floating)

    def cross(self, name: str, source: int, to_float: bool) -> None:
        """Emit a QUANTIZE or DEQUANTIZE between the two sides of a tensor."""
        if name == self.graph.input_name:
            self.index[name] = source
            return
        shape = self.shapes[name]
        if to_float:
            output = self.writer.tensor(f"{name}/float", shape, "float32")
            code, version, options = Op.DEQUANTIZE, 2, schema.DequantizeOptionsT()
        else:
            output = self.writer.tensor(f"{name}/int8", shape, "int8", _grid(self.affine(name)))
            code, version, options = Op.QUANTIZE, 1, schema.QuantizeOptionsT()
        self.writer.operator(code, version, [source], [output], options)
        self.index[name] = output


def _grid(affine: Affine) -> Quantization:
    return Quantization((affine.scale,), (affine.zero_point,))
