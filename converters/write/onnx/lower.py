"""Lowers a graph to ONNX operators: RGB NHWC from 0 to 255 in, NHWC rows out, NCHW inside, float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, TensorProto, ValueInfoProto, helper, numpy_helper

from edge_edet.network import Graph, Node, borders

__all__ = ["OnnxLowering"]

INPUT_TYPES = {
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "float32": TensorProto.FLOAT,
}
INT8_STEPS_BELOW = 128  # zero, in int8


class OnnxLowering:
    """Lowers a graph operator by operator; values and operators go by their place in the network."""

    def __init__(self, graph: Graph, input_dtype: str = "uint8"):
        self.graph, self.input_type = graph, INPUT_TYPES[input_dtype]
        self.nodes: list[Any] = []
        self.initializers: list[TensorProto] = []
        self.known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.shapes = {graph.input_name: graph.input_shape}
        self.shapes |= {node.name: node.shape for node in graph.nodes}

    def lower(self) -> GraphProto:
        """Operators and constants, with static shapes at both ends."""
        for node in self.graph.nodes:
            getattr(self, f"op_{node.op}")(node)
        outputs = self.outputs()
        name = self.graph.input_name
        image = helper.make_tensor_value_info(name, self.input_type, self.graph.input_shape)
        title = f"EfficientDet {self.graph.variant.name}"
        return helper.make_graph(self.nodes, title, [image], outputs, self.initializers)

    def outputs(self) -> list[ValueInfoProto]:
        """Return the graph's outputs with their shapes."""
        names = self.graph.outputs.values()
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])
            for name in names
        ]

    # --- parts --------------------------------------------------------------------------------

    def emit(self, op: str, output: str, inputs: list[str], **attributes: Any) -> str:
        """Add the operator of a node."""
        self.nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: npt.ArrayLike, dtype: Any = np.float32) -> str:
        """Return the name of a constant: what the levels share is stored once, where it is first read."""
        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            self.known[key] = name
            self.initializers.append(numpy_helper.from_array(array, name))
        return self.known[key]

    def pads(self, node: Node) -> list[int]:
        """top, left, bottom, right."""
        rows, columns = borders(node, self.shapes[node.inputs[0]])
        return [rows[0], columns[0], rows[1], columns[1]]

    # --- operators ----------------------------------------------------------------------------

    def op_normalize(self, node: Node) -> None:
        """Subtract the mean before the padding, which then is the mean colour."""
        widened = node.inputs[0]
        if self.input_type != TensorProto.FLOAT:
            widened = self.emit("Cast", f"{node.name}/float", [widened], to=TensorProto.FLOAT)
        below = INT8_STEPS_BELOW if self.input_type == TensorProto.INT8 else 0
        mean = self.constant(f"{node.name}/mean", np.asarray(node.attrs["mean"]) - below)
        centred = self.emit("Sub", f"{node.name}/centred", [widened, mean])
        self.emit("Transpose", node.name, [centred], perm=[0, 3, 1, 2])

    def op_conv(self, node: Node) -> None:
        """Emit a convolution."""
        assert node.weight is not None
        self.convolution(node, node.weight.transpose(0, 3, 1, 2), 1)

    def op_depthwise(self, node: Node) -> None:
        """Emit a depthwise convolution."""
        assert node.weight is not None
        self.convolution(node, node.weight.transpose(3, 0, 1, 2), node.shape[3])

    def convolution(self, node: Node, weight: npt.NDArray[np.float32], group: int) -> None:
        """Weight [out, in/groups, h, w]."""
        assert node.bias is not None
        inputs = [
            node.inputs[0],
            self.constant(f"{node.name}/weight", weight),
            self.constant(f"{node.name}/bias", node.bias),
        ]
        kernel, stride = list(weight.shape[2:]), node.attrs["stride"]
        self.emit(
            "Conv",
            self.before_activation(node),
            inputs,
            kernel_shape=kernel,
            group=group,
            strides=[stride, stride],
            pads=self.pads(node),
        )
        self.activate(node)

    @staticmethod
    def before_activation(node: Node) -> str:
        """Return the name of a node's value before its activation."""
        return node.name if node.activation == "none" else f"{node.name}/linear"

    def activate(self, node: Node) -> None:
        """Emit a node's ReLU6, where it has one."""
        if node.activation == "relu6":
            ends = [
                self.constant(f"relu6/{end}", value) for end, value in (("low", 0), ("high", 6))
            ]
            self.emit("Clip", node.name, [self.before_activation(node), *ends])

    def op_add(self, node: Node) -> None:
        """Emit a sum, with its activation."""
        self.emit("Add", self.before_activation(node), list(node.inputs))
        self.activate(node)

    def op_mul(self, node: Node) -> None:
        """Emit a product, by value or by channel."""
        self.emit("Mul", node.name, list(node.inputs))

    def op_scale(self, node: Node) -> None:
        """Emit a product with a constant."""
        factor = self.constant(f"{node.name}/factor", node.attrs["factor"])
        self.emit("Mul", node.name, [node.inputs[0], factor])

    def op_swish(self, node: Node) -> None:
        """Emit x * sigmoid(x), or what stands for it."""
        assert "factors" not in node.attrs  # equalization is for integers
        gate = self.emit("Sigmoid", f"{node.name}/sigmoid", [node.inputs[0]])
        self.emit("Mul", node.name, [node.inputs[0], gate])

    def op_sigmoid(self, node: Node) -> None:
        """Emit a sigmoid."""
        self.emit("Sigmoid", node.name, [node.inputs[0]])

    def op_mean(self, node: Node) -> None:
        """One axis at a time: onnxruntime adds up in one float32.

        65,536 terms cost D0 1.5e-3 of the spread of its outputs, two sums of 256 terms 1e-5.
        """
        width = self.shapes[node.inputs[0]][2]
        rows = self.emit(
            "AveragePool",
            f"{node.name}/rows",
            [node.inputs[0]],
            kernel_shape=[1, width],
            strides=[1, 1],
        )
        self.emit("GlobalAveragePool", node.name, [rows])

    def op_maxpool(self, node: Node) -> None:
        """Emit a max pool."""
        x, pads = node.inputs[0], self.pads(node)
        if (
            node.attrs["padding"] == "zero"
        ):  # zylo117's pooling; the operator itself ignores padding
            top, left, bottom, right = pads
            around = self.constant(
                f"{node.name}/pads", [0, 0, top, left, 0, 0, bottom, right], np.int64
            )
            x, pads = self.emit("Pad", f"{node.name}/pad", [x, around]), [0, 0, 0, 0]
        self.emit("MaxPool", node.name, [x], kernel_shape=[3, 3], strides=[2, 2], pads=pads)

    def op_resize(self, node: Node) -> None:
        """Emit a resize to the nearest neighbour."""
        _, height, width, channels = node.shape
        sizes = self.constant(f"{node.name}/sizes", [1, channels, height, width], np.int64)
        self.emit(
            "Resize",
            node.name,
            [node.inputs[0], "", "", sizes],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def op_reshape(self, node: Node) -> None:
        """Head maps to rows of anchors: channels last first."""
        last = self.emit("Transpose", f"{node.name}/nhwc", [node.inputs[0]], perm=[0, 2, 3, 1])
        shape = self.constant(f"{node.name}/shape", node.shape, np.int64)
        self.emit("Reshape", node.name, [last, shape])

    def op_concat(self, node: Node) -> None:
        """Emit a concatenation."""
        self.emit("Concat", node.name, list(node.inputs), axis=1)
