"""Rules of what puts tensors together, or takes parts of one."""

from __future__ import annotations

from edge_edet.formats.tflite.check.call import Call, Shape, agree, spelled

__all__ = ["RULES"]


def concatenate(call: Call) -> None:
    shapes = [call.given(i).shape for i in range(len(call.inputs))]
    first = shapes[0]
    if call.option(1, "b"):
        call.fail("it has an activation, which no runtime computes there")
    if first is None:
        return
    axis = call.axis(call.option(0), len(first))
    if not first:
        call.input_fails(0, "one dimension or more")
    total = 0
    for position, shape in enumerate(shapes):
        if shape is None:
            return
        if len(shape) != len(first) or not agree(_without(shape, axis), _without(first, axis)):
            call.input_fails(position, f"{spelled(first)} but for dimension {axis}")
        total = -1 if total < 0 or shape[axis] < 0 else total + shape[axis]
    call.result((*first[:axis], total, *first[axis + 1 :]))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def pack(call: Call) -> None:
    if call.option(0) != len(call.inputs):
        call.fail(f"it says {call.option(0)} inputs and has {len(call.inputs)}")
    first = call.given(0).shape
    for position in range(len(call.inputs)):
        if not agree(call.given(position).shape, first):
            call.input_fails(position, spelled(first))
    if first is not None:
        axis = call.axis(call.option(1), len(first) + 1)
        call.result((*first[:axis], len(call.inputs), *first[axis:]))


def unpack(call: Call) -> None:
    shape, count = call.given(0).shape, len(call.outputs)
    if call.option(0) != count:
        call.fail(f"it says {call.option(0)} outputs and has {count}")
    if shape is not None:
        axis = call.axis(call.option(1), len(shape))
        if shape[axis : axis + 1] not in ((count,), (-1,)):
            call.input_fails(0, f"{count} along dimension {axis}")
        for position in range(count):
            call.result(_without(shape, axis), position)


def split(call: Call) -> None:
    count, shape, axis = len(call.outputs), call.given(1).shape, call.single(0, "axis")
    if call.option(0) != count:
        call.fail(f"it says {call.option(0)} parts and has {count} outputs")
    if shape is None or axis is None:
        return
    place = call.axis(axis, len(shape))
    if not shape or (shape[place] % count and shape[place] > 0):
        call.input_fails(1, f"a multiple of {count} along dimension {place}")
    part = shape[place] // count if shape[place] >= 0 else -1
    for position in range(count):
        call.result((*shape[:place], part, *shape[place + 1 :]), position)


def split_v(call: Call) -> None:
    count, shape = len(call.outputs), call.given(0).shape
    sizes, axis = call.given(1).integers(), call.single(2, "axis")
    if call.option(0) != count:
        call.fail(f"it says {call.option(0)} parts and has {count} outputs")
    if shape is None or sizes is None or axis is None:
        return
    place = call.axis(axis, len(shape))
    rest = [n for n in sizes if n != -1]
    total = shape[place] if shape else 0
    left = total - sum(rest)
    exact = len(rest) == count and left == 0
    if len(sizes) != count or any(n < 0 for n in rest) or len(rest) < count - 1:
        call.fail(f"its sizes are {list(sizes[:8])} for {count} outputs")
    if total >= 0 and not exact and (len(rest) == count or left < 0):
        call.fail(f"its sizes {list(sizes[:8])} do not make up {total}")
    for position, size in enumerate(sizes):
        part = size if size >= 0 else (left if total >= 0 else -1)
        call.result((*shape[:place], part, *shape[place + 1 :]), position)


def slice_(call: Call) -> None:
    shape, begin, size = (
        call.given(0).shape,
        call.given(1).integers(),
        call.given(2).integers(),
    )
    if shape is None:
        return
    for what, values in (("begin", begin), ("size", size)):
        if values is not None and len(values) != len(shape):
            call.fail(f"its {what} has {len(values)} values for {len(shape)} dimensions")
    if begin is None or size is None:
        return
    expected = []
    for n, start, length in zip(shape, begin, size, strict=True):
        ends = start if length < 0 else start + length
        if start < 0 or length < -1 or 0 <= n < ends:
            call.fail(f"it takes {length} from {start} on, of {n}")
        expected.append((n - start if n >= 0 else -1) if length < 0 else length)
    call.result(expected)


def strided_slice(call: Call) -> None:
    shape = call.given(0).shape
    begin, end, strides = (call.given(i).integers() for i in (1, 2, 3))
    lengths = {call.given(i).count for i in (1, 2, 3)} - {None}
    if len(lengths) > 1:
        call.fail(f"its begin, end and strides have {sorted(x for x in lengths if x)} values")
    if strides is not None and 0 in strides:
        call.fail("its stride is 0, expected another number")
    if strides is not None and -(2**31) in strides:
        call.fail("its stride is the least of all integers")
    begins, ends, ellipsis, new, gone = (call.option(field) for field in range(5))
    if shape is None or strides is None or ellipsis or new:
        return
    if len(strides) > len(shape):
        call.fail(f"it slices {len(strides)} dimensions, its input has {len(shape)}")
    if begin is None or end is None or call.option(5, "b"):
        return
    expected = []
    for i, n in enumerate(shape):
        if i >= len(strides):
            expected.append(n)
        elif gone >> i & 1:
            if n >= 0 and not -n <= begin[i] < n:
                call.fail(f"it takes place {begin[i]} of dimension {i}, which has {n}")
        elif n < 0:
            expected.append(-1)
        else:
            start = None if begins >> i & 1 else begin[i]
            stop = None if ends >> i & 1 else end[i]
            expected.append(len(range(n)[slice(start, stop, strides[i])]))
    call.result(expected)


RULES = {
    "concatenate": concatenate,
    "pack": pack,
    "unpack": unpack,
    "split": split,
    "split_v": split_v,
    "slice": slice_,
    "strided_slice": strided_slice,
}
