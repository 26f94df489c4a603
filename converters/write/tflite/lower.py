"""Writes a graph as `.tflite` in one of four precisions.

fp32; fp16 (constants stored as float16, widened at load); int8-dynamic (int8 weights, float
activations); int8 (every operator integer). RGB in, uint8 or float32, `box_codes` and `class_logits` out.

What XNNPACK takes decides how constants are stored (xnnpack_delegate.cc of LiteRT 2.3.0):
- A CONV_2D of float values and int8 weights is computed in integers, each picture on ranges of its
  own. A DEPTHWISE_CONV_2D of both is not taken (VisitDepthwiseConv2DNode: mixed types) and would run
  in the runtime's own kernel, slower than float and with nearly all of the error: int8-dynamic leaves
  depthwise convolutions as they are, a tenth of the file.
- Up to LiteRT 2.1, a convolution of float16 weights and a float32 bias is not taken
  (CheckFilterAndBiasTypes): fp16 stores both as float16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import (
    FACTOR_STEPS,
    FLOAT16_MAX,
    GATE_LIMIT,
    INT8_MAX,
    SIGMOID,
    Affine,
    Quantized,
    QuantizedWeight,
    input_affine,
    input_zero_point,
    quantize_weight,
    stem_shift,
)
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter, schema
from edge_edet.converters.write.tflite.mixed_precision import MixedPrecisionLowering
from edge_edet.errors import InputError
from edge_edet.manifest import INPUT_DTYPES
from edge_edet.network import Graph, Node, borders

PRECISIONS = ("fp32", "fp16", "int8-dynamic", "int8")
Op = schema.BuiltinOperator
INT8_STEPS_BELOW = 128  # zero, in int8
_ACTIVATIONS = {
    "none": schema.ActivationFunctionType.NONE,
    "relu6": schema.ActivationFunctionType.RELU6,
    "relu": schema.ActivationFunctionType.RELU,
}


class TfliteLowering(MixedPrecisionLowering):
    """Lowers a graph operator by operator into a TfliteWriter.

    `quantized` is needed for precision int8. `extra_outputs` are tensors to expose besides the
    graph's own (calibration and inspection). `input_dtype`: "uint8" or "float32", values from 0 to 255
    in both, or "int8", the same minus 128; integer operators take floats rounded and cut off.
    `normalized_input`: float32 (v - mean) / std.
    `output_dtype`: what the graph's own outputs are brought to, None: as they come.
    `operators`: operator -> function (lowering, node) that emits it, beside those known here.

    Parameters
    ----------
    graph
        The network.
    precision
        Fp32, fp16, int8, int8-dynamic.
    quantized
        The integers, for precision int8.
    extra_outputs
        Tensors to expose besides the graph's own.
    input_dtype
        Uint8, float32 or int8, of the same grey levels.
    normalized_input
        Whether the input is float32 (v - mean) / std.
    operators
        Operator -> function (lowering, node) that emits it, beside those known here.
    output_dtype
        What the graph's own outputs are brought to; None: as they come.
    """

    def __init__(
        self,
        graph: Graph,
        precision: str,
        quantized: Quantized | None = None,
        extra_outputs: Iterable[str] = (),
        input_dtype: str = "uint8",
        normalized_input: bool = False,
        operators: Mapping[str, Callable[[Any, Node], None]] | None = None,
        output_dtype: str | None = None,
    ):
        assert precision in PRECISIONS
        super().__init__(graph, precision, quantized)
        assert input_dtype in INPUT_DTYPES
        self.extra_outputs, self.normalized_input = tuple(extra_outputs), normalized_input
        self.input_dtype = "float32" if normalized_input else input_dtype
        self.extra_operators = operators or {}
        self.output_dtype = output_dtype

    def lower(self) -> TfliteWriter:
        """All operators and the interface with box codes and class logits.

        Returns
        -------
        TfliteWriter
            The writer, ready to give its bytes.
        """
        inputs = self.body()
        outputs = {name: self.bordered(name) for name in self.graph.outputs.values()}
        outputs |= {name: self.found(name) for name in self.extra_outputs if name not in outputs}
        self.writer.interface(inputs, outputs)
        return self.writer

    def bordered(self, name: str) -> int:
        """Return an output in the type that was asked for; the tensor inside gets its type as a suffix.

        Parameters
        ----------
        name
            Of the output.

        Returns
        -------
        int
            Index of the tensor.

        Raises
        ------
        InputError
            Where the output is computed in float and an integer type was asked for.
        """
        inner, wanted = self.found(name), self.output_dtype
        found = self.writer.dtype(inner)
        if wanted in (None, found):
            return inner
        if found != "int8":
            raise InputError(
                f"output {name!r} is computed in float here, which --outputs {wanted} does not fit: "
                "leave it out"
            )
        self.writer.rename(inner, f"{name}/{found}")
        shape = self.graph.node(name).shape
        if wanted == "float32":
            output = self.writer.tensor(name, shape, "float32")
            options = schema.DequantizeOptionsT()
            self.writer.operator(Op.DEQUANTIZE, 2, [inner], [output], options)
            return output
        affine = self.affine(name)  # the same steps, counted from 0
        grid = Quantization((affine.scale,), (affine.zero_point + INT8_STEPS_BELOW,))
        output = self.writer.tensor(name, shape, "uint8", grid)
        self.writer.operator(Op.QUANTIZE, 2, [inner], [output], schema.QuantizeOptionsT())
        return output

    def body(self) -> dict[str, int]:
        """All operators but no interface.

        Returns
        -------
        dict[str, int]
            Index of the input tensor by name.
        """
        image = self.input_tensor()
        for node in self.graph.nodes:
            self.choose_side(node)
            self.lower_node(node)
        return {self.graph.input_name: image}

    def lower_node(self, node: Node) -> None:
        """Emit the operators of one node, by `operators` where its operator is among them.

        Parameters
        ----------
        node
            The node of the graph.
        """
        if node.op in self.extra_operators:
            self.extra_operators[node.op](self, node)
        else:
            getattr(self, f"op_{node.op}")(node)

    # --- tensors ----------------------------------------------------------------------------

    def constant(self, name: str, data: npt.NDArray[Any], grid: Quantization | None = None) -> int:
        """Return a constant tensor of these values.

        Parameters
        ----------
        name
            For it.
        data
            Of any shape.
        grid
            Of integers; None: none.

        Returns
        -------
        int
            Index of the tensor.
        """
        return self.writer.tensor(name, data.shape, str(data.dtype), grid, data)

    def input_tensor(self) -> int:
        """Add the tensor of the picture and return its index.

        Returns
        -------
        int
            Its index.
        """
        name, shape = self.graph.input_name, self.graph.input_shape
        grid = None
        if self.integer and self.input_dtype != "float32":
            zero = input_zero_point(self.graph)
            below = INT8_STEPS_BELOW if self.input_dtype == "int8" else 0
            grid = Quantization((1.0,), (zero - below,))
        self.index[name] = self.writer.tensor(name, shape, self.input_dtype, grid)
        return self.index[name]

    # --- operators --------------------------------------------------------------------------

    def emit(
        self,
        code: int,
        version: int,
        node: Node,
        inputs: list[int],
        options: Any,
        affine: Affine | None = None,
    ) -> None:
        """Add the operator of a node.

        Parameters
        ----------
        code
            Of BuiltinOperator.
        version
            Of the operator.
        node
            The node of the graph.
        inputs
            Tensor indexes.
        options
            The operator's table of options; None: none.
        affine
            Grid of the output; None: the node's own.
        """
        output = self.activation(node.name, node.shape, affine)
        self.writer.operator(code, version, inputs, [output], options)

    def op_normalize(self, node: Node) -> None:
        """Emit (x - mean) / std.

        Parameters
        ----------
        node
            The node of the graph.
        """
        source = self.index[node.inputs[0]]
        floating = self.input_dtype == "float32"
        if self.normalized_input:  # the stem divides by std once more
            std = self.constant(f"{node.name}/std", np.asarray(self.graph.variant.std, np.float32))
            self.emit(Op.MUL, 1, node, [source, std], _with_activation(schema.MulOptionsT()))
        elif self.integer and self.input_dtype == "int8":
            self.index[node.name] = source  # its integers are those that the stem reads
        elif self.integer:
            output = self.activation(node.name, node.shape, input_affine(self.graph))
            if floating:  # zero is a grey level: what the stem pads with
                source = self.centred(node, source)
            version = 1 if floating else 2
            self.writer.operator(
                Op.QUANTIZE, version, [source], [output], schema.QuantizeOptionsT()
            )
        else:
            widened = source if floating else self.widened(node, source)
            zero = -INT8_STEPS_BELOW if self.input_dtype == "int8" else 0
            mean = np.asarray(node.attrs["mean"], np.float32) + np.float32(zero)
            shift = self.constant(f"{node.name}/mean", -mean)
            self.emit(Op.ADD, 1, node, [widened, shift], _with_activation(schema.AddOptionsT()))

    def centred(self, node: Node, source: int) -> int:
        """Return a float32 input minus the grey level that the integer graph takes as zero.

        Parameters
        ----------
        node
            The node of the graph.
        source
            Index of the tensor.

        Returns
        -------
        int
            Index of the new tensor.
        """
        grey = self.constant(
            f"{node.name}/grey", np.asarray([-input_zero_point(self.graph)], np.float32)
        )
        output = self.writer.tensor(f"{node.name}/centred", node.shape, "float32")
        options = _with_activation(schema.AddOptionsT())
        self.writer.operator(Op.ADD, 1, [source, grey], [output], options)
        return output

    def widened(self, node: Node, source: int) -> int:
        """Return a tensor of uint8 or int8 as float32.

        Parameters
        ----------
        node
            The node of the graph.
        source
            Index of the tensor.

        Returns
        -------
        int
            Index of the new tensor.
        """
        output = self.writer.tensor(f"{node.name}/float", node.shape, "float32")
        options = schema.CastOptionsT()
        options.inDataType = getattr(schema.TensorType, self.input_dtype.upper())
        options.outDataType = schema.TensorType.FLOAT32
        self.writer.operator(Op.CAST, 1, [source], [output], options)
        return output

    def op_conv(self, node: Node) -> None:
        """Emit a convolution.

        Parameters
        ----------
        node
            The node of the graph.
        """
        options = schema.Conv2DOptionsT()
        version = {"int8": 3, "int8-dynamic": 5}.get(self.precision, 1)
        self._convolution(node, Op.CONV_2D, version, options)

    def op_depthwise(self, node: Node) -> None:
        """Emit a depthwise convolution.

        Parameters
        ----------
        node
            The node of the graph.
        """
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
        version = 3 if self.integer else 1
        self._convolution(node, Op.DEPTHWISE_CONV_2D, version, options)

    def _convolution(self, node: Node, code: int, version: int, options: Any) -> None:
        options.padding = schema.Padding.SAME
        options.strideW = options.strideH = node.attrs["stride"]
        options.fusedActivationFunction = _ACTIVATIONS[node.activation]
        x = self.index[node.inputs[0]]
        if self.pads_before(node):
            x = self.padded(node)
            options.padding = schema.Padding.VALID
        weight, bias = self.weights(node)
        self.emit(code, version, node, [x, weight, bias], options)

    def pads_before(self, node: Node) -> bool:
        """Whether PyTorch's padding differs here from SAME, which puts the odd row and column after.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        bool
            Whether it does.
        """
        return any(before > after for before, after in borders(node, self.shapes[node.inputs[0]]))

    def weights(self, node: Node) -> tuple[int, int]:
        """Return the constant tensors of a convolution: weight and bias.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        tuple[int, int]
            Tensor indexes.
        """
        assert node.weight is not None
        assert node.bias is not None
        name = f"{node.name}/weight"
        if self.integer:
            assert self.quantized is not None
            return self.integer_weights(node, self.quantized)
        if self.precision == "fp16":
            return self.half(node, "weight", node.weight), self.half(node, "bias", node.bias)
        bias = self.constant(f"{node.name}/bias", node.bias)
        if self.precision == "int8-dynamic" and node.op == "conv":
            q = quantize_weight(node.weight, node.op)
            return self.constant(name, q.values, _weight_grid(q)), bias
        return self.constant(name, node.weight), bias

    def half(self, node: Node, kind: str, values: npt.NDArray[np.float32]) -> int:
        """Return a constant of a convolution, stored in float16. kind: "weight" or "bias".

        Parameters
        ----------
        node
            The node of the graph.
        kind
            Weight or bias.
        values
            In float32.

        Returns
        -------
        int
            Index of the tensor.

        Raises
        ------
        InputError
            Where a value is beyond float16's range.
        """
        if not np.abs(values).max() <= FLOAT16_MAX:
            which = "weights" if kind == "weight" else "biases"
            raise InputError(
                f"the {which} of {node.name} (batch norm folded in) are beyond float16's largest "
                f"number, {FLOAT16_MAX:g}: convert with --fp32 or --int8"
            )
        name = f"{node.name}/{kind}"
        stored = self.constant(name, values.astype(np.float16))
        widened = self.writer.tensor(f"{name}/float", values.shape, "float32")
        self.writer.operator(Op.DEQUANTIZE, 3, [stored], [widened], schema.DequantizeOptionsT())
        return widened

    def integer_weights(self, node: Node, quantized: Quantized) -> tuple[int, int]:
        """Return the indexes of a convolution's int8 weights and int32 bias.

        Parameters
        ----------
        node
            The node of the graph.
        quantized
            The integers.

        Returns
        -------
        tuple[int, int]
            Tensor indexes.
        """
        assert node.bias is not None
        q = quantized.weights[node.name]
        bias = quantized.biases.get(node.name, node.bias).astype(np.float64)
        source = self.read_affine(node)
        assert source is not None
        if node.inputs[0] not in quantized.activations:
            bias = bias + stem_shift(self.graph, q)
        scale = np.float32(source.scale) * q.scale
        integers = np.clip(np.rint(bias / scale), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        scales = scale[:1] if q.per_tensor else scale
        grid = Quantization(tuple(scales.tolist()), (0,) * scales.size)
        weight = self.constant(f"{node.name}/weight", q.values, _weight_grid(q))
        return weight, self.constant(f"{node.name}/bias", integers, grid)

    def read_affine(self, node: Node) -> Affine | None:
        """Return the grid of its input; None in float. The stem's are grey levels around the zero point.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        Affine | None
            The grid.
        """
        if not self.integer:
            return None
        assert self.quantized is not None
        return self.quantized.activations.get(node.inputs[0], input_affine(self.graph))

    def op_add(self, node: Node) -> None:
        """Emit a sum, with its activation.

        Parameters
        ----------
        node
            The node of the graph.
        """
        options = _with_activation(schema.AddOptionsT(), node.activation)
        inputs = [self.index[name] for name in node.inputs]
        self.emit(Op.ADD, 2 if self.integer else 1, node, inputs, options)

    def op_mul(self, node: Node) -> None:
        """Emit a product, by value or by channel.

        Parameters
        ----------
        node
            The node of the graph.
        """
        inputs = [self.index[name] for name in node.inputs]
        options = _with_activation(schema.MulOptionsT())
        self.emit(Op.MUL, 2 if self.integer else 1, node, inputs, options)

    def op_scale(self, node: Node) -> None:
        """Emit a fusion weight. In int8 the output's scale takes it all: the integers stay as they are.

        Parameters
        ----------
        node
            The node of the graph.
        """
        factor = node.attrs["factor"]
        if self.integer:
            grid = Quantization((factor / INT8_MAX,), (0,))
            constant = self.constant(f"{node.name}/factor", np.full(1, INT8_MAX, np.int8), grid)
        else:
            constant = self.constant(f"{node.name}/factor", np.full(1, factor, np.float32))
        inputs = [self.index[node.inputs[0]], constant]
        options = _with_activation(schema.MulOptionsT())
        self.emit(Op.MUL, 2 if self.integer else 1, node, inputs, options)

    def op_swish(self, node: Node) -> None:
        """X * sigmoid(factors * x); a plain swish has no factors.

        Parameters
        ----------
        node
            The node of the graph.
        """
        x = gated = self.index[node.inputs[0]]
        version = 2 if self.integer else 1
        if "factors" in node.attrs:
            gated = self.rescaled(node, x)
        gate = self.activation(f"{node.name}/sigmoid", node.shape, SIGMOID)
        self.writer.operator(Op.LOGISTIC, version, [gated], [gate])
        options = _with_activation(schema.MulOptionsT())
        self.emit(Op.MUL, version, node, [x, gate], options)

    def rescaled(self, node: Node, x: int) -> int:
        """Return the gate's own view of x: every channel on the grid that the sigmoid needs.

        Parameters
        ----------
        node
            The node of the graph.
        x
            Index of the tensor.

        Returns
        -------
        int
            Index of the new tensor.
        """
        factors = node.attrs["factors"].reshape(1, 1, 1, -1)
        name = f"{node.name}/factors"
        if self.integer:
            grid = Quantization((1 / FACTOR_STEPS,), (0,))
            integers = np.rint(factors * FACTOR_STEPS).astype(np.int8)
            constant = self.constant(name, integers, grid)
        else:
            constant = self.constant(name, factors)
        affine = Affine.from_range(-GATE_LIMIT, GATE_LIMIT)
        output = self.activation(f"{node.name}/rescaled", node.shape, affine)
        options = _with_activation(schema.MulOptionsT())
        self.writer.operator(Op.MUL, 2 if self.integer else 1, [x, constant], [output], options)
        return output

    def op_sigmoid(self, node: Node) -> None:
        """Emit a sigmoid.

        Parameters
        ----------
        node
            The node of the graph.
        """
        version = 2 if self.integer else 1
        self.emit(Op.LOGISTIC, version, node, [self.index[node.inputs[0]]], None, SIGMOID)

    def op_mean(self, node: Node) -> None:
        """Over both axes; float takes one at a time, because the kernel adds up in one float32.

        65,536 terms cost D0 1.3e-3 of the spread of its outputs, two sums of 256 terms 2e-5.

        Parameters
        ----------
        node
            The node of the graph.
        """
        options = schema.ReducerOptionsT()
        options.keepDims = True
        x, axes = self.index[node.inputs[0]], [1, 2]
        if not self.integer:
            _, height, _, channels = next(
                n.shape for n in self.graph.nodes if n.name == node.inputs[0]
            )
            rows = self.writer.tensor(f"{node.name}/rows", (1, height, 1, channels), "float32")
            across = self.constant(f"{node.name}/across", np.asarray([2], np.int32))
            self.writer.operator(Op.MEAN, 1, [x, across], [rows], options)
            x, axes = rows, [1]
        constant = self.constant(f"{node.name}/axes", np.asarray(axes, np.int32))
        self.emit(Op.MEAN, 2 if self.integer else 1, node, [x, constant], options)

    def op_maxpool(self, node: Node) -> None:
        """Emit a max pool.

        Parameters
        ----------
        node
            The node of the graph.
        """
        options = schema.Pool2DOptionsT()
        options.strideW = options.strideH = 2
        options.filterWidth = options.filterHeight = 3
        options.padding = schema.Padding.SAME
        version = 2 if self.integer else 1
        if self.pads_before(node):
            self.pool_then_thin(node, version, options)
            return
        x = self.index[node.inputs[0]]
        if node.attrs["padding"] == "zero":
            x = self.padded(node)
            options.padding = schema.Padding.VALID
        self.emit(Op.MAX_POOL_2D, version, node, [x], options)

    def pool_then_thin(self, node: Node, version: int, options: Any) -> None:
        """Emit a pool at every position, whose SAME padding is symmetric, then every other one of them.

        So no value stands for the border that could win. An odd size is right in one step.

        Parameters
        ----------
        node
            The node of the graph.
        version
            Of the operator.
        options
            Of the pool.
        """
        name, shape = node.inputs[0], list(self.shapes[node.inputs[0]])
        around = borders(node, self.shapes[name])
        options.strideH, options.strideW = (1 if before > after else 2 for before, after in around)
        for axis, (before, after) in enumerate(around, 1):
            shape[axis] = shape[axis] if before > after else node.shape[axis]
        affine = self.affine(name) if self.integer else None
        dense = self.activation(f"{node.name}/dense", tuple(shape), affine)
        self.writer.operator(Op.MAX_POOL_2D, version, [self.index[name]], [dense], options)
        self.nearest(node, dense)

    def padded(self, node: Node) -> int:
        """Its input with zeros around it, where SAME padding does something else.

        Parameters
        ----------
        node
            The node of the graph.

        Returns
        -------
        int
            Index of the tensor.
        """
        shape = self.shapes[node.inputs[0]]
        rows, columns = borders(node, shape)
        paddings = self.constant(
            f"{node.name}/paddings", np.asarray([(0, 0), rows, columns, (0, 0)], np.int32)
        )
        padded = (1, shape[1] + sum(rows), shape[2] + sum(columns), shape[3])
        output = self.activation(f"{node.name}/pad", padded, self.read_affine(node))
        inputs = [self.index[node.inputs[0]], paddings]
        self.writer.operator(Op.PAD, 2, inputs, [output], schema.PadOptionsT())
        return output

    def op_resize(self, node: Node) -> None:
        """Emit a resize to the nearest neighbour.

        Parameters
        ----------
        node
            The node of the graph.
        """
        self.nearest(node, self.index[node.inputs[0]])

    def nearest(self, node: Node, x: int) -> None:
        """To the node's size: the position at or before the exact one.

        Parameters
        ----------
        node
            The node of the graph.
        x
            Index of the tensor.
        """
        size = self.constant(f"{node.name}/size", np.asarray(node.shape[1:3], np.int32))
        version = 2 if self.integer else 1
        options = schema.ResizeNearestNeighborOptionsT()
        self.emit(Op.RESIZE_NEAREST_NEIGHBOR, version, node, [x, size], options)

    def op_reshape(self, node: Node) -> None:
        """Emit a reshape.

        Parameters
        ----------
        node
            The node of the graph.
        """
        shape = self.constant(f"{node.name}/shape", np.asarray(node.shape, np.int32))
        options = schema.ReshapeOptionsT()
        options.newShape = list(node.shape)
        self.emit(Op.RESHAPE, 1, node, [self.index[node.inputs[0]], shape], options)

    def op_concat(self, node: Node) -> None:
        """Emit a concatenation.

        Parameters
        ----------
        node
            The node of the graph.
        """
        options = schema.ConcatenationOptionsT()
        options.axis = node.attrs.get("axis", 1)
        inputs = [self.on_grid_of(node, name) for name in node.inputs]
        self.emit(Op.CONCATENATION, 2 if self.integer else 1, node, inputs, options)

    def on_grid_of(self, node: Node, name: str) -> int:
        """Return the input, through a QUANTIZE where its integers mean something else than the node's.

        Parameters
        ----------
        node
            The node of the graph.
        name
            Of the input.

        Returns
        -------
        int
            Index of the tensor.
        """
        if not self.integer or self.affine(name) == self.affine(node.name):
            return self.index[name]
        grid = self.affine(node.name)
        affine = Quantization((grid.scale,), (grid.zero_point,))
        output = self.writer.tensor(f"{node.name}/{name}", self.shapes[name], "int8", affine)
        options = schema.QuantizeOptionsT()
        self.writer.operator(Op.QUANTIZE, 2, [self.index[name]], [output], options)
        return output


def _with_activation(options: Any, activation: str = "none") -> Any:
    options.fusedActivationFunction = _ACTIVATIONS[activation]
    return options


def _weight_grid(q: QuantizedWeight) -> Quantization:
    if q.per_tensor:
        return Quantization((float(q.scale[0]),), (0,))
    return Quantization(tuple(q.scale.tolist()), (0,) * q.scale.size, q.channel_axis)


def write_tflite(
    graph: Graph,
    precision: str,
    quantized: Quantized | None = None,
    metadata: Mapping[str, bytes] | None = None,
    **options: Any,
) -> bytes:
    """Return the `.tflite` file of a graph, as bytes. See TfliteLowering for the options.

    Parameters
    ----------
    graph
        The network.
    precision
        Fp32, fp16, int8, int8-dynamic.
    quantized
        The integers, for precision int8.
    metadata
        Content by name.
    options
        Of TfliteLowering.

    Returns
    -------
    bytes
        The content of the file.
    """
    writer = TfliteLowering(graph, precision, quantized, **options).lower()
    for name, data in (metadata or {}).items():
        writer.metadata(name, data)
    return writer.to_bytes()
