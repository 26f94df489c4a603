"""Read what a `.tflite` states about itself: tensors, operators, signatures, metadata.

Reading is also the check before the C++ runtime, which trusts the file's offsets and can crash on a
damaged one: every table, vector and index that the runtime follows is followed here first, and
`check` checks every operator by its kind. Source of the field numbers:
tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_edet.errors import ModelFileError
from edge_edet.formats.flatbuffer import Buffer, Table
from edge_edet.formats.model_file import TensorInfo, open_model, read_failed
from edge_edet.formats.table import FORMATS
from edge_edet.formats.tflite.check import GraphParts, Operand, OperatorParts, check_graphs
from edge_edet.formats.tflite.content import Content, content_of
from edge_edet.formats.tflite.schema import FLOAT_TYPES, ITEM_BITS, OPERATORS, TENSOR_TYPES

__all__ = ["OperatorInfo", "TensorInfo", "TfliteModel", "parse_tflite", "read_tflite"]

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
CUSTOM = OPERATORS.index("CUSTOM")
MAX_RANK = 8  # more dimensions than any kernel takes
MAX_KEPT_OPTIONS = 4096  # bytes; an Edge TPU operator has its whole program there

# The option tables that hold more than scalars: union type -> (field, size of one item).
_OPTION_VECTORS = {
    3: ((1, 4), (2, 4)),  # ConcatEmbeddingsOptions
    8: ((5, 1),),  # FullyConnectedOptions.quant_spec
    17: ((0, 4),),  # ReshapeOptions.new_shape
    30: ((0, 4),),  # SqueezeOptions.squeeze_dims
    111: ((0, 1), (1, 1)),  # VarHandleOptions
    115: ((0, 4),),  # BucketizeOptions.boundaries
}


@dataclass(frozen=True)
class OperatorInfo:
    """One operator of the main graph; a tensor index of -1 is an optional input left out.

    Attributes
    ----------
    index
        Place in the graph.
    name
        Builtin name, such as CONV_2D, or the custom operator's own.
    is_custom
        Whether it is no builtin operator.
    inputs
        Tensor indexes; -1 for one that is left out.
    outputs
        Tensor indexes.
    custom_options
        Of a custom operator, where they are short.
    """

    index: int
    name: str  # builtin name, such as CONV_2D, or the custom operator's own
    is_custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom_options: bytes = b""  # of a custom operator, where they are short


@dataclass(frozen=True)
class TfliteModel:
    """Summary of a model's main graph; inputs and outputs are tensor indexes.

    Attributes
    ----------
    path
        Of the file.
    size_bytes
        Of the file.
    description
        What the file says of itself.
    tensors
        By index.
    operators
        In the order of execution.
    inputs
        Tensor indexes.
    outputs
        Tensor indexes.
    signatures
        Their keys.
    metadata
        Bytes of each entry, by name.
    subgraph_count
        Number of graphs.
    buffer_bytes
        All stored values together.
    content
        What its sum is over.
    format
        Suffix of the file.
    """

    path: Path
    size_bytes: int
    description: str
    tensors: tuple[TensorInfo, ...]
    operators: tuple[OperatorInfo, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signatures: tuple[str, ...]
    metadata: Mapping[str, bytes]
    subgraph_count: int
    buffer_bytes: int  # all stored values together
    content: Content  # what its sum is over
    format: str = ".tflite"

    @property
    def operator_names(self) -> tuple[str, ...]:
        """One for each operator of the main graph."""
        return tuple(op.name for op in self.operators)

    @property
    def input_tensors(self) -> tuple[TensorInfo, ...]:
        """In the file's order."""
        return tuple(self.tensors[i] for i in self.inputs)

    @property
    def output_tensors(self) -> tuple[TensorInfo, ...]:
        """In the file's order."""
        return tuple(self.tensors[i] for i in self.outputs)

    @property
    def custom_operators(self) -> tuple[str, ...]:
        """The names of custom operators, each once."""
        return tuple(sorted({op.name for op in self.operators if op.is_custom}))

    def is_float_operator(self, operator: OperatorInfo) -> bool:
        """Return whether a tensor that the operator reads or writes at run time holds floats.

        Parameters
        ----------
        operator
            One of the model's.

        Returns
        -------
        bool
            Stored values do not count.
        """
        tensors = (self.tensors[i] for i in operator.inputs + operator.outputs if i >= 0)
        return any(t.dtype in FLOAT_TYPES and not t.is_constant for t in tensors)

    @property
    def non_integer_operators(self) -> tuple[OperatorInfo, ...]:
        """The operators that compute in float."""
        return tuple(op for op in self.operators if self.is_float_operator(op))


def read_tflite(path: str | Path) -> TfliteModel:
    """Read the summary of a model file.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    TfliteModel
        The summary.

    Raises
    ------
    ModelFileError
        If it is not intact, or no .tflite.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ModelFileError(f"{str(path)!r} is a folder: give a .tflite file")
        with open_model(path) as file:
            size = path.stat().st_size
            head = file.read(8)
            if head[4:] != IDENTIFIER:
                raise ModelFileError(_not_tflite(path, size, head))
            # Not closed here: an error on its way up still refers to parts of the mapping.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return _read(path, Buffer(memoryview(data), f"model file {str(path)!r}"))
    except (OSError, ValueError) as error:  # ValueError: an embedded zero byte in the path
        raise read_failed(path, error) from None


def parse_tflite(data: bytes, path: str | Path) -> TfliteModel:
    """Parse a file's bytes as `read_tflite` does; path: what errors name.

    Parameters
    ----------
    data
        The content of a file.
    path
        What errors name.

    Returns
    -------
    TfliteModel
        The summary.

    Raises
    ------
    ModelFileError
        If it is not intact.
    """
    return _read(Path(path), Buffer(memoryview(data), f"model file {str(path)!r}"))


def _not_tflite(path: Path, size: int, head: bytes) -> str:
    if not size:
        return f"model file {str(path)!r} is empty: copy it again from where it was converted"
    other = FORMATS.get(path.suffix.lower(), FORMATS[".tflite"])
    if other is not FORMATS[".tflite"]:
        return (
            f"{str(path)!r} is {other.title} by its name: this takes TensorFlow Lite (.tflite) only"
        )
    found = "a zip archive" if head[:2] == b"PK" else f"{size} bytes that begin with {head!r}"
    return (
        f"{str(path)!r} is not a .tflite model: expected the identifier {IDENTIFIER.decode()!r} "
        f"at byte 4, found {found}"
    )


def _read(path: Path, buffer: Buffer) -> TfliteModel:
    model = buffer.root()
    version = model.integer(0, "I")
    if version != SCHEMA_VERSION:
        buffer.fail(f"schema version {version}, expected {SCHEMA_VERSION}")
    codes = [_operator_code(table) for table in model.tables(1)]
    tables = model.tables(4)
    buffers = [_stored(table) for table in tables]
    graphs = model.tables(2)
    if not graphs:
        buffer.fail("it has no graph")
    parsed = [_read_graph(graph, codes, buffers) for graph in graphs]
    check_graphs(repr(str(path)), [graph.parts for graph in parsed])
    main = parsed[0]
    for number in main.parts.inputs:
        tensor = main.tensors[number]  # of a free size, 0 may be stored: it is resized anyway
        if 0 in tensor.free_shape:
            buffer.fail(f"input {tensor.name!r} {list(tensor.free_shape)} has no pixels")
    model.integers(5)
    if model.has(8) or model.has(9):
        buffer.fail("its weights are in another file, which is not supported")
    metadata: dict[str, bytes] = {}
    for entry in model.tables(6):
        number = entry.integer(1, "I")
        if number >= len(buffers):
            buffer.fail(f"metadata {entry.string(0)!r} names buffer {number} of {len(buffers)}")
        metadata[entry.string(0)] = bytes(buffers[number])
    signatures = [_signature(table, parsed) for table in model.tables(7)]
    return TfliteModel(
        path=path,
        size_bytes=len(buffer.data),
        description=model.string(3),
        tensors=main.tensors,
        operators=main.operators,
        inputs=tuple(main.parts.inputs),
        outputs=tuple(main.parts.outputs),
        signatures=tuple(key for key, *_ in signatures),
        metadata=metadata,
        subgraph_count=len(graphs),
        buffer_bytes=sum(len(stored) for stored in buffers),
        content=content_of(
            [(graph.tensors, graph.buffers, graph.grids, graph.parts) for graph in parsed],
            signatures,
            [_span(table) for table in tables],
            _OPTION_VECTORS,
        ),
    )


def _span(table: Table) -> tuple[int, int]:
    """Where the bytes of one buffer are."""
    offset, size = table.integer(1, "Q"), table.integer(2, "Q")
    return (offset, size) if offset > 1 else table.span(0)


_Code = tuple[str, bool, int]  # name, whether it is a custom operator's, version


@dataclass(frozen=True)
class _Graph:
    """What is kept of a graph, what is checked, and the buffer of each tensor."""

    tensors: tuple[TensorInfo, ...]
    operators: tuple[OperatorInfo, ...]
    parts: GraphParts
    buffers: tuple[int, ...]
    grids: list[memoryview]  # of all tensors, one after the other


def _operator_code(table: Table) -> _Code:
    # Old files have the code in a byte, in newer ones 127 there says to look at the integer.
    code = max(table.integer(0, "b"), table.integer(3, "i"))
    if not 0 <= code < len(OPERATORS):
        table.buffer.fail(f"operator code {code} is unknown (0 to {len(OPERATORS) - 1} are known)")
    custom, version = table.string(1), table.integer(2, "i", 1)
    if code == CUSTOM and not custom:
        table.buffer.fail("a custom operator has no name")
    return (custom, True, version) if code == CUSTOM else (OPERATORS[code], False, version)


def _stored(table: Table) -> memoryview:
    """Return the bytes of one buffer; beyond 2 GiB they are outside of the flatbuffer."""
    offset, size = table.integer(1, "Q"), table.integer(2, "Q")
    if offset > 1:
        if offset + size > len(table.buffer.data):
            table.buffer.fail(f"a buffer at {offset} with {size} bytes runs past its end")
        return table.buffer.data[offset : offset + size]
    return table.raw(0)


def _read_graph(graph: Table, codes: list[_Code], buffers: list[memoryview]) -> _Graph:
    tables = graph.tables(0)
    pairs = [_tensor(i, table, buffers) for i, table in enumerate(tables)]
    tensors = tuple(info for info, _ in pairs)
    inputs, outputs = graph.integers(1), graph.integers(2)
    for what, indexes in (("input", inputs), ("output", outputs)):
        _check_indexes(graph, what, indexes, len(tensors), least=0)
    graph.string(4)
    found = [_operator(i, table, codes, len(tensors)) for i, table in enumerate(graph.tables(3))]
    parts = GraphParts(
        tensors=[
            _operand(info, table, buffers) for info, table in zip(tensors, tables, strict=True)
        ],
        variables=frozenset(i for i, table in enumerate(tables) if table.integer(5, "B")),
        operators=[part for _, part in found],
        inputs=inputs,
        outputs=outputs,
    )
    numbers = tuple(table.integer(2, "I") for table in tables)
    grids = [part for _, raw in pairs for part in raw]
    return _Graph(tensors, tuple(info for info, _ in found), parts, numbers, grids)


def _operand(info: TensorInfo, table: Table, buffers: list[memoryview]) -> Operand:
    # Files from before has_rank say a scalar and an unknown rank alike.
    ranked = info.shape or info.is_constant or table.integer(8, "B")
    return Operand(
        name=info.name,
        dtype=info.dtype,
        shape=info.free_shape if ranked else None,
        scales=info.scales,
        zero_points=info.zero_points,
        axis=info.axis,
        stored=buffers[table.integer(2, "I")] if info.is_constant else None,
    )


def _check_indexes(
    table: Table, what: str, indexes: tuple[int, ...], count: int, least: int = -1
) -> None:
    for index in indexes:
        if not least <= index < count:
            table.buffer.fail(f"{what} names tensor {index} of {count}")


def _tensor(
    index: int, table: Table, buffers: list[memoryview]
) -> tuple[TensorInfo, tuple[memoryview, ...]]:
    """Return the tensor, and its scales and zero points as they are stored."""
    fail = table.buffer.fail
    name, shape = table.string(3), table.integers(0)
    code, number = table.integer(1, "b"), table.integer(2, "I")
    if not 0 <= code < len(TENSOR_TYPES):
        fail(f"tensor {index} has type {code}, 0 to {len(TENSOR_TYPES) - 1} are known")
    if number >= len(buffers):
        fail(f"tensor {index} names buffer {number} of {len(buffers)}")
    if table.has(6):
        fail(f"tensor {name!r} is sparse, which is not supported")
    signature = table.integers(7)
    if len(shape) > MAX_RANK or any(n < 0 for n in shape) or any(n < -1 for n in signature):
        fail(f"tensor {index} has shape {list(shape)[:MAX_RANK]}")
    if len(signature) == len(shape) and any(
        free not in (-1, n) for free, n in zip(signature, shape, strict=True)
    ):
        fail(f"tensor {index} has shape {list(shape)}, but {list(signature)} as its free shape")
    dtype = TENSOR_TYPES[code]
    stored = len(buffers[number])
    if stored and dtype in ITEM_BITS:
        needed = 1
        for n in shape:
            needed *= n
        needed = (needed * ITEM_BITS[dtype] + 7) // 8
        if needed != stored:
            fail(f"tensor {index} of {dtype} {list(shape)} needs {needed} bytes, has {stored}")
    scales, zeros, axis, raw = _quantization(table, index, shape)
    info = TensorInfo(index, name, shape, dtype, scales, zeros, axis, stored or None, signature)
    return info, raw


def _quantization(
    tensor: Table, index: int, shape: tuple[int, ...]
) -> tuple[tuple[float, ...], tuple[int, ...], int, tuple[memoryview, ...]]:
    table = tensor.table(4)
    if table is None:
        return (), (), 0, ()
    table.raw(0, 4)
    table.raw(1, 4)
    raw, axis = (table.raw(2, 4), table.raw(3, 8)), table.integer(6, "i")
    scales: tuple[float, ...] = struct.unpack(f"<{len(raw[0]) // 4}f", raw[0])
    zeros: tuple[int, ...] = struct.unpack(f"<{len(raw[1]) // 8}q", raw[1])
    fail = table.buffer.fail
    if table.integer(4, "B"):
        fail(f"tensor {index} has a quantization of kind {table.integer(4, 'B')}, not supported")
    if not scales:
        return (), (), 0, ()
    zeros = zeros or (0,) * len(scales)
    if len(zeros) != len(scales):
        fail(f"tensor {index} has {len(scales)} scales but {len(zeros)} zero points")
    if len(scales) > 1 and (not 0 <= axis < len(shape) or shape[axis] != len(scales)):
        fail(f"tensor {index} {list(shape)} has {len(scales)} scales along axis {axis}")
    if not (min(scales) >= 0 and math.isfinite(sum(scales))):
        fail(f"tensor {index} has a scale that is negative or not finite")
    return scales, zeros, axis, raw


def _operator(
    index: int, table: Table, codes: list[_Code], tensor_count: int
) -> tuple[OperatorInfo, OperatorParts]:
    number = table.integer(0, "I")
    if number >= len(codes):
        table.buffer.fail(f"operator {index} names code {number} of {len(codes)}")
    name, is_custom, version = codes[number]
    inputs, outputs = table.integers(1), table.integers(2)
    _check_indexes(table, f"input of operator {index} ({name})", inputs, tensor_count)
    _check_indexes(table, f"output of operator {index} ({name})", outputs, tensor_count, least=0)
    _check_indexes(table, f"operator {index} ({name})", table.integers(8), tensor_count)
    table.raw(7)
    custom = table.raw(5)
    offset, size = table.integer(9, "Q"), table.integer(10, "Q")
    if offset > 1 and offset + size > len(table.buffer.data):
        table.buffer.fail(f"the options of operator {index} ({name}) run past its end")
    options = table.table(4)
    for field, item_size in _OPTION_VECTORS.get(table.integer(3, "B"), ()) if options else ():
        assert options is not None
        options.raw(field, item_size)
    if table.has(12):
        table.buffer.fail(f"operator {index} ({name}) is of StableHLO, which is not supported")
    kept = bytes(custom) if is_custom and len(custom) <= MAX_KEPT_OPTIONS else b""
    kind = table.integer(3, "B")
    parts = OperatorParts(index, name, is_custom, inputs, outputs, options, kind, kept, version)
    return OperatorInfo(index, name, is_custom, inputs, outputs, kept), parts


def _signature(table: Table, graphs: list[_Graph]) -> tuple[str, int, list[tuple[str, int]]]:
    """Return key, number of its graph, and name and tensor of each input and output."""
    key, graph = table.string(2), table.integer(4, "I")
    if graph >= len(graphs):
        table.buffer.fail(f"signature {key!r} names graph {graph} of {len(graphs)}")
    entries = [
        (entry.string(0), entry.integer(1, "I")) for entry in table.tables(0) + table.tables(1)
    ]
    for name, number in entries:
        what = f"{name!r} of signature {key!r}"
        _check_indexes(table, what, (number,), len(graphs[graph].tensors), least=0)
    return key, graph, entries
