"""Find the state dict in a PyTorch checkpoint: the tensors of the network, by name.

The state dict of a module that was pickled whole, with torch.save(model), is made as `Module.state_dict` does
(torch/nn/modules/module.py): parameters and persistent buffers, names joined by dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.checkpoints.torch.pickle_objects import (
    Opaque,
    contents,
    is_module,
    listed,
)
from edge_edet.converters.checkpoints.torch.tensors import TensorRef
from edge_edet.errors import CheckpointError

__all__ = ["StateDict", "find_state_dict"]

# Where training scripts put the weights; averaged ones first, because these are evaluated.
AVERAGED = (
    "state_dict_ema",
    "model_ema",
    "ema",
    "ema_state_dict",
    "ema_model",
    "model_ema_state_dict",
)
USUAL = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "model_state",
    "weights",
    "params",
    "detector",
)
_MAX_NESTING = 4
_MAX_ENTRIES = 500_000  # modules, parameters and buffers; D7x has some 10,000
_MAX_DEPTH = 64  # of modules in modules; effdet's have 8
_QUANTIZED = "torch._utils._rebuild_qtensor"
Tensors = dict[str, TensorRef]


@dataclass(frozen=True)
class StateDict:
    """The tensors by name, the keys under which the file has them, and notes on what was passed over."""

    tensors: Tensors
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_state_dict(value: Any) -> StateDict:
    """Find the state dict in what a pickle holds, looking into the usual wrappers.

    Raises
    ------
    CheckpointError
        When there is none, or its tensors are quantized.
    """
    found = _find(value, (), set())
    if found is None:
        raise CheckpointError(
            "holds no tensors by name: expected a state dict, a pickled model, or one of them under "
            f"{', '.join(AVERAGED + USUAL)}"
        )
    return found


def _find(value: Any, keys: tuple[str, ...], seen: set[int]) -> StateDict | None:
    held = contents(value)
    if held is None or len(keys) > _MAX_NESTING or id(held) in seen:
        return None
    seen.add(id(held))
    if is_module(held):
        return StateDict(_module_state(held), keys)
    given = {key: held[key] for key in AVERAGED + USUAL if contents(held.get(key))}
    found = {key: inner for key in given if (inner := _find(given[key], (*keys, key), seen))}
    if found:
        first, *rest = found
        return _with_notes(found[first], [*rest, *(key for key in AVERAGED if key in given)], first)
    tensors = {k: v for k, v in held.items() if isinstance(v, TensorRef) and type(k) is str}
    quantized = [k for k, v in held.items() if isinstance(v, Opaque) and v.name == _QUANTIZED]
    if quantized:
        raise CheckpointError(
            f"holds quantized tensors, first {str(quantized[0])[:80]}: give the checkpoint from before "
            "the quantization"
        )
    return StateDict(tensors, keys) if tensors else None


def _with_notes(found: StateDict, others: list[str], first: str) -> StateDict:
    """Add a note if there are averaged weights and others, saying which are read."""
    others = [key for key in dict.fromkeys(others) if key != first]
    if not others or not {first, *others} & set(AVERAGED):
        return found
    note = f"its weights are those under {first}, not those under {', '.join(others)}"
    return StateDict(found.tensors, found.keys, (*found.notes, note))


def _module_state(top: Mapping[Any, Any]) -> Tensors:
    state: Tensors = {}
    waiting: list[tuple[str, Mapping[Any, Any], int]] = [("", top, 0)]
    entries = 0
    while waiting:
        prefix, held, depth = waiting.pop()
        left_out = listed(held.get("_non_persistent_buffers_set")) or ()
        parts = (left_out, held["_parameters"], held["_buffers"], held["_modules"])
        entries += 1 + sum(map(len, parts))
        if depth > _MAX_DEPTH or entries > _MAX_ENTRIES:
            raise CheckpointError(
                f"is a pickled model of more than {_MAX_ENTRIES} modules and tensors, or of modules "
                f"nested more than {_MAX_DEPTH} deep"
            )
        dropped = {name for name in left_out if isinstance(name, str)}
        kept = {k: v for k, v in held["_buffers"].items() if k not in dropped}
        for name, tensor in [*held["_parameters"].items(), *kept.items()]:
            if isinstance(tensor, TensorRef):
                state[f"{prefix}{name}"] = tensor
        for name, child in reversed(held["_modules"].items()):
            inner = contents(child)
            if inner is not None and is_module(inner):
                waiting.append((f"{prefix}{name}.", inner, depth + 1))
    return state
