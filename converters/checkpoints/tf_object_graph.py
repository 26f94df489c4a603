"""The object graph of a TF2 checkpoint: which variable, by its own name, each key stands for.

Keys such as `fpn_cells/cells/0/...` follow Python attributes, which differ between versions of
the training code; the variables' names do not. Message: tensorflow/core/protobuf/
trackable_object_graph.proto.
"""

from __future__ import annotations

from edge_edet.converters.checkpoints.protobuf import fields
from edge_edet.errors import CheckpointError

__all__ = ["OBJECT_GRAPH", "variable_names"]

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SLOT = "/.OPTIMIZER_SLOT/"
_TRAINING = ("optimizer/", "keras_api/metrics/", "save_counter/")


def variable_names(graph: bytes) -> dict[str, str]:
    """Checkpoint key -> the variable's name, optimizer slots and training state left out."""
    names: dict[str, str] = {}
    for field, node in fields(graph):
        if field != 1 or not isinstance(node, bytes):
            continue
        for attribute_field, attribute in fields(node):
            if attribute_field != 2 or not isinstance(attribute, bytes):
                continue
            parts = {
                f: v.decode(errors="replace") for f, v in fields(attribute) if type(v) is bytes
            }
            full_name, key = parts.get(2, ""), parts.get(3, "")
            if full_name and _SLOT not in key and not key.startswith(_TRAINING):
                names[key] = full_name
    if len(set(names.values())) != len(names):
        raise CheckpointError("names two variables alike: save one model alone")
    return names
