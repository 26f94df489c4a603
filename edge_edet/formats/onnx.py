"""Read what an `.onnx` states about itself: operators, inputs, outputs, metadata.

Without the onnx package. Source of the field numbers: onnx/onnx.proto. The structure of the message is
checked down to the tensors' stored values, before the runtime sees the file.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from edge_edet.errors import ModelFileError
from edge_edet.formats.model_file import TensorInfo, open_model, read_failed
from edge_edet.formats.onnx_external import find_external
from edge_edet.formats.protobuf import fields, signed, varint

__all__ = ["OnnxModel", "read_onnx"]

MAX_RANK = 64
MAX_METADATA_BYTES = 2**24
# TensorProto.DataType -> name, bits of one item (None: not stored as raw bytes)
TYPES: dict[int, tuple[str, int | None]] = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16),
    6: ("int32", 32), 7: ("int64", 64), 8: ("string", None), 9: ("bool", 8), 10: ("float16", 16),
    11: ("float64", 64), 12: ("uint32", 32), 13: ("uint64", 64), 14: ("complex64", 64),
    15: ("complex128", 128), 16: ("bfloat16", 16), 21: ("uint4", 4), 22: ("int4", 4),
}  # fmt: skip
Part = memoryview


@dataclass(frozen=True)
class OnnxModel:
    """Summary of a model's main graph; opsets: domain -> version, the standard domain is ''.

    Attributes
    ----------
    path
        Of the file.
    size_bytes
        Of the file.
    ir_version
        Version of ONNX's format.
    opsets
        Version by domain; the standard domain is ''.
    producer
        The program that wrote it, with its version.
    operator_names
        Type of each node, in their order.
    input_tensors
        Inputs that are no stored values.
    output_tensors
        Outputs in their order.
    metadata
        Entries of metadata_props, value by key.
    weight_bytes
        Dtype -> bytes of stored values.
    format
        Suffix of the file.
    """

    path: Path
    size_bytes: int
    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    operator_names: tuple[str, ...]
    input_tensors: tuple[TensorInfo, ...]
    output_tensors: tuple[TensorInfo, ...]
    metadata: Mapping[str, bytes]
    weight_bytes: Mapping[str, int]  # dtype -> bytes of stored values
    format: str = ".onnx"


def read_onnx(path: str | Path) -> OnnxModel:
    """Read the summary of a model file. Raises ModelFileError if it is not intact."""
    path = Path(path)
    try:
        if path.is_dir():
            raise ModelFileError(f"{str(path)!r} is a folder: give the .onnx file")
        with open_model(path) as file:
            if not path.stat().st_size:
                raise ModelFileError(
                    f"model file {str(path)!r} is empty: copy it again from where it was converted"
                )
            # Not closed here: an error on its way up still refers to parts of the mapping.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: an embedded zero byte in the path
        raise read_failed(path, error) from None
    try:
        return _read(path, data)
    except ModelFileError as error:
        raise ModelFileError(f"{str(path)!r} is no ONNX model that can be used: {error}") from None


@dataclass
class _Graph:
    nodes: list[str] = field(default_factory=list)
    inputs: list[TensorInfo] = field(default_factory=list)
    outputs: list[TensorInfo] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    weight_bytes: dict[str, int] = field(default_factory=dict)


def _read(path: Path, data: Part) -> OnnxModel:
    if (outside := find_external(data)) is not None:
        _fail(
            f"its weights are in another file, first those of {outside[:80]!r}, which is not supported: "
            "convert it, or save it as one file"
        )
    ir_version, producer = 0, ["", ""]
    graphs: list[_Graph] = []
    opsets: dict[str, int] = {}
    metadata: dict[str, bytes] = {}
    for number, value in fields(data):
        if number == 1:
            ir_version = _number(value, "ir_version")
        elif number in (2, 3):
            producer[number - 2] = _text(value)
        elif number == 7:
            graphs.append(_graph(_message(value, "graph")))
        elif number == 8:
            domain, version = _entry(value, "opset_import")
            opsets[domain] = _number(version, "an opset's version")
        elif number == 14:
            key, text = _entry(value, "metadata_props")
            metadata[key] = bytes(_message(text, "metadata_props"))[:MAX_METADATA_BYTES]
    if len(graphs) != 1 or not ir_version or not opsets:
        _fail("it lacks the graph, the version or the operator sets of one")
    graph = graphs[0]
    inputs = [t for t in graph.inputs if t.name not in graph.initializers]
    return OnnxModel(
        path=path,
        size_bytes=len(data),
        ir_version=ir_version,
        opsets=opsets,
        producer=" ".join(producer).strip(),
        operator_names=tuple(graph.nodes),
        input_tensors=tuple(inputs),
        output_tensors=tuple(graph.outputs),
        metadata=metadata,
        weight_bytes=graph.weight_bytes,
    )


def _graph(data: Part) -> _Graph:
    graph = _Graph()
    for number, value in fields(data):
        if number == 1:
            graph.nodes.append(_operator(_message(value, "a node")))
        elif number == 5:
            name, dtype, size = _initializer(_message(value, "an initializer"))
            graph.initializers.add(name)
            graph.weight_bytes[dtype] = graph.weight_bytes.get(dtype, 0) + size
        elif number in (11, 12):
            into = graph.inputs if number == 11 else graph.outputs
            into.append(_tensor(len(into), _message(value, "an input or output")))
    return graph


def _operator(data: Part) -> str:
    names = [_text(value) for number, value in fields(data) if number == 4]
    if not names or not names[-1]:
        _fail("a node has no operator type")
    return names[-1]


def _initializer(data: Part) -> tuple[str, str, int]:
    """(name, dtype, bytes) of stored values, which must be as many as their shape says."""
    name, code, stored = "", 0, None
    dims: list[int] = []
    for number, value in fields(data):
        if number == 1:
            dims += _integers(value)
        elif number == 2:
            code = _number(value, "a tensor's type")
        elif number == 8:
            name = _text(value)
        elif number == 9:
            stored = len(_message(value, "a tensor's values"))
    dtype, bits = TYPES.get(code, (f"type {code}", None))
    if len(dims) > MAX_RANK or any(n < 0 for n in dims):
        _fail(f"tensor {name!r} has shape {dims[:8]}")
    needed = (math.prod(dims) * (bits or 0) + 7) // 8
    if stored is not None and bits is not None and stored != needed:
        _fail(f"tensor {name!r} of {dtype} {dims} needs {needed} bytes, has {stored}")
    return name, dtype, needed


def _tensor(index: int, data: Part) -> TensorInfo:
    name, dtype = "", "unknown"
    shape: tuple[int, ...] = ()
    for number, value in fields(data):
        if number == 1:
            name = _text(value)
        for kind in _inside(number, value, 2, "type"):
            for inner, tensor_type in fields(kind):
                for part in _inside(inner, tensor_type, 1, "tensor type"):
                    dtype, shape = _type(part)
    if not name:
        _fail("an input or output has no name")
    return TensorInfo(index, name, shape, dtype)


def _type(data: Part) -> tuple[str, tuple[int, ...]]:
    code, dims = 0, []
    for number, value in fields(data):
        if number == 1:
            code = _number(value, "a tensor's type")
        for shape in _inside(number, value, 2, "shape"):
            for inner, dim in fields(shape):
                for part in _inside(inner, dim, 1, "dimension"):
                    given = dict(fields(part))
                    size = given.get(1)
                    dims.append(signed(size) if isinstance(size, int) else -1)
    return TYPES.get(code, (f"type {code}", None))[0], tuple(dims)


def _inside(number: int, value: int | Part, wanted: int, what: str) -> Iterator[Part]:
    if number == wanted:
        yield _message(value, what)


def _entry(value: int | Part, what: str) -> tuple[str, int | Part]:
    """Field 1 as text and field 2 as it is."""
    given = dict(fields(_message(value, what)))
    return _text(given.get(1, memoryview(b""))), given.get(2, memoryview(b""))


def _integers(value: int | Part) -> list[int]:
    if isinstance(value, int):
        return [signed(value)]
    found, position = [], 0
    while position < len(value):
        one, position = varint(value, position)
        found.append(signed(one))
    return found


def _message(value: int | Part, what: str) -> Part:
    if isinstance(value, int):
        _fail(f"{what} is a number")
    return value


def _number(value: int | Part, what: str) -> int:
    if not isinstance(value, int):
        _fail(f"{what} is no number")
    return signed(value)


def _text(value: int | Part) -> str:
    return bytes(_message(value, "a name")).decode("utf-8", "replace")


def _fail(problem: str) -> NoReturn:
    raise ModelFileError(problem)
