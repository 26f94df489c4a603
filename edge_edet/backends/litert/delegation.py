"""Work out what a delegate took of the graph, from the interpreter's own list of nodes.

After `allocate_tensors` the list has, behind the model's operators, one node for each partition of
the graph that a delegate took. The node does not list its operators, but they follow: all that are
between the node's inputs and its outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_edet.formats.tflite import TfliteModel

__all__ = ["Delegation", "delegation"]


@dataclass(frozen=True)
class Delegation:
    """How many operators delegates took, in how many partitions."""

    operators: int
    partitions: int


def delegation(model: TfliteModel, interpreter: Any) -> Delegation | None:
    """Count what delegates took; None where this runtime does not report its nodes."""
    try:
        nodes = interpreter._get_ops_details()  # noqa: SLF001 - the only list of nodes there is
    except (AttributeError, RuntimeError, ValueError, TypeError):
        return None
    total = len(model.operators)
    if len(nodes) < total or any(
        node["op_name"] != op.name for node, op in zip(nodes, model.operators, strict=False)
    ):
        return None
    # A graph that was delegated twice over keeps the nodes of the first time: equal outputs.
    pieces = {tuple(sorted(map(int, node["outputs"]))): node for node in nodes[total:]}
    taken: set[int] = set()
    for node in pieces.values():
        taken |= operators_between(model, map(int, node["inputs"]), map(int, node["outputs"]))
    return Delegation(len(taken), len(pieces))


def operators_between(model: TfliteModel, inputs: Any, outputs: Any) -> set[int]:
    """Indexes of the operators on the way from the input to the output tensors."""
    producer = {tensor: op.index for op in model.operators for tensor in op.outputs}
    seen, found = set(inputs), set()
    todo: list[int] = list(outputs)
    while todo:
        tensor = todo.pop()
        if tensor in seen or tensor not in producer:
            continue
        seen.add(tensor)
        operator = model.operators[producer[tensor]]
        found.add(operator.index)
        todo.extend(_runtime_inputs(operator.inputs))
    return found


def _runtime_inputs(indexes: Sequence[int]) -> list[int]:
    return [index for index in indexes if index >= 0]
