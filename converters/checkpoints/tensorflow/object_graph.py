"""Read the object graph of a TF2 checkpoint, which says which variable each key stands for.

Keys such as `fpn_cells/cells/0/...` follow Python attributes, which differ between versions of
the training code; the variables' names do not. Message: tensorflow/core/protobuf/
trackable_object_graph.proto.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, deque

from edge_edet.converters.checkpoints.tensorflow.protobuf import fields
from edge_edet.errors import CheckpointError

__all__ = ["OBJECT_GRAPH", "paths_below", "variable_names"]

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE = "VARIABLE_VALUE"
_MAX_EDGES = 1_000_000  # D7 with its optimizer has some 30,000
_SLOT = "/.OPTIMIZER_SLOT/"
_TRAINING = ("optimizer/", "keras_api/metrics/", "save_counter/")


def variable_names(graph: bytes) -> dict[str, str]:
    """Map checkpoint keys to the names of variables, without optimizer slots and training state.

    Parameters
    ----------
    graph
        The bytes of a TrackableObjectGraph.

    Raises
    ------
    CheckpointError
        When two variables have one name.
    """
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
    counts = Counter(names.values())
    if any(count > 1 and "/" in name for name, count in counts.items()):
        raise CheckpointError("names two variables alike: save only one model")
    # Variables without a name are all "Variable": counters beside the model, which keep their keys.
    return {key: name if counts[name] == 1 else key for key, name in names.items()}


@dataclasses.dataclass
class _Object:
    """A node: its children by attribute, the key of its value, and (variable, slot's name, value)."""

    children: dict[str, int] = dataclasses.field(default_factory=dict)
    key: str | None = None
    slots: list[tuple[int, str, int]] = dataclasses.field(default_factory=list)


def paths_below(graph: bytes, attributes: frozenset[str], slot: str) -> dict[str, str] | None:
    """Map checkpoint keys to the paths of variables below one object.

    A key is the shortest path from the root, so it may lead through another owner of the same
    variable, such as an optimizer that averages; the path below the object does not.

    Parameters
    ----------
    graph
        The bytes of a TrackableObjectGraph.
    attributes
        The object is the one that has all of these.
    slot
        The name of an optimizer's slot, whose values become `PATH/SLOT`.

    Returns
    -------
    dict or None
        None: no object has these attributes.

    Raises
    ------
    CheckpointError
        When several objects have them, or the graph is damaged.
    """
    objects = _objects(graph)
    owners = [index for index, node in enumerate(objects) if attributes <= set(node.children)]
    if len(owners) != 1:
        if owners:
            raise CheckpointError("holds several models: save only one of them")
        return None
    paths = {owners[0]: ""}
    queue = deque(owners)
    while queue:
        index = queue.popleft()
        for name, child in objects[index].children.items():
            if child not in paths:
                paths[child] = f"{paths[index]}/{name}" if paths[index] else name
                queue.append(child)
    found = {key: path for index, path in paths.items() if (key := objects[index].key)}
    for node in objects:
        for variable, name, value in node.slots:
            key = objects[value].key
            if name == slot and variable in paths and key:
                found[key] = f"{paths[variable]}/{slot}"
    return found


def _objects(graph: bytes) -> list[_Object]:
    """Read children, attributes and slot_variables of each node of a TrackableObjectGraph."""
    objects = []
    edges = 0
    for number, node in fields(graph):
        if number != 1 or not isinstance(node, bytes):
            continue
        found = _Object()
        for part, value in fields(node):
            if not isinstance(value, bytes):
                continue
            said = dict(fields(value))
            edges += 1
            name = said.get(2, b"")
            text = name.decode(errors="replace") if isinstance(name, bytes) else ""
            if part == 1:
                found.children[text] = _index(said.get(1, 0))
            elif part == 2 and said.get(1) == VALUE.encode():
                key = said.get(3, b"")
                found.key = key.decode(errors="replace") if isinstance(key, bytes) else None
            elif part == 3:
                found.slots.append((_index(said.get(1, 0)), text, _index(said.get(3, 0))))
        if edges > _MAX_EDGES:
            raise CheckpointError(f"has an object graph of more than {_MAX_EDGES} edges")
        objects.append(found)
    last = len(objects)
    for each in objects:
        slots = [end for variable, _, value in each.slots for end in (variable, value)]
        ends = [*each.children.values(), *slots]
        if any(end >= last for end in ends):
            raise CheckpointError(
                "is damaged: its object graph names an object that does not exist"
            )
    return objects


def _index(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise CheckpointError("is damaged: a reference of its object graph is not a number")
    return value
