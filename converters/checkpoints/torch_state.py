"""Which of the tensors in a PyTorch checkpoint are the network's: the state dict, by name.

Modules that were pickled whole, with torch.save(model), give theirs as `Module.state_dict` does
(torch/nn/modules/module.py): parameters and persistent buffers, names joined by dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.checkpoints.pickle_objects import contents, is_module, listed
from edge_edet.converters.checkpoints.torch_tensors import TensorRef
from edge_edet.errors import CheckpointError

__all__ = ["StateDict", "find_state_dict"]

# Where training scripts put the weights; averaged ones first, they are what is evaluated.
AVERAGED = (
    "state_dict_ema", "model_ema", "ema", "ema_state_dict", "ema_model", "model_ema_state_dict",
)  # fmt: skip
USUAL = (
    "state_dict", "model_state_dict", "model", "net", "network", "module", "model_state", "weights",
    "params", "detector",
)  # fmt: skip
_MAX_NESTING = 4
_MAX_TENSORS = 50_000  # D7x has 2,200
_MAX_DEPTH = 64  # of modules in modules; effdet's have 8
Tensors = dict[str, TensorRef]


@dataclass(frozen=True)
class StateDict:
    """The tensors by name; keys: where in the file they are; notes: sentences on what was passed over."""

    tensors: Tensors
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_state_dict(value: Any) -> StateDict:
    """The name -> tensor dictionary in what a pickle holds, looking into the usual wrappers.

    Raises CheckpointError where there is none.
    """
    found = _find(value, ())
    if found is None:
        raise CheckpointError(
            "holds no tensors by name: expected a state dict, a pickled model, or one of them under "
            f"{', '.join(AVERAGED + USUAL)}"
        )
    return found


def _find(value: Any, keys: tuple[str, ...]) -> StateDict | None:
    held = contents(value)
    if held is None or len(keys) > _MAX_NESTING:
        return None
    if is_module(held):
        return StateDict(_module_state(held), keys)
    given = {key: held[key] for key in AVERAGED + USUAL if contents(held.get(key))}
    found = {key: inner for key in given if (inner := _find(given[key], (*keys, key)))}
    if found:
        first, *rest = found
        return _with_notes(found[first], [*rest, *(key for key in AVERAGED if key in given)], first)
    tensors = {k: v for k, v in held.items() if isinstance(v, TensorRef) and type(k) is str}
    return StateDict(tensors, keys) if tensors else None


def _with_notes(found: StateDict, others: list[str], first: str) -> StateDict:
    """Says where there are averaged weights as well as others, and which are read."""
    others = [key for key in dict.fromkeys(others) if key != first]
    if not others or not {first, *others} & set(AVERAGED):
        return found
    note = f"its weights are those under {first}, not those under {', '.join(others)}"
    return StateDict(found.tensors, found.keys, (*found.notes, note))


def _module_state(top: Mapping[Any, Any]) -> Tensors:
    state: Tensors = {}
    waiting: list[tuple[str, Mapping[Any, Any], int]] = [("", top, 0)]
    visited = 0
    while waiting:
        prefix, held, depth = waiting.pop()
        visited += 1
        if depth > _MAX_DEPTH or visited > _MAX_TENSORS or len(state) > _MAX_TENSORS:
            raise CheckpointError(
                f"is a pickled model of more than {_MAX_TENSORS} modules or tensors, or of modules "
                f"nested more than {_MAX_DEPTH} deep"
            )
        left_out = listed(held.get("_non_persistent_buffers_set")) or []
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
