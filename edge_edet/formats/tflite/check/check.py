"""Holds the graphs of a `.tflite` to what its operators are, before a runtime runs them.

The rules for all: a tensor is written once, before it is read, and never where the file stores it;
integers stand for something plausible; no tensor is larger than memory. Beyond these an operator is
held to its row of kinds.py; one without a row is judged by these rules alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from edge_edet.errors import ModelFileError
from edge_edet.formats.flatbuffer import Table
from edge_edet.formats.tflite.check import elementwise, flow, layers, moving, parts, suppression
from edge_edet.formats.tflite.check.call import Call, Operand
from edge_edet.formats.tflite.check.operators import Kind, Slot, kind_of
from edge_edet.formats.tflite.schema import ITEM_BITS

__all__ = ["GraphParts", "OperatorParts", "check_graphs"]

MOST_TENSOR_BYTES = 2**31
SCALES = (1e-30, 1e30)  # of whatever is stored or computed
COMPUTED_SCALES = (1e-12, 1e12)  # a step of 8 or 16 bits that is computed with
ZERO_POINTS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-(2**15), 2**15 - 1),
    "int4": (-8, 7),
    "int32": (-(2**31), 2**31 - 1),
}
STEPPED = ("int8", "uint8", "int16")
RULES = {
    **elementwise.RULES,
    **moving.RULES,
    **parts.RULES,
    **layers.RULES,
    **suppression.RULES,
    **flow.RULES,
}
# Operators whose options are in the schema's second union, which is not read, or that no file has.
NOT_READ = (
    "STABLEHLO_",
    "DILATE",
    "REDUCE_WINDOW",
    "DELEGATE",
    "PLACEHOLDER_",
    "CALL_",
    "CONCAT_EMBEDDINGS",
)


@dataclass
class OperatorParts:
    """An operator as it is in the file. inputs: -1 for one that is left out.

    Attributes
    ----------
    index
        Place in the graph.
    name
        Builtin name, or the custom operator's own.
    is_custom
        Whether it is no builtin operator.
    inputs
        Tensor indexes; -1 for one that is left out.
    outputs
        Tensor indexes.
    options
        Its table of options; None: it has none.
    options_kind
        Of the union BuiltinOptions.
    custom
        The options of a custom operator.
    version
        Of the operator.
    """

    index: int
    name: str
    is_custom: bool
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Table | None
    options_kind: int  # of the union BuiltinOptions
    custom: bytes
    version: int


@dataclass
class GraphParts:
    """variables: tensors that keep their values from run to run.

    Attributes
    ----------
    tensors
        All of the graph, by index.
    variables
        Tensors that keep their values from run to run.
    operators
        In the order of execution.
    inputs
        Tensor indexes.
    outputs
        Tensor indexes.
    """

    tensors: Sequence[Operand]
    variables: frozenset[int]
    operators: Sequence[OperatorParts]
    inputs: Sequence[int]
    outputs: Sequence[int]


def check_graphs(file: str, graphs: Sequence[GraphParts]) -> None:
    """Raise ModelFileError at the first thing that could make a runtime crash.

    file: how messages name it.

    Parameters
    ----------
    file
        How messages name the file.
    graphs
        All graphs of it, the main one first.

    Raises
    ------
    ModelFileError
        At the first thing that could make a runtime crash.
    """
    counts = [(len(graph.inputs), len(graph.outputs)) for graph in graphs]
    for graph in graphs:
        for number, tensor in enumerate(graph.tensors):
            _check_tensor(f"{file}: tensor {number}", tensor)
        there = _check_order(file, graph)
        for operator in graph.operators:
            _check_operator(file, graph, operator, counts)
        for number in graph.outputs:
            if number not in there:
                _fail(file, f"output {graph.tensors[number].name!r} is written by nothing")
    _check_branches(file, graphs)


def _fail(place: str, reason: str) -> None:
    raise ModelFileError(f"{place}: {reason}; copy the file again, or convert it again")


# --- tensors -------------------------------------------------------------------------------------


def _check_tensor(place: str, tensor: Operand) -> None:
    count = math.prod(abs(n) for n in tensor.shape) if tensor.shape is not None else 0
    size = count * ITEM_BITS.get(tensor.dtype, 64) // 8
    if size > MOST_TENSOR_BYTES:
        _fail(place, f"{tensor.name!r} takes {size} bytes, at most {MOST_TENSOR_BYTES} are taken")
    if tensor.dtype == "string" and tensor.stored is not None:
        _check_strings(place, tensor.stored)
    if tensor.dtype not in ZERO_POINTS or not tensor.scales:
        return
    least, most = SCALES if tensor.stored is not None else COMPUTED_SCALES
    if tensor.dtype not in STEPPED:
        least, most = SCALES
    low, high = min(tensor.scales), max(tensor.scales)
    if (low < least and not (low == 0 and tensor.stored is not None)) or not high <= most:
        _fail(
            place,
            f"{tensor.name!r} has a scale of {low if low < least else high:g}, expected "
            f"{least:g} to {most:g}",
        )
    first, last = ZERO_POINTS[tensor.dtype]
    if tensor.zero_points and not (
        first <= min(tensor.zero_points) and max(tensor.zero_points) <= last
    ):
        _fail(
            place,
            f"{tensor.name!r} of {tensor.dtype} has a zero point of "
            f"{max(tensor.zero_points, key=abs)}, expected {first} to {last}",
        )


def _check_strings(place: str, stored: memoryview) -> None:
    """Their number, the offset of each and of their end, then their bytes."""
    count = struct.unpack_from("<i", stored)[0] if len(stored) >= 4 else -1
    if count < 0 or 4 * (count + 2) > len(stored):
        _fail(place, f"its {count} texts do not fit into {len(stored)} bytes")
    offsets = struct.unpack_from(f"<{count + 1}i", stored, 4)
    if sorted(offsets) != list(offsets) or not 4 * (count + 2) <= offsets[0] <= offsets[-1] <= len(
        stored
    ):
        _fail(place, "its texts do not lie one after the other")


# --- order ---------------------------------------------------------------------------------------


def _check_order(file: str, graph: GraphParts) -> set[int]:
    """Every tensor is there when it is read, and written once. Returns those there at the end."""
    there = set(graph.inputs) | graph.variables
    if len(set(graph.inputs)) != len(graph.inputs):
        _fail(file, "a tensor is an input twice")
    constant = {i for i, t in enumerate(graph.tensors) if t.stored is not None or t.count == 0}
    for number in graph.inputs:
        if graph.tensors[number].stored is not None:
            _fail(file, f"input {graph.tensors[number].name!r} is stored in the file")
    there |= constant
    written = set(graph.inputs) | {i for i in constant if graph.tensors[i].stored is not None}
    for operator in graph.operators:
        place = f"{file}: operator {operator.index} ({operator.name})"
        for number in operator.inputs:
            if number >= 0 and number not in there:
                _fail(place, f"it reads {graph.tensors[number].name!r}, which nothing has written")
        for number in operator.outputs:
            if number in written:
                _fail(place, f"it writes {graph.tensors[number].name!r}, which is there already")
            written.add(number)
            there.add(number)
    return there


def _check_branches(file: str, graphs: Sequence[GraphParts]) -> None:
    """No graph runs itself, by others or at once."""
    runs = [
        {
            operator.options.integer(field, "i")
            for operator in graph.operators
            if operator.name in ("IF", "WHILE", "CALL_ONCE") and operator.options
            for field in ((0,) if operator.name == "CALL_ONCE" else (0, 1))
        }
        for graph in graphs
    ]
    left = set(range(len(graphs)))
    while left:
        ready = {number for number in left if not runs[number] & left}
        if not ready:
            _fail(file, f"its graphs {sorted(left)[:4]} run each other in a circle")
        left -= ready


# --- operators -----------------------------------------------------------------------------------


def _check_operator(
    file: str, graph: GraphParts, operator: OperatorParts, counts: Sequence[tuple[int, int]]
) -> None:
    kind = kind_of(operator.name)
    place = f"{file}: operator {operator.index} ({operator.name})"
    if kind is None:
        if not operator.is_custom and operator.name.startswith(NOT_READ):
            _fail(place, "such operators are not supported")
        return
    call = Call(
        place=place,
        name=operator.name,
        inputs=[graph.tensors[i] if i >= 0 else None for i in operator.inputs],
        outputs=[graph.tensors[i] for i in operator.outputs],
        options=operator.options,
        custom=operator.custom,
        graphs=counts,
    )
    _check_options(call, kind, operator)
    own: list[Operand] = []
    _check_operands(call, "input", kind, kind.inputs, call.inputs, own)
    _check_operands(call, "output", kind, kind.outputs, call.outputs, own)
    _check_own_type(call, kind, own)
    if kind.rule is not None:
        RULES[kind.rule](call)


def _check_options(call: Call, kind: Kind, operator: OperatorParts) -> None:
    given = operator.options_kind
    if given and given != kind.options and not operator.is_custom:
        call.fail(f"its options are of kind {given}, expected {kind.options or 'none'}")
    if bool(given) != (operator.options is not None):
        call.fail("its options are half there")
    if kind.options_needed and operator.options is None:
        call.fail("it has no options")


def _check_operands(
    call: Call,
    what: str,
    kind: Kind,
    slots: tuple[Slot, ...],
    given: Sequence[Operand | None],
    own: list[Operand],
) -> None:
    least, most = kind.takes(slots)
    if not least <= len(given) <= most:
        expected = (
            f"{least}"
            if least == most
            else f"{least} to {most}"
            if most < 2**31
            else (f"{least} or more")
        )
        call.fail(f"it has {len(given)} {what}s, expected {expected}")
    for position, operand in enumerate(given):
        slot = slots[min(position, len(slots) - 1)]
        if operand is None:
            if not slot.optional:
                call.fail(f"its {what} {slot.name!r} is left out")
            continue
        if slot.types is None:
            own.append(operand)
        elif slot.types and operand.dtype not in slot.types:
            call.fail(
                f"its {what} {operand.name!r} is {operand.dtype}, expected {' or '.join(slot.types)}"
            )
        if slot.rank is not None and operand.shape is not None and len(operand.shape) != slot.rank:
            call.fail(
                f"its {what} {operand.name!r} has {len(operand.shape)} dimensions, expected "
                f"{slot.rank}"
            )
        if slot.stored and operand.stored is None:
            call.fail(f"its {what} {operand.name!r} is computed, expected one that is stored")


def _check_own_type(call: Call, kind: Kind, own: Sequence[Operand]) -> None:
    """Check that operands without types of their own have one type, and quantization if needed."""
    if not own:
        return
    dtype = own[0].dtype
    if kind.types and dtype not in kind.types:
        call.fail(f"{own[0].name!r} is {dtype}, expected {' or '.join(kind.types)}")
    for operand in own:
        if operand.dtype != dtype:
            call.fail(f"{operand.name!r} is {operand.dtype}, but {own[0].name!r} {dtype}")
    if kind.scaled and dtype in STEPPED:
        plain = dtype == "int16" and not any(operand.scales for operand in own)
        for operand in own:
            if not plain and (len(operand.scales) != 1 or not operand.scales[0]):
                call.fail(
                    f"{operand.name!r} of {dtype} has {len(operand.scales)} scales, expected one "
                    "above 0"
                )
