"""Writes a graph as an OpenVINO model: NCHW inside, uint8 RGB NHWC in, NHWC rows out.

fp32; fp16 (weights stored as float16, widened by the plugin); int8 (int8 weights, and fake quantizers
where convolutions read: see channelwise.py for which and why).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset1
from openvino import opset13 as op

from edge_edet.converters.int8 import (
    FLOAT16_MAX,
    LEVELS,
    STEM_INPUT,
    ChannelQuantized,
    ChannelQuantizer,
    QuantizedWeight,
    input_zero_point,
)
from edge_edet.errors import InputError
from edge_edet.files import scratch_folder
from edge_edet.formats import BIN_SHA256_KEY
from edge_edet.network import Graph, Node, borders

PRECISIONS = ("fp32", "fp16", "int8")
STEM_SCALE = 1 / 64  # any but 1: the plugin takes an 8-bit input only with a scale beside it
Made = Any  # an openvino.Node; the package's own types say little more


@dataclass(frozen=True)
class IrFiles:
    """The two files of an IR, which belong together."""

    xml: bytes
    bin: bytes


class OpenVinoLowering:
    """Lowers a graph operator by operator into an openvino.Model.

    `quantized` is needed for precision int8. `extra_outputs` are tensors to expose besides the
    graph's own, NCHW as they are inside. `operators`: operator -> function (lowering, node) that builds
    it, beside those known here.

    Parameters
    ----------
    graph
        The network.
    precision
        Fp32, fp16, int8.
    quantized
        The integers, for precision int8.
    extra_outputs
        Tensors to expose besides the graph's own, NCHW as they are inside.
    operators
        Operator -> function (lowering, node) that builds it, beside those known here.
    """

    def __init__(
        self,
        graph: Graph,
        precision: str,
        quantized: ChannelQuantized | None = None,
        extra_outputs: Iterable[str] = (),
        operators: Mapping[str, Callable[[Any, Node], Made]] | None = None,
    ):
        assert precision in PRECISIONS
        assert (quantized is not None) == (precision == "int8")
        self.graph, self.precision = graph, precision
        self.quantized = quantized or ChannelQuantized()
        self.extra_outputs = tuple(extra_outputs)
        self.extra_operators = operators or {}
        self.tensors: dict[str, Made] = {}
        self.shapes = {graph.input_name: graph.input_shape}
        self.shapes |= {node.name: node.shape for node in graph.nodes}

    def lower(self) -> Any:
        """Return the openvino.Model with box codes and class logits as outputs.

        Returns
        -------
        Any
            The openvino.Model.
        """
        name = self.graph.input_name
        image = op.parameter(self.graph.input_shape, ov.Type.u8)
        self.tensors[name] = self.named(image, name)
        image.output(0).get_tensor().set_names({name})
        for node in self.graph.nodes:
            self.tensors[node.name] = self.named(self.lower_node(node), node.name)
        names = (*self.graph.outputs.values(), *self.extra_outputs)
        results = [self.result(name) for name in names]
        title = f"EfficientDet {self.graph.variant.name} {self.precision}, edge-edet"
        return ov.Model(results, [image], title)

    def lower_node(self, node: Node) -> Made:
        """Return the operations of one node, by `operators` where its operator is among them.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        if node.op in self.extra_operators:
            return self.extra_operators[node.op](self, node)
        return getattr(self, f"op_{node.op}")(node)

    def result(self, name: str) -> Made:
        """Return a tensor as an output of the model.

        Parameters
        ----------
        name
            Of the tensor.

        Returns
        -------
        Made
            The operation that ends the graph.
        """
        made = self.tensors[name]
        made.output(0).get_tensor().set_names({name})
        return self.named(op.result(made), f"{name}/result")

    # --- tensors ----------------------------------------------------------------------------

    @staticmethod
    def named(made: Made, name: str) -> Made:
        """Names it: names that openvino counts up by itself would differ from run to run.

        Parameters
        ----------
        made
            An operation.
        name
            For it.

        Returns
        -------
        Made
            The operation.
        """
        made.set_friendly_name(name)
        return made

    def constant(self, name: str, values: npt.ArrayLike, dtype: Any = np.float32) -> Made:
        """Return a constant tensor of these values.

        Parameters
        ----------
        name
            For it.
        values
            Of any shape.
        dtype
            Of the tensor.

        Returns
        -------
        Made
            The constant.
        """
        return self.named(op.constant(np.asarray(values, dtype, order="C")), name)

    def per_channel(self, name: str, values: npt.ArrayLike) -> Made:
        """Return a constant of one value for each channel, [1, C, 1, 1].

        Parameters
        ----------
        name
            For it.
        values
            One for each channel.

        Returns
        -------
        Made
            The constant.
        """
        return self.constant(name, np.asarray(values).reshape(1, -1, 1, 1))

    def read_quantized(self, name: str) -> Made:
        """Return the tensor as integer convolutions see it: in steps, through its fake quantizer.

        Parameters
        ----------
        name
            Of the tensor.

        Returns
        -------
        Made
            In steps.
        """
        quantizer = self.quantized.quantizers.get(name)
        if quantizer is None:  # the stem's input, which is integer already
            return self.tensors[name]
        quantized = f"{name}/quantized"
        if quantized not in self.tensors:
            self.tensors[quantized] = self.fake_quantize(quantized, name, quantizer)
        return self.tensors[quantized]

    def fake_quantize(self, name: str, source: str, q: ChannelQuantizer) -> Made:
        """Real values in, steps out: from 0, or around the shared zero point.

        Parameters
        ----------
        name
            For it.
        source
            Name of the tensor.
        q
            Steps and zero points of the channels.

        Returns
        -------
        Made
            In steps.
        """
        first = -float(q.zero_point[0]) if q.shared else 0.0
        ends = [
            self.per_channel(f"{name}/low", q.low),
            self.per_channel(f"{name}/high", q.high),
            self.constant(f"{name}/first", first),
            self.constant(f"{name}/last", first + LEVELS - 1),
        ]
        return self.named(op.fake_quantize(self.tensors[source], *ends, LEVELS), name)

    def pads(self, node: Node) -> tuple[list[int], list[int]]:
        """(top, left), (bottom, right).

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        tuple[list[int], list[int]]
            Rows and columns of padding.
        """
        rows, columns = borders(node, self.shapes[node.inputs[0]])
        return [rows[0], columns[0]], [rows[1], columns[1]]

    # --- operators --------------------------------------------------------------------------

    def op_normalize(self, node: Node) -> Made:
        """Arithmetic before the transposition, which the plugin then takes as a mere layout.

        int8: the stem reads the picture's own integers around one grey level, and its bias takes the
        rest of the mean (TfliteLowering does the same); float: minus the mean.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        widened = self.named(op.convert(self.tensors[node.inputs[0]], "f32"), f"{node.name}/f32")
        if self.stem_is_integer():
            grey = self.constant(f"{node.name}/grey", float(input_zero_point(self.graph)))
            centred = self.named(op.subtract(widened, grey), f"{node.name}/centred")
            scale = self.constant(f"{node.name}/scale", STEM_SCALE)
            centred = self.named(op.multiply(centred, scale), f"{node.name}/scaled")
        else:
            mean = self.constant(f"{node.name}/mean", np.reshape(node.attrs["mean"], (1, 1, 1, 3)))
            centred = self.named(op.subtract(widened, mean), f"{node.name}/centred")
        order = self.constant(f"{node.name}/order", [0, 3, 1, 2], np.int64)
        return op.transpose(centred, order)

    def stem_is_integer(self) -> bool:
        """Say whether all that reads the picture is an integer convolution.

        Returns
        -------
        bool
            Whether it is.
        """
        readers = self.graph.consumers()[STEM_INPUT]
        return all(reader.name in self.quantized.weights for reader in readers)

    def op_conv(self, node: Node) -> Made:
        """Emit a convolution.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        return self.convolution(node, op.convolution)

    def op_depthwise(self, node: Node) -> Made:
        """Emit a depthwise convolution.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        return self.convolution(node, op.group_convolution)

    def convolution(self, node: Node, make: Any) -> Made:
        """Return a convolution with bias and activation, in integers where there are integer weights.

        Parameters
        ----------
        node
            The node of the graph.
        make
            Openvino.opset's function that makes the operation.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        assert node.bias is not None
        source, bias = node.inputs[0], node.bias
        integers = self.quantized.weights.get(node.name)
        if integers is not None:
            x, weight = self.read_quantized(source), self.integer_weight(node, integers)
            bias = self.quantized.biases[node.name]
        else:
            x, weight = self.tensors[source], self.float_weight(node)
        stride = node.attrs["stride"]
        begin, end = self.pads(node)
        made = make(x, weight, [stride, stride], begin, end, [1, 1])
        self.named(made, f"{node.name}/convolution")
        shift = self.per_channel(f"{node.name}/bias", bias)
        return self.activated(node, op.add(made, shift))

    def activated(self, node: Node, made: Made) -> Made:
        """Return the value behind a node's activation.

        Parameters
        ----------
        node
            The node of the graph.
        made
            The value before it.

        Returns
        -------
        Made
            The last operation.
        """
        if node.activation == "none":
            return made
        linear = self.named(made, f"{node.name}/sum")
        return op.relu(linear) if node.activation == "relu" else op.clamp(linear, 0.0, 6.0)

    def float_weight(self, node: Node) -> Made:
        """float32, or float16 widened at load: all of fp16's, and what int8 keeps in float.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The weight in float32.

        Raises
        ------
        InputError
            Where a weight is beyond float16's range.
        """
        assert node.weight is not None
        name, values = f"{node.name}/weight", _layout(node.op, node.weight)
        if self.precision == "fp32":
            return self.constant(name, values)
        if not np.abs(values).max() <= FLOAT16_MAX:
            raise InputError(
                f"the weights of {node.name} (batch norm folded in) are beyond float16's largest "
                f"number, {FLOAT16_MAX:g}: convert with --fp32"
            )
        half = self.constant(f"{name}/f16", values, np.float16)
        return self.named(op.convert(half, "f32"), name)

    def integer_weight(self, node: Node, q: QuantizedWeight) -> Made:
        """Return int8 weights widened to float32 and scaled by channel.

        Parameters
        ----------
        node
            The node of the graph.
        q
            Integers and their scales.

        Returns
        -------
        Made
            The weight in float32.
        """
        name, values = f"{node.name}/weight", _layout(node.op, q.values)
        scale = q.scale / STEM_SCALE if self.reads_picture(node) else q.scale
        shape = (-1,) + (1,) * (values.ndim - 1)
        integers = self.constant(f"{name}/int8", values, np.int8)
        widened = self.named(op.convert(integers, "f32"), f"{name}/f32")
        scales = self.constant(f"{name}/scale", scale.reshape(shape))
        return self.named(op.multiply(widened, scales), name)

    def reads_picture(self, node: Node) -> bool:
        """Say whether a node reads the picture.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        bool
            Whether it does.
        """
        return node.inputs[0] == STEM_INPUT

    def op_add(self, node: Node) -> Made:
        """Emit a sum, with its activation.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        return self.activated(node, op.add(*(self.tensors[name] for name in node.inputs)))

    def op_mul(self, node: Node) -> Made:
        """Emit a product, by value or by channel.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        return op.multiply(*(self.tensors[name] for name in node.inputs))

    def op_scale(self, node: Node) -> Made:
        """Emit a product with a constant.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        factor = self.constant(f"{node.name}/factor", node.attrs["factor"])
        return op.multiply(self.tensors[node.inputs[0]], factor)

    def op_swish(self, node: Node) -> Made:
        """Emit x * sigmoid(x), or what stands for it.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        assert "factors" not in node.attrs  # equalization is TFLite's way
        fitted = self.quantized.swishes.get(node.name)
        if fitted is not None:
            return self.fitted_swish(node, fitted.coefficients.astype(np.float32))
        beta = self.constant(f"{node.name}/beta", 1.0)
        return op.swish(self.tensors[node.inputs[0]], beta)

    def fitted_swish(self, node: Node, coefficients: npt.NDArray[np.float32]) -> Made:
        """C * hard_swish(a * x + b) + d, all of which the plugin fuses into the convolution before.

        Parameters
        ----------
        node
            The node of the graph.
        coefficients
            [4, channels], the a, b, c, d of each.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        name, x = node.name, self.tensors[node.inputs[0]]
        a, b, c, d = (
            self.per_channel(f"{name}/{letter}", values)
            for letter, values in zip("abcd", coefficients, strict=True)
        )
        scaled = self.named(op.multiply(x, a), f"{name}/scaled")
        shifted = self.named(op.add(scaled, b), f"{name}/shifted")
        hard = self.named(op.hswish(shifted), f"{name}/hard")
        return op.add(self.named(op.multiply(hard, c), f"{name}/fitted"), d)

    def op_sigmoid(self, node: Node) -> Made:
        """Emit a sigmoid.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        return op.sigmoid(self.tensors[node.inputs[0]])

    def op_mean(self, node: Node) -> Made:
        """Pool rows, then what is left, which is quicker than the plugin's reduction of large maps.

        One window over all would be quicker still, but the sum of so many float32 values loses precision.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        height, width = self.shapes[node.inputs[0]][1:3]
        x = self.tensors[node.inputs[0]]
        rows = op.avg_pool(x, [1, width], [0, 0], [0, 0], [1, width], True)
        self.named(rows, f"{node.name}/rows")
        return op.avg_pool(rows, [height, 1], [0, 0], [0, 0], [height, 1], True)

    def op_maxpool(self, node: Node) -> Made:
        """Emit a max pool.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        begin, end = self.pads(node)
        x = self.tensors[node.inputs[0]]
        if (
            node.attrs["padding"] == "zero"
        ):  # zylo117's pooling; the operator itself ignores padding
            borders = [
                self.constant(f"{node.name}/{side}", [0, 0, *pads], np.int64)
                for side, pads in (("begin", begin), ("end", end))
            ]
            x = self.named(op.pad(x, *borders, "constant"), f"{node.name}/pad")
            begin = end = [0, 0]
        return opset1.max_pool(x, [2, 2], begin, end, [3, 3], "floor", "explicit")

    def op_resize(self, node: Node) -> Made:
        """Emit a resize to the nearest neighbour.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        sizes = self.constant(f"{node.name}/sizes", node.shape[1:3], np.int64)
        axes = self.constant(f"{node.name}/axes", [2, 3], np.int64)
        return op.interpolate(
            self.tensors[node.inputs[0]],
            sizes,
            mode="nearest",
            shape_calculation_mode="sizes",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
            axes=axes,
        )

    def op_reshape(self, node: Node) -> Made:
        """Head maps to rows of anchors: channels last first.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        order = self.constant(f"{node.name}/order", [0, 2, 3, 1], np.int64)
        last = self.named(op.transpose(self.tensors[node.inputs[0]], order), f"{node.name}/nhwc")
        return op.reshape(last, self.constant(f"{node.name}/shape", node.shape, np.int64), False)

    def op_concat(self, node: Node) -> Made:
        """Rows of anchors, or channels, whose axis is 1 in NCHW.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Made
            The last operation, whose output is the node's tensor.
        """
        return op.concat([self.tensors[name] for name in node.inputs], 1)


def _layout(kind: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[out, h, w, in] to [out, in, h, w]; depthwise [1, h, w, channels] to [channels, 1, 1, h, w]."""
    if kind == "depthwise":
        return values.transpose(3, 0, 1, 2)[:, :, None]
    return values.transpose(0, 3, 1, 2)


def write_openvino(
    graph: Graph,
    precision: str,
    quantized: ChannelQuantized | None = None,
    metadata: Mapping[str, str] | None = None,
) -> IrFiles:
    """Return the IR of a graph. metadata: rt_info path, such as "model_info/labels" -> text."""
    return serialize(OpenVinoLowering(graph, precision, quantized).lower(), metadata or {})


def serialize(model: Any, metadata: Mapping[str, str]) -> IrFiles:
    """Return the two files; the `.xml` carries the hash of the `.bin`, so that neither goes astray.

    Parameters
    ----------
    model
        An openvino.Model.
    metadata
        Text by path in rt_info.

    Returns
    -------
    IrFiles
        The .xml and the .bin.
    """
    for path, text in metadata.items():
        model.set_rt_info(text, path.split("/"))
    with scratch_folder() as folder:
        xml, weights = folder / "model.xml", folder / "model.bin"
        ov.serialize(model, xml, weights)
        data = weights.read_bytes()
        model.set_rt_info(hashlib.sha256(data).hexdigest(), [BIN_SHA256_KEY])
        ov.serialize(model, xml, weights)
        return IrFiles(xml.read_bytes(), data)
