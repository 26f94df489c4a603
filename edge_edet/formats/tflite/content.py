"""What a `.tflite` computes, apart from how it is laid out, described and labelled: for its checksum.

Covered are the tensors with their quantization, the operators with their options, the inputs, outputs
and signatures, and the stored values. Not covered are the metadata, the description, the files behind
the flatbuffer, and the order in which a writer lays out tables, so that a program that adds metadata
and rewrites the file does not change the sum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.formats.flatbuffer import Table
from edge_edet.formats.model_file import TensorInfo
from edge_edet.formats.tflite.check import GraphParts, OperatorParts

__all__ = ["Content", "content_of"]

Span = tuple[int, int]  # position, size
Vectors = Mapping[int, tuple[tuple[int, int], ...]]  # option table -> (field, size of an item)


@dataclass(frozen=True)
class Content:
    """graph: a digest of all but the stored values; weights: where these are, in order of use."""

    graph: bytes
    weights: tuple[Span, ...]

    def sha256(self, data: bytes | memoryview) -> str:
        """Compute the sum of the file's bytes."""
        digest, view = hashlib.sha256(self.graph), memoryview(data)
        for position, size in self.weights:
            digest.update(view[position : position + size])
        return digest.hexdigest()


def content_of(
    graphs: Sequence[tuple[Sequence[TensorInfo], Sequence[int], list[memoryview], GraphParts]],
    signatures: Sequence[Any],
    spans: Sequence[Span],
    vectors: Vectors,
) -> Content:
    """Digest the graphs, and list their weights in the order of their use.

    graphs: tensors, the buffer of each, their scales and zero points, and the rest; spans: of the
    buffers; vectors: the fields of option tables that are no scalars.
    """
    stored: list[memoryview] = []
    order: dict[int, int] = {}  # buffer -> when it was first named
    known: dict[Any, list[list[Any]]] = {}
    found = []
    for tensors, buffers, grids, parts in graphs:
        rows = [
            (
                t.name,
                t.dtype,
                t.shape,
                t.signature,
                len(t.scales),
                t.axis,
                order.setdefault(number, len(order)),
            )
            for t, number in zip(tensors, buffers, strict=True)
        ]
        stored += grids
        operators = [_operator(op, known, vectors) for op in parts.operators]
        found.append([rows, sorted(parts.variables), parts.inputs, parts.outputs, operators])
    sizes = [spans[number][1] for number in order]
    text = json.dumps([found, signatures, sizes], separators=(",", ":"))
    digest = hashlib.sha256(text.encode())
    digest.update(b"".join(stored))
    return Content(digest.digest(), tuple(spans[number] for number in order))


def _operator(op: OperatorParts, known: dict[Any, list[list[Any]]], vectors: Vectors) -> list[Any]:
    options: list[list[Any]] = []
    if op.options is not None and op.options_kind in vectors:
        options = _options(op.options, dict(vectors[op.options_kind]))
    elif op.options is not None:
        fields, data = op.options.inline()
        key = (fields, data[4:])  # many operators have the same
        if key not in known:
            known[key] = _options(op.options, {})
        options = known[key]
    return [op.name, op.version, op.inputs, op.outputs, op.options_kind, options, op.custom.hex()]


def _options(table: Table, vectors: Mapping[int, int]) -> list[list[Any]]:
    """Return [field, its bytes] in the form that any writer gives: up to the next field, without padding."""
    fields, data = table.inline()
    starts = sorted({offset for offset in fields if offset})
    ends = dict(zip(starts, [*starts[1:], len(data)], strict=False))
    return [
        [
            n,
            (
                bytes(table.raw(n, vectors[n]))
                if n in vectors
                else data[offset : ends[offset]].rstrip(b"\0")
            ).hex(),
        ]
        for n, offset in enumerate(fields)
        if offset
    ]
