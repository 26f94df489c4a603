"""Rules of what is computed value by value, and along an axis.

A rule takes a Call whose operands are as many, and of the types and ranks, that kinds.py says, and
fails where they do not go together. What is known at run time only agrees with everything.
"""

from __future__ import annotations

from edge_edet.formats.tflite.check.call import Call, agree, broadcast, spelled

__all__ = ["RULES"]


def same(call: Call) -> None:
    call.result(call.given(0).shape)


def alike(call: Call) -> None:
    for position in range(len(call.inputs)):
        if not agree(call.given(position).shape, call.given(0).shape):
            call.input_fails(position, spelled(call.given(0).shape))
    same(call)


def broadcast_all(call: Call) -> None:
    shapes = [call.given(i).shape for i in range(len(call.inputs))]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return
    expected = broadcast(known)
    if expected is None:
        call.fail(f"its inputs are {' and '.join(map(spelled, known))}: they do not fit")
    call.result(expected)


# Bits that integers are shifted up by before they are added or squared, as the kernels do it.
ADDING = {"int8": 20, "uint8": 20, "int16": 15}
SQUARING = 14


def add(call: Call) -> None:
    """Integers are brought to one scale, twice the larger one, and must fit into the output's."""
    broadcast_all(call)
    scales = [x.scales[0] for x in call.inputs if x is not None and len(x.scales) == 1]
    output = call.outputs[0]
    if output.dtype not in ADDING or len(scales) != 2 or not output.scales:
        return
    both, bits = 2 * max(scales), ADDING[output.dtype]
    if call.name == "SQUARED_DIFFERENCE":
        both, bits = both**2, SQUARING
    call.multiplier(both / output.scales[0], 2.0**bits)


def compare(call: Call) -> None:
    broadcast_all(call)
    for position in (0, 1):
        operand = call.given(position)
        if operand.dtype not in ("int8", "uint8"):
            continue
        if len(operand.scales) != 1 or not 0 < operand.scales[0] < 1:
            call.fail(
                f"{operand.name!r} of {operand.dtype} has {len(operand.scales)} scales "
                f"{list(operand.scales[:1])}, expected one between 0 and 1"
            )


def select(call: Call) -> None:
    condition, x, y = (call.given(i).shape for i in range(3))
    if not agree(x, y):
        call.input_fails(2, spelled(x))
    rows = condition is not None and x is not None and len(condition) == 1 and len(x) >= 1
    if not agree(condition, x) and condition != () and not (rows and agree(condition, x and x[:1])):
        call.input_fails(0, spelled(x))
    call.result(x)


def leaky_relu(call: Call) -> None:
    call.number(0)
    same(call)


def softmax(call: Call) -> None:
    same(call)
    beta = call.number(0)
    if not 1e-3 <= beta <= 1e3:
        call.fail(f"its beta is {beta:g}, expected 0.001 to 1000")
    if call.given(0).shape == ():
        call.input_fails(0, "one dimension or more")


def quantize(call: Call) -> None:
    _scaled(call, call.outputs[0].name, call.outputs[0].scales)
    x = call.given(0)
    if x.dtype in ("int8", "uint8", "int16", "int32"):
        _scaled(call, x.name, x.scales)
    same(call)


def dequantize(call: Call) -> None:
    x = call.given(0)
    if x.dtype not in ("float16", "bfloat16") and not x.scales:
        call.fail(f"its input {x.name!r} of {x.dtype} has no scale")
    same(call)


def _scaled(call: Call, name: str, scales: object) -> None:
    if not isinstance(scales, tuple) or not scales:
        call.fail(f"{name!r} has no scale, which says what its integers stand for")


def reduce(call: Call) -> None:
    shape, axes = call.given(0).shape, call.given(1).integers()
    if shape is None or axes is None:
        return
    chosen = {call.axis(value, len(shape)) for value in axes}
    kept = bool(call.option(0, "b"))
    call.result((1 if i in chosen else n for i, n in enumerate(shape) if kept or i not in chosen))


def arg_best(call: Call) -> None:
    shape, axis = call.given(0).shape, call.single(1, "axis")
    if shape is None or axis is None:
        return
    place = call.axis(axis, len(shape))
    if shape[place : place + 1] in ((), (0,)):
        call.input_fails(0, "something along its axis")
    call.result(n for i, n in enumerate(shape) if i != place)


def topk(call: Call) -> None:
    shape, k = call.given(0).shape, call.single(1, "k")
    if shape == ():
        call.input_fails(0, "one dimension or more")
    if shape is None or k is None:
        return
    if k < 0 or 0 <= shape[-1] < k:
        call.fail(f"its k is {k}, of {shape[-1]} values")
    for position in (0, 1):
        call.result((*shape[:-1], k), position)


RULES = {
    "same": same,
    "alike": alike,
    "broadcast": broadcast_all,
    "add": add,
    "compare": compare,
    "select": select,
    "leaky_relu": leaky_relu,
    "softmax": softmax,
    "quantize": quantize,
    "dequantize": dequantize,
    "reduce": reduce,
    "arg_best": arg_best,
    "topk": topk,
}
