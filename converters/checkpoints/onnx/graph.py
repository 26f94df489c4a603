"""Parse an ONNX file into a graph to search: operators, producers of values, constants.

Nothing in it is run. The few operators that exporters leave between a weight and its use are computed
here, only for casts and small arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from edge_edet.converters.checkpoints.onnx.external_data import load_external
from edge_edet.errors import CheckpointError, ModelFileError
from edge_edet.formats import find_external

__all__ = ["ROUNDING", "OnnxFile", "attributes_of", "parse_onnx"]

MAX_NODES = 50_000  # the largest export, of D7x unoptimized, has some 8,000
MAX_DEPTH = 16
MAX_COMPUTED = 64  # elements: fusion weights, not kernels
Array = NDArray[Any]
# The largest relative error of one rounding to a type: half of its step.
ROUNDING = {
    TensorProto.BFLOAT16: 2.0**-8,
    TensorProto.FLOAT16: 2.0**-11,
    TensorProto.FLOAT: 2.0**-24,
    TensorProto.DOUBLE: 2.0**-53,
}
SAME_VALUE = ("Identity", "Cast")

# What exporters leave between fusion weights and the factor of one input: f(inputs, attributes)
_COMPUTED: dict[str, Callable[[list[Array], dict[str, Any]], Array]] = {
    "Relu": lambda x, a: np.maximum(x[0], 0),
    "Gather": lambda x, a: np.take(x[0], x[1].astype(np.int64), axis=a.get("axis", 0)),
    "ReduceSum": lambda x, a: x[0].sum(keepdims=bool(a.get("keepdims", 1))),
    "Softmax": lambda x, a: np.exp(x[0] - x[0].max()) / np.exp(x[0] - x[0].max()).sum(),
    "Add": lambda x, a: x[0] + x[1],
    "Mul": lambda x, a: x[0] * x[1],
    "Div": lambda x, a: x[0] / x[1],
}


@dataclass
class OnnxFile:
    """The main graph.

    Attributes
    ----------
    nodes
        onnx.NodeProto, in the order of the file.
    tensors
        onnx.TensorProto by name.
    inputs
        Without those that only repeat a tensor's name.
    metadata
        Text by key.
    files
        Those with weights beside the file.
    input_size
        Height and width of the picture, where the file fixes them.
    producers, consumers
        By the name of a value: the index of its node, the indexes of the nodes that read it.
    """

    nodes: list[Any]
    tensors: dict[str, Any]
    inputs: tuple[str, ...]
    metadata: dict[str, str]
    files: list[Path]
    input_size: tuple[int, int] | None = None
    producers: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, node in enumerate(self.nodes):
            for name in node.output:
                self.producers[name] = index
            for name in node.input:
                self.consumers.setdefault(name, []).append(index)

    def producer(self, name: str) -> Any | None:
        """Find the node that makes a value; None for inputs and stored tensors."""
        index = self.producers.get(name)
        return None if index is None else self.nodes[index]

    def constant(self, name: str, depth: int = 0) -> Array | None:
        """Compute a value that does not depend on the picture; None if it does, or takes much work."""
        if depth > MAX_DEPTH:
            return None
        if name in self.tensors:
            return _array(self.tensors[name])
        node = self.producer(name)
        if node is None:
            return None
        attributes = attributes_of(node)
        if node.op_type == "Constant":
            value = attributes.get("value", attributes.get("value_float"))
            return _array(value) if hasattr(value, "dims") else value and np.asarray(value)
        if node.op_type in SAME_VALUE:
            return self.constant(node.input[0], depth + 1)
        compute = _COMPUTED.get(node.op_type)
        if compute is None:
            return None
        operands = [self.constant(part, depth + 1) for part in node.input if part]
        given = [x for x in operands if x is not None]
        if len(given) != len(operands) or not all(0 < x.size <= MAX_COMPUTED for x in given):
            return None
        wide = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in given]
        try:
            with np.errstate(all="ignore"):
                return np.asarray(compute(wide, attributes))
        except (ValueError, IndexError, TypeError):
            return None

    def rounding(self, name: str, depth: int = 0) -> float:
        """Find the rounding of the coarsest type that a constant was stored in or cast to; 0: none."""
        if depth > MAX_DEPTH:
            return 0.0
        if name in self.tensors:
            return ROUNDING.get(self.tensors[name].data_type, 0.0)
        node = self.producer(name)
        if node is None:
            return 0.0
        attributes = attributes_of(node)
        if node.op_type == "Constant":
            stored = getattr(attributes.get("value"), "data_type", TensorProto.FLOAT)
            return ROUNDING.get(stored, 0.0)
        inner = [self.rounding(part, depth + 1) for part in node.input if part]
        cast = ROUNDING.get(attributes.get("to", 0), 0.0) if node.op_type == "Cast" else 0.0
        return max(cast, *inner, 0.0)

    def readers(self, name: str) -> list[Any]:
        """List the operators that read a value, or a copy or cast of it."""
        found, waiting = [], [name]
        for _ in range(MAX_DEPTH):
            nodes = [self.nodes[i] for value in waiting for i in self.consumers.get(value, [])]
            found += [node for node in nodes if node.op_type not in SAME_VALUE]
            waiting = [out for node in nodes if node.op_type in SAME_VALUE for out in node.output]
        return found


def attributes_of(node: Any) -> dict[str, Any]:
    """Read the attributes of an onnx.NodeProto by name."""
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def parse_onnx(data: bytes, folder: Path) -> OnnxFile:
    """Parse the bytes of an `.onnx` file; weights beside it are read from folder.

    Raises
    ------
    CheckpointError
        When it is damaged, hostile, or refers to files that are not weights of its graph.
    """
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except MemoryError:
        raise
    except Exception:  # protobuf's DecodeError, which the onnx package does not export
        raise CheckpointError("is damaged or no ONNX file: it cannot be parsed") from None
    graph = model.graph
    if not graph.node or not graph.output:
        raise CheckpointError("is an ONNX file without a graph: it is damaged or empty")
    if len(graph.node) > MAX_NODES:
        raise CheckpointError(f"has {len(graph.node)} operators: the limit is {MAX_NODES}")
    stored = [
        entry.t
        for node in graph.node
        if node.op_type == "Constant"
        for entry in node.attribute
        if entry.name == "value"
    ]
    files = load_external([*graph.initializer, *stored], folder)
    _refuse_other_external(model)
    try:
        checker.check_model(model)  # operators have the inputs and attributes that are read below
    except (checker.ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"is damaged or no valid ONNX file: {reason[:200]}") from None
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    names = [*tensors, *(name for node in graph.node for name in (*node.input, *node.output))]
    if not all(isinstance(name, str) for name in names):  # protobuf has bytes for what is not UTF-8
        raise CheckpointError("is damaged: it has names that are not UTF-8")
    return OnnxFile(
        nodes=list(graph.node),
        tensors=tensors,
        inputs=tuple(value.name for value in graph.input if value.name not in tensors),
        metadata={entry.key: entry.value for entry in model.metadata_props},
        files=files,
        input_size=_input_size([value for value in graph.input if value.name not in tensors]),
    )


def _input_size(inputs: list[Any]) -> tuple[int, int] | None:
    """Read height and width of the one input [n, 3, h, w]; None where they are free."""
    if len(inputs) != 1:
        return None
    sides = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim]
    return (
        (sides[2], sides[3]) if len(sides) == 4 and sides[1] == 3 and min(sides[2:]) > 0 else None
    )


def _refuse_other_external(model: Any) -> None:
    """Raise CheckpointError for tensors in other files that are no weights of the main graph.

    Graphs inside operators, functions and training graphs may have such tensors: they are not needed, so
    no file is opened for them.
    """
    graph = model.graph
    parts = [
        *(("node", one) for one in graph.node),
        *(("sparse", one) for one in graph.sparse_initializer),
    ]
    parts += [*(("function", one) for one in model.functions)]
    parts += [*(("training", one) for one in model.training_info)]
    for kind, part in parts:
        try:
            name = find_external(memoryview(part.SerializeToString()), kind)
        except ModelFileError as error:
            raise CheckpointError(f"is damaged: {error}") from None
        if name is not None:
            raise CheckpointError(
                f"keeps {name[:80]!r}, which is not a weight of its graph, in another file: save the model "
                "as one file"
            )


def _array(tensor: Any) -> Array:
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
        return array.astype(np.float32) if tensor.data_type == TensorProto.BFLOAT16 else array
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError):
        shape = list(tensor.dims)[:8]
        raise CheckpointError(
            f"is damaged: tensor {tensor.name[:80]!r} does not fill its shape {shape}"
        ) from None
