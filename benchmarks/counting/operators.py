"""Each operator of a `.tflite` in a model of its own; operators that are alike share one."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.errors import MissingExtraError

__all__ = ["OperatorModel", "operator_models"]

SMALL = 64  # elements of a constant that says what to do, such as a shape; larger ones are weights
INTEGERS = (2, 4)  # TensorType: INT32, INT64


@dataclass(frozen=True)
class OperatorModel:
    """A model with one operator.

    Attributes
    ----------
    name
        Of the operator.
    shape
        Of its first output.
    times
        How many operators of the file are like it: of the same options, shapes and types.
    path
        The file.
    """

    name: str
    shape: tuple[int, ...]
    times: int
    path: Path


def operator_models(model: Path, folder: Path) -> list[OperatorModel]:
    """Write a model for each operator, in the order of the file.

    An operator that computes a constant, such as the float of a stored float16, has none: it goes with
    those that read it.

    Parameters
    ----------
    model
        A `.tflite`; its first subgraph counts.
    folder
        Where they are written.

    Returns
    -------
    list of OperatorModel
        In the order in which the file has the first of each.

    Raises
    ------
    MissingExtraError
        Without the schema of `.tflite`, which comes with ai-edge-litert.
    """
    try:
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as error:
        raise MissingExtraError(
            f"--per-operator needs the package {error.name!r}: pip install 'edge-edet[convert]'"
        ) from None
    whole = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model.read_bytes(), 0))
    graph = whole.subgraphs[0]
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    alike: dict[str, list[Any]] = {}
    for op in graph.operators:
        if not _is_constant(whole, op):
            alike.setdefault(repr(_described(whole, op)), []).append(op)
    found = []
    for number, same in enumerate(alike.values()):
        op = same[0]
        code = whole.operatorCodes[op.opcodeIndex]
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
        custom = code.customCode.decode("utf-8", "replace") if code.customCode else ""
        builder = flatbuffers.Builder(2**16)
        builder.Finish(_alone(schema, whole, op).Pack(builder), b"TFL3")
        path = folder / f"{number}.tflite"
        path.write_bytes(builder.Output())
        shape = tuple(int(side) for side in _shape(graph.tensors[op.outputs[0]]))
        found.append(OperatorModel(custom or names[builtin], shape, len(same), path))
    return found


def _alone(schema: Any, whole: Any, op: Any) -> Any:
    """Make the model of one operator and of those that compute its constants."""
    graph = whole.subgraphs[0]
    operators = [*_constants_of(whole, op), op]
    made = {int(i) for one in operators for i in one.outputs}
    read = [int(i) for one in operators for i in one.inputs if i >= 0]
    variable = [i for i in dict.fromkeys(read) if i not in made and not _has_data(whole, i)]
    number = {old: new for new, old in enumerate(dict.fromkeys([*read, *sorted(made)]))}
    model, part = schema.ModelT(), schema.SubGraphT()
    model.version, model.operatorCodes = 3, whole.operatorCodes
    model.buffers, model.subgraphs = [schema.BufferT()], [part]
    part.name, part.tensors, part.operators = "main", [], []
    for old in number:
        tensor = copy.copy(graph.tensors[old])
        tensor.buffer = 0
        if _has_data(whole, old):
            model.buffers.append(whole.buffers[graph.tensors[old].buffer])
            tensor.buffer = len(model.buffers) - 1
        part.tensors.append(tensor)
    for one in operators:
        renumbered = copy.copy(one)
        renumbered.inputs = [number[int(i)] if i >= 0 else -1 for i in one.inputs]
        renumbered.outputs = [number[int(i)] for i in one.outputs]
        part.operators.append(renumbered)
    part.inputs = [number[i] for i in variable]
    part.outputs = [number[int(i)] for i in op.outputs]
    return model


def _described(whole: Any, op: Any) -> tuple[Any, ...]:
    """Describe what makes two operators alike; not the values of weights and grids."""
    graph = whole.subgraphs[0]
    options = op.builtinOptions
    custom = bytes(op.customOptions) if op.customOptions is not None else b""
    tensors: list[Any] = []
    for index in [*op.inputs, *op.outputs]:
        if index < 0:
            tensors.append(None)
            continue
        tensor = graph.tensors[index]
        stored = _has_data(whole, index)
        small = stored and np.prod(_shape(tensor)) <= SMALL and tensor.type in INTEGERS
        value = bytes(whole.buffers[tensor.buffer].data) if small else b""
        tensors.append((_shape(tensor), tensor.type, stored, value))
    return op.opcodeIndex, sorted(vars(options).items()) if options else None, custom, tensors


def _is_constant(whole: Any, op: Any) -> bool:
    """Whether all that the operator reads is stored in the file."""
    return all(_has_data(whole, int(i)) for i in op.inputs if i >= 0)


def _constants_of(whole: Any, op: Any) -> Iterator[Any]:
    for index in _inputs(op):
        for one in whole.subgraphs[0].operators:
            if index in one.outputs and _is_constant(whole, one):
                yield one


def _inputs(op: Any) -> Sequence[int]:
    return [int(i) for i in op.inputs if i >= 0]


def _has_data(whole: Any, index: int) -> bool:
    data = whole.buffers[whole.subgraphs[0].tensors[index].buffer].data
    return data is not None and len(data) > 0


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(map(int, tensor.shape)) if tensor.shape is not None else ()
