"""What a rule of a target can look at in a model file.

Each need compares the facts of a file with the value of the rule, and says in words what it found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge_edet.devices.targets.facts import ModelFacts
from edge_edet.foreign import MODEL_MAKER
from edge_edet.formats import TensorInfo

__all__ = ["NEEDS", "Found", "Need"]

MOST_NAMED = 6  # operators in one message


class Found(NamedTuple):
    """What a need found in a file: whether the rule is kept (None: the file cannot show it), and in words."""

    kept: bool | None
    text: str


@dataclass(frozen=True)
class Need:
    """Something to look at; value: in words, what a rule compares it with."""

    value: str
    takes: Callable[[Any], bool]
    look: Callable[[ModelFacts, Any], Found]


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _sides(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)


def _true(value: Any) -> bool:
    return value is True


def _size(value: Any) -> bool:
    return type(value) is int and value > 0


def _format(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    return Found(facts.format in wanted, f"a {facts.format} file")


def _dtypes(kind: str, tensors: Sequence[TensorInfo], wanted: Sequence[str]) -> Found:
    wrong = [tensor for tensor in tensors if tensor.dtype not in wanted]
    if wrong:
        return Found(False, f"{wrong[0].dtype} {kind} {wrong[0].name!r}")
    return Found(True, f"{', '.join(sorted({t.dtype for t in tensors}))} {kind}s")


def _input_dtypes(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    return _dtypes("input", facts.inputs, wanted)


def _output_dtypes(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    return _dtypes("output", facts.outputs, wanted)


def _input_nhwc(facts: ModelFacts, wanted: bool) -> Found:
    shapes = [tensor.free_shape for tensor in facts.inputs]
    kept = (
        len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][0] in (1, -1) and shapes[0][3] == 3
    )
    return Found(kept, f"input {' and '.join(str(list(shape)) for shape in shapes)}")


def _fixed_shapes(facts: ModelFacts, wanted: bool) -> Found:
    free = [t for t in (*facts.inputs, *facts.outputs) if -1 in t.free_shape]
    if free:
        return Found(False, f"{free[0].name!r} of free shape {list(free[0].free_shape)}")
    return Found(True, "all shapes of inputs and outputs are fixed")


def _named(facts: ModelFacts) -> str:
    pairs = zip(facts.roles, facts.outputs, strict=True)
    return ", ".join(role or f"{tensor.name!r} (unknown)" for role, tensor in pairs)


def _outputs(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    kept = list(facts.roles) == list(wanted)
    order = " (the order of Model Maker's files)" if facts.roles == MODEL_MAKER else ""
    return Found(kept, f"outputs by index: {_named(facts)}{order}")


def _output_set(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    kept = len(facts.roles) == len(wanted) and set(facts.roles) == set(wanted)
    return Found(kept, f"outputs {_named(facts)}")


def _output_shape(facts: ModelFacts, wanted: Sequence[int]) -> Found:
    shapes = [tensor.free_shape for tensor in facts.outputs]
    kept = len(shapes) == 1 and len(shapes[0]) == len(wanted)
    kept = kept and all(w in (-1, side) for side, w in zip(shapes[0], wanted, strict=True))
    listed = " and ".join(str(list(shape)) for shape in shapes[:4])
    return Found(kept, f"{len(shapes)} output{'s' if len(shapes) > 1 else ''} {listed}")


def _listed(names: Sequence[str]) -> str:
    counts = Counter(names).most_common()
    more = f" and {len(counts) - MOST_NAMED} more kinds" if len(counts) > MOST_NAMED else ""
    return ", ".join(f"{count} {name}" for name, count in counts[:MOST_NAMED]) + more


def _operators(facts: ModelFacts, known: Sequence[str]) -> Found:
    others = [name for name in facts.operators if name not in known]
    total = len(facts.operators)
    if not others:
        return Found(True, f"all {total} operators are in the table")
    first = next(i for i, name in enumerate(facts.operators) if name not in known)
    return Found(
        False,
        f"{total - first} of {total} operators on the CPU: {facts.operators[first]}, number "
        f"{first + 1}, is not in the table, and it cuts the graph; in all {_listed(others)}",
    )


def _without(facts: ModelFacts, unknown: Sequence[str]) -> Found:
    found = [name for name in facts.operators if name in unknown]
    if found:
        return Found(False, f"operator {found[0]}")
    return Found(True, f"no {' or '.join(unknown)}")


def _contains(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    missing = [name for name in wanted if name not in facts.operators]
    if missing:
        return Found(False, f"no operator {missing[0]} among {len(facts.operators)}")
    return Found(True, f"operator {', '.join(wanted)}")


def _integer(facts: ModelFacts, wanted: bool) -> Found:
    places, total = facts.float_operators, len(facts.operators)
    if places is None:
        return Found(None, f"a {facts.format} file does not show it by operator")
    if places:
        return Found(False, f"{len(places)} of {total} operators compute in float")
    return Found(True, f"all {total} operators are integer")


def _integer_before(facts: ModelFacts, ends: Sequence[str]) -> Found:
    places, names = facts.float_operators, facts.operators
    if places is None:
        return Found(None, f"a {facts.format} file does not show it by operator")
    end = next((i for i, name in enumerate(names) if name in ends), len(names))
    count = sum(place < end for place in places)
    before = f" before {names[end]}" if end < len(names) else ""
    if count:
        return Found(False, f"{count} of {end} operators{before} compute in float")
    return Found(True, f"all {end} operators{before} are integer")


def _per_tensor(facts: ModelFacts, wanted: bool) -> Found:
    if facts.channel_weights is None:
        return Found(None, f"a {facts.format} file does not show it by tensor")
    if facts.channel_weights:
        return Found(False, f"{facts.channel_weights} weights with a scale for each channel")
    return Found(True, "no weights with a scale for each channel")


def _metadata(facts: ModelFacts, wanted: Sequence[str]) -> Found:
    missing = [key for key in wanted if key not in facts.metadata]
    if missing:
        return Found(False, f"no {', '.join(missing)} in the file")
    return Found(True, f"{', '.join(wanted)} in the file")


def _most_bytes(facts: ModelFacts, most: int) -> Found:
    return Found(facts.size_bytes <= most, f"{facts.size_bytes / 1e6:.1f} MB")


def _stated(facts: ModelFacts, wanted: bool) -> Found:
    return Found(None, "not in the file")


NEEDS = {
    "format": Need("a list of suffixes", _texts, _format),
    "input-dtypes": Need("a list of types", _texts, _input_dtypes),
    "input-nhwc": Need("true", _true, _input_nhwc),
    "fixed-shapes": Need("true", _true, _fixed_shapes),
    "outputs-by-index": Need("a list of roles", _texts, _outputs),
    "outputs-any-order": Need("a list of roles", _texts, _output_set),
    "output-shape": Need("a list of integers, -1 for any", _sides, _output_shape),
    "output-dtypes": Need("a list of types", _texts, _output_dtypes),
    "operators": Need("a list of operators", _texts, _operators),
    "no-operators": Need("a list of operators", _texts, _without),
    "has-operators": Need("a list of operators", _texts, _contains),
    "integer": Need("true", _true, _integer),
    "integer-before": Need("a list of operators", _texts, _integer_before),
    "per-tensor": Need("true", _true, _per_tensor),
    "metadata": Need("a list of keys", _texts, _metadata),
    "most-bytes": Need("a number of bytes", _size, _most_bytes),
    "stated": Need("true", _true, _stated),
}
