"""Rules of what takes values as they are to another place or shape."""

from __future__ import annotations

from edge_edet.formats.tflite.check.call import Call, agree, broadcast, spelled

__all__ = ["RULES"]


def reshape(call: Call) -> None:
    asked = call.optional(1)
    wanted = asked.integers() if asked else None
    if wanted is None and asked is None and call.options is not None:
        wanted = call.options.integers(0)
    count, output = call.given(0).count, call.outputs[0]
    if wanted is not None:
        if sum(n == -1 for n in wanted) > 1 or any(n < -1 for n in wanted):
            call.fail(f"its shape is {list(wanted[:8])}, expected sizes and at most one -1")
        rank = output.shape is not None and len(output.shape) == len(wanted)
        if rank:
            call.result(wanted)
    if count is not None and output.count is not None and count != output.count:
        call.fail(
            f"its input {spelled(call.given(0).shape)} has {count} values, its output "
            f"{spelled(output.shape)} {output.count}"
        )


def squeeze(call: Call) -> None:
    shape = call.given(0).shape
    if shape is None:
        return
    dims = call.options.integers(0) if call.options else ()
    gone = {call.axis(value, len(shape)) for value in dims}
    if any(shape[i] not in (1, -1) for i in gone):
        call.input_fails(0, f"1 along {sorted(gone)}")
    if gone or -1 not in shape:
        call.result(n for i, n in enumerate(shape) if (i not in gone if gone else n != 1))


def expand_dims(call: Call) -> None:
    shape, axis = call.given(0).shape, call.single(1, "axis")
    if shape is not None and axis is not None:
        place = call.axis(axis, len(shape) + 1)
        call.result((*shape[:place], 1, *shape[place:]))


def transpose(call: Call) -> None:
    shape, order = call.given(0).shape, call.given(1).integers()
    if shape is None or order is None:
        return
    places = [call.axis(value, len(shape)) for value in order]
    if sorted(places) != list(range(len(shape))):
        call.fail(f"its order is {list(order)}, expected each of {len(shape)} dimensions once")
    call.result(shape[i] for i in places)


def tile(call: Call) -> None:
    shape, times = call.given(0).shape, call.given(1).integers()
    if shape is None or times is None:
        return
    if len(times) != len(shape) or any(n < 0 for n in times):
        call.fail(f"it repeats {list(times[:8])} times, its input has {len(shape)} dimensions")
    call.result(n * m if n >= 0 else -1 for n, m in zip(shape, times, strict=True))


def broadcast_to(call: Call) -> None:
    shape, wanted = call.given(0).shape, call.given(1).integers()
    if shape is None or wanted is None:
        return
    if any(n < 0 for n in wanted) or broadcast((shape, wanted)) not in (wanted, None):
        call.fail(f"its shape is {list(wanted[:8])}, its input {spelled(shape)}")
    if broadcast((shape, wanted)) is None:
        call.input_fails(0, f"what becomes {list(wanted[:8])}")
    call.result(wanted)


def fill(call: Call) -> None:
    wanted = call.given(0).integers()
    if wanted is not None:
        if any(n < 0 for n in wanted):
            call.fail(f"its shape is {list(wanted[:8])}")
        call.result(wanted)


def gather(call: Call) -> None:
    shape, places = call.given(0).shape, call.given(1)
    if shape is None or places.shape is None:
        return
    axis = call.axis(call.option(0), len(shape))
    batch = call.option(1)
    batch += len(places.shape) if batch < 0 else 0
    if not shape or not 0 <= batch <= min(axis, len(places.shape)):
        call.fail(f"its axis is {axis} and its batch dimensions {batch}, of {spelled(shape)}")
    if not agree(shape[:batch], places.shape[:batch]):
        call.input_fails(1, f"{spelled(shape[:batch])} first")
    values = places.integers()
    if values and shape[axis] >= 0 and not (min(values) >= 0 and max(values) < shape[axis]):
        call.fail(f"it takes places {min(values)} to {max(values)} of {shape[axis]}")
    call.result((*shape[:axis], *places.shape[batch:], *shape[axis + 1 :]))


def gather_nd(call: Call) -> None:
    shape, places = call.given(0).shape, call.given(1).shape
    if shape is None or places is None:
        return
    if not places:
        call.input_fails(1, "one dimension or more")
    depth = places[-1]
    if depth > len(shape):
        call.input_fails(1, f"at most {len(shape)} last")
    if depth >= 0:
        call.result((*places[:-1], *shape[depth:]))


def one_hot(call: Call) -> None:
    shape, depth = call.given(0).shape, call.single(1, "depth")
    for position in (2, 3):
        if call.given(position).count not in (1, None):
            call.input_fails(position, "one value")
    if depth is not None and depth < 0:
        call.fail(f"its depth is {depth}")
    if shape is None:
        return
    axis = call.option(0)
    axis = call.axis(axis, len(shape) + 1)
    call.result((*shape[:axis], -1 if depth is None else depth, *shape[axis:]))


def shape_of(call: Call) -> None:
    shape = call.given(0).shape
    call.result(None if shape is None else (len(shape),))


def pad(call: Call) -> None:
    shape, paddings = call.given(0).shape, call.given(1)
    if shape is None:
        return
    if not agree(paddings.shape, (len(shape), 2)):
        call.input_fails(1, f"[{len(shape)}, 2]")
    values = paddings.integers()
    if values is None:
        return
    if any(n < 0 or n > 2**20 for n in values):
        call.fail(f"its paddings are {list(values[:8])}, expected none below 0")
    pairs = list(zip(values[::2], values[1::2], strict=True))
    if call.name == "MIRROR_PAD":
        edge = call.option(0, "b") == 0  # REFLECT leaves the border out
        for n, pair in zip(shape, pairs, strict=True):
            if n >= 0 and max(pair) > n - edge:
                call.fail(f"it mirrors {max(pair)} of {n}")
    elif len(call.inputs) == 3 and call.given(2).count not in (1, None):
        call.input_fails(2, "one value")
    call.result(n + sum(pair) if n >= 0 else -1 for n, pair in zip(shape, pairs, strict=True))


RULES = {
    "reshape": reshape,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "transpose": transpose,
    "tile": tile,
    "broadcast_to": broadcast_to,
    "fill": fill,
    "gather": gather,
    "gather_nd": gather_nd,
    "one_hot": one_hot,
    "shape": shape_of,
    "pad": pad,
}
