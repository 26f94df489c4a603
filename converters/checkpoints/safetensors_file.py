"""Read and write `.safetensors` with numpy alone, because the bundled weights have this format.

Format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}},
then the data. Limits and checks as in huggingface/safetensors, safetensors/src/tensor.rs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edge_edet.converters.checkpoints.file_bytes import widen_bfloat16
from edge_edet.errors import CheckpointError
from edge_edet.output_files import Outputs

__all__ = ["read_safetensors", "write_safetensors"]

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
_DTYPES = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": "<u2",
    "C64": "<c8",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
_WRITES = {np.dtype(np.float16): "F16", np.dtype(np.float32): "F32"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise CheckpointError(f"names {name[:80]!r} twice in its header")
        result[name] = value
    return result


def _parse_header(data: bytes) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8 or length > MAX_HEADER_BYTES:
        raise CheckpointError(f"is truncated or damaged: its header would have {length} bytes")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise CheckpointError("has a header that is not JSON") from None
    if not isinstance(header, dict):
        raise CheckpointError("has a header that is not a JSON object")
    return header, 8 + length


def _tensor(name: str, entry: Any, body: memoryview) -> tuple[int, int, NDArray[Any]]:
    try:
        kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        dtype = np.dtype(_DTYPES[kind])
        numbers = [*shape, start, end]
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"describes {name[:80]!r} wrongly: needs shape, data_offsets and a dtype of "
            f"{', '.join(_DTYPES)}"
        ) from None
    if not all(type(n) is int and 0 <= n < 2**63 for n in numbers) or len(shape) > 8:
        raise CheckpointError(f"describes {name[:80]!r} with a negative or huge number")
    if not start <= end <= len(body) or end - start != math.prod(shape) * dtype.itemsize:
        raise CheckpointError(
            f"places {name[:80]!r} at bytes {start} to {end} of {len(body)}, which does not hold "
            f"{kind} of shape {shape}"
        )
    array = np.frombuffer(body[start:end], dtype).reshape(shape)
    return start, end, widen_bfloat16(array) if kind == "BF16" else array


def read_safetensors(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read a file.

    Parameters
    ----------
    data
        Its bytes.

    Returns
    -------
    tensors : dict
        Name to array; bfloat16 becomes float32, other types stay.
    metadata : dict
        Text to text.

    Raises
    ------
    CheckpointError
        When the file is damaged or violates the format.
    """
    header, begin = _parse_header(data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(type(v) is str for v in metadata.values()):
        raise CheckpointError("has metadata that is not a map of text to text")
    body = memoryview(data)[begin:]
    tensors, spans = {}, []
    for name, entry in header.items():
        start, end, tensors[name] = _tensor(name, entry, body)
        spans.append((start, end, name))
    position = 0
    for start, end, name in sorted(spans):
        if start != position:
            raise CheckpointError(f"has overlapping or unused bytes before {name[:80]!r}")
        position = end
    if position != len(body):
        raise CheckpointError(f"has {len(body) - position} bytes that belong to no tensor")
    return tensors, metadata


def write_safetensors(
    path: Path | str,
    weights: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    dtype: DTypeLike = np.float16,
) -> None:
    """Write a file; if the process is killed, the old file or the new one is there, whole.

    The same weights and metadata give the same bytes.

    Parameters
    ----------
    path
        The file.
    weights
        Name to array.
    metadata
        Text to text.
    dtype
        float16 or float32.

    Raises
    ------
    CheckpointError
        For another dtype, and when a value does not fit in it.
    """
    kind = _WRITES.get(np.dtype(dtype))
    if kind is None:
        raise CheckpointError(f"cannot write {np.dtype(dtype)}: choose float16 or float32")
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    parts, position = [], 0
    for name in sorted(weights):
        with np.errstate(over="ignore"):
            array = np.asarray(weights[name]).astype(np.dtype(dtype).newbyteorder("<"))
        if not np.isfinite(array).all():
            raise CheckpointError(f"cannot write {name!r} as {np.dtype(dtype)}: a value overflows")
        parts.append(array.tobytes())
        end = position + len(parts[-1])
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (position, end)}
        position = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join((len(text).to_bytes(8, "little"), text, *parts))
    with Outputs() as outputs:
        outputs.write(Path(path), data, None)
