"""Find out whether an ONNX model keeps values in another file.

The runtimes open whatever file a tensor names: one beside the model, and with `..` or a link any
other. A tensor may be among a graph's initializers, in an operator's attributes, in graphs within
operators, in functions and in training graphs; all of them are searched here, before a runtime sees
the file. Source of the field numbers: onnx/onnx.proto.
"""

from __future__ import annotations

from edge_edet.errors import ModelFileError
from edge_edet.formats.protobuf import fields

__all__ = ["EXTERNAL", "find_external", "is_external"]

EXTERNAL = 1  # TensorProto.DataLocation
MAX_DEPTH = 64  # of graphs in graphs; protobuf itself reads 100 messages deep
TENSOR, LOCATION, EXTERNAL_DATA, NAME = "tensor", 14, 13, 8
# message -> field -> message
INNER = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: TENSOR, 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: TENSOR, 6: "graph", 10: TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: TENSOR, 2: TENSOR},
}


def find_external(data: memoryview, message: str = "model") -> str | None:
    """Return the name of the first tensor whose values are in another file, None if there is none.

    data: the bytes of a message of INNER.

    Parameters
    ----------
    data
        The bytes of a message.
    message
        Which message of INNER it is.

    Returns
    -------
    str | None
        The tensor's name.

    Raises
    ------
    ModelFileError
        If the bytes are damaged or nested too deeply.
    """
    pending = [(message, data, 0)]
    while pending:
        kind, part, depth = pending.pop()
        if kind == TENSOR:
            if is_external(part):
                return _name(part)
            continue
        if depth > MAX_DEPTH:
            raise ModelFileError(f"its graphs are nested more than {MAX_DEPTH} deep")
        inner = INNER[kind]
        for number, value in fields(part):
            if number in inner and not isinstance(value, int):
                pending.append((inner[number], value, depth + 1))
    return None


def is_external(tensor: memoryview) -> bool:
    """By either field: what a runtime makes of one without the other need not be known.

    An enum is an int32: protobuf takes the lower 32 bits of a longer number.
    """
    return any(
        number == EXTERNAL_DATA
        or (number == LOCATION and isinstance(value, int) and value & 0xFFFFFFFF == EXTERNAL)
        for number, value in fields(tensor)
    )


def _name(tensor: memoryview) -> str:
    names = [bytes(v) for n, v in fields(tensor) if n == NAME and not isinstance(v, int)]
    return names[-1].decode("utf-8", "replace") if names else ""
