"""Assembles a `.tflite` flatbuffer: tensors, buffers, operators, a signature, metadata.

The schema classes come with ai-edge-litert; TensorFlow is not needed. The same calls give the same
bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.errors import EdgeEdetError, MissingExtraError

try:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
except ImportError as error:
    raise MissingExtraError(
        f"writing .tflite needs the package {error.name!r}: pip install 'edge-edet[convert]'"
    ) from None

__all__ = ["Quantization", "TfliteWriter", "schema"]

BUFFER_ALIGNMENT = 16  # schema.fbs: Buffer.data (force_align: 16)
MAX_FILE_BYTES = 2**31 - 1  # flatbuffers are addressed with signed 32 bits

_TENSOR_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "bool": schema.TensorType.BOOL,
}


@dataclass(frozen=True)
class Quantization:
    """real = scale * (q - zero_point); one scale, or one for each slice along `axis`."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


class TfliteWriter:
    """Collects one subgraph and serializes it."""

    def __init__(self, description: str):
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = description
        self._model.operatorCodes = []
        self._model.buffers = [schema.BufferT()]
        self._model.metadata = []
        self._graph = schema.SubGraphT()
        self._graph.name = "main"
        self._graph.tensors = []
        self._graph.operators = []
        self._model.subgraphs = [self._graph]
        self._codes: dict[tuple[int, int, str], int] = {}
        self._buffers: dict[tuple[str, str], int] = {}

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        quantization: Quantization | None = None,
        data: npt.NDArray[Any] | None = None,
    ) -> int:
        """Add a tensor, a constant where data is given, and returns its index."""
        tensor = schema.TensorT()
        tensor.name = name
        tensor.shape = list(shape)
        tensor.type = _TENSOR_TYPES[dtype]
        tensor.hasRank = True
        if quantization is not None:
            q = schema.QuantizationParametersT()
            q.scale = np.asarray(quantization.scale, np.float32)
            q.zeroPoint = np.asarray(quantization.zero_point, np.int64)
            q.quantizedDimension = quantization.axis
            tensor.quantization = q
        tensor.buffer = 0 if data is None else self._buffer(data, dtype)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def dtype(self, index: int) -> str:
        """Return the type of a tensor."""
        kind = self._graph.tensors[index].type
        return next(name for name, code in _TENSOR_TYPES.items() if code == kind)

    def rename(self, index: int, name: str) -> None:
        """Give a tensor another name."""
        self._graph.tensors[index].name = name

    def operator(
        self,
        code: int,
        version: int,
        inputs: list[int],
        outputs: list[int],
        options: Any = None,
        custom: str = "",
        custom_options: bytes = b"",
    ) -> None:
        """Add an operator; options is the schema's object of its builtin options."""
        op = schema.OperatorT()
        op.opcodeIndex = self._opcode(code, version, custom)
        op.inputs, op.outputs = inputs, outputs
        if options is not None:
            op.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        if custom_options:
            op.customOptions = np.frombuffer(custom_options, np.uint8)
        self._graph.operators.append(op)

    def interface(self, inputs: dict[str, int], outputs: dict[str, int]) -> None:
        """Declare the graph's inputs and outputs, also as signature `serving_default`."""
        self._graph.inputs, self._graph.outputs = list(inputs.values()), list(outputs.values())
        signature = schema.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.subgraphIndex = 0
        signature.inputs = [_tensor_map(*item) for item in inputs.items()]
        signature.outputs = [_tensor_map(*item) for item in outputs.items()]
        self._model.signatureDefs = [signature]

    def metadata(self, name: str, data: bytes) -> None:
        """Attaches a metadata buffer."""
        entry = schema.MetadataT()
        entry.name = name
        entry.buffer = self._buffer(np.frombuffer(data, np.uint8), f"metadata:{name}")
        self._model.metadata.append(entry)

    def to_bytes(self) -> bytes:
        """Return the file's bytes. Raises EdgeEdetError where the format's 2 GiB do not suffice."""
        payload = sum(b.data.nbytes for b in self._model.buffers if b.data is not None)
        if payload > MAX_FILE_BYTES - 2**26:
            raise EdgeEdetError(
                f"the model's constants take {payload / 2**30:.1f} GiB and a .tflite holds at most "
                "2 GiB: convert with --int8 or --fp16"
            )
        builder = flatbuffers.Builder(payload + 2**22)
        builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _opcode(self, code: int, version: int, custom: str) -> int:
        key = (code, version, custom)
        if key not in self._codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = code
            entry.deprecatedBuiltinCode = min(code, 127)
            entry.version = version
            entry.customCode = custom or None
            self._codes[key] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(entry)
        return self._codes[key]

    def _buffer(self, data: npt.NDArray[Any], kind: str) -> int:
        """Index of a buffer with these bytes; equal constants (shared head weights) are one."""
        raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        key = (hashlib.sha256(raw.data).hexdigest(), kind)
        if key not in self._buffers:
            buffer = AlignedBuffer()
            buffer.data = raw
            self._buffers[key] = len(self._model.buffers)
            self._model.buffers.append(buffer)
        return self._buffers[key]


class AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """The generated class ignores the schema's force_align; runtimes rely on it."""

    def Pack(self, builder: Any) -> int:  # noqa: N802  the generated classes' name
        """Write the buffer, with its values aligned as the schema says.

        Parameters
        ----------
        builder
            A flatbuffers.Builder.

        Returns
        -------
        int
            Where the table lies in it.
        """
        size = self.data.nbytes
        builder.StartVector(1, size, BUFFER_ALIGNMENT)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self.data.tobytes()
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


def _tensor_map(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry
