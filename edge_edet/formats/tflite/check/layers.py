"""Rules of layers with weights and windows: shapes, types and scales."""

from __future__ import annotations

from edge_edet.formats.tflite.check.call import Call, Operand, Shape, agree, broadcast, spelled

__all__ = ["RULES"]

SAME, VALID = 0, 1  # enum Padding
MOST_WINDOW = 2**15 - 1  # of a stride, a filter or a dilation, as the kernels have it

# picture -> weights and bias that go with it
WEIGHTS = {
    "float32": ("float32", "int8", "uint8", "int4", "int2", "float16"),
    "int8": ("int8", "int4", "int2"),
    "uint8": ("uint8",),
    "int16": ("int8", "int16", "int4"),
    "float16": ("float16", "float32", "int8"),
    "bfloat16": ("bfloat16", "float32", "int8"),
}
BIASES = {
    "float32": ("float32", "float16"),
    "int8": ("int32",),
    "uint8": ("int32",),
    "int16": ("int32", "int64"),
    "float16": ("float16", "float32"),
    "bfloat16": ("bfloat16", "float32"),
}
CODED = ("int8", "uint8", "int16", "int4", "int2", "uint4")


def _weighted(
    call: Call,
    x: Operand,
    w: Operand,
    b: Operand | None,
    channels: tuple[int, int],
) -> None:
    """Types and scales of a layer's operands. channels: (axis of w, how many of them it gives)."""
    axis, count = channels
    y = call.outputs[0]
    if w.dtype not in WEIGHTS.get(x.dtype, ()):
        call.fail(
            f"its weights {w.name!r} are {w.dtype}, expected {_either(WEIGHTS.get(x.dtype, ()))} "
            f"for an input of {x.dtype}"
        )
    if b is not None and b.dtype not in BIASES[x.dtype]:
        call.fail(f"its bias {b.name!r} is {b.dtype}, expected {_either(BIASES[x.dtype])}")
    if b is not None and b.count not in (count, None) and count >= 0:
        call.fail(f"its bias {b.name!r} has {b.count} values, expected {count}")
    for operand in (x, y):
        if operand.dtype in CODED and len(operand.scales) != 1:
            call.fail(
                f"{operand.name!r} of {operand.dtype} has {len(operand.scales)} scales, "
                "expected one"
            )
    if w.dtype in CODED:
        scales = len(w.scales)
        if scales not in (1, count) and not (count < 0 and scales):
            call.fail(f"its weights {w.name!r} have {scales} scales, expected 1 or {count}")
        if scales > 1 and w.axis != axis:
            call.fail(f"its weights {w.name!r} have scales along axis {w.axis}, expected {axis}")
        if w.dtype != "uint8" and any(w.zero_points):
            call.fail(f"its weights {w.name!r} of {w.dtype} have zero points, expected 0")
        if x.dtype in CODED:
            call.multiplier(x.scales[0] * max(w.scales) / y.scales[0])
        if w.stored is None and w.dtype in ("int4", "int2"):
            call.fail(f"its weights {w.name!r} of {w.dtype} are not stored in the file")


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "another type"


def _activation(call: Call, field: int) -> None:
    if not 0 <= call.option(field, "b") <= 5:
        call.fail(f"its activation is number {call.option(field, 'b')}, 0 to 5 are known")


def _padding(call: Call, field: int = 0) -> int:
    padding = call.option(field, "b")
    if padding not in (SAME, VALID):
        call.fail(f"its padding is number {padding}, expected 0 (SAME) or 1 (VALID)")
    return padding


def _windows(
    call: Call,
    padding: int,
    sizes: Shape,
    filters: Shape,
    strides: Shape,
    dilations: Shape = (1, 1),
) -> Shape:
    """How many windows fit, for height and width."""
    found = []
    for size, width, stride, dilation in zip(sizes, filters, strides, dilations, strict=True):
        call.positive("stride", stride, MOST_WINDOW)
        call.positive("dilation", dilation, MOST_WINDOW)
        if size < 0 or width < 0:
            found.append(-1)
            continue
        call.positive("filter", width, 2**20)
        reach = (width - 1) * dilation + 1 if padding == VALID else 1
        number = (size - reach) // stride + 1
        if size <= 0 or number <= 0:
            call.fail(f"a window of {reach} does not fit into {size} rows or columns")
        found.append(number)
    return tuple(found)


def conv(call: Call) -> None:
    x, w, b = call.given(0), call.given(1), call.optional(2)
    n, *size, channels = x.dims(4)
    count, *window, each = w.dims(4)
    _activation(call, 3)
    strides, dilations = (
        (call.option(2), call.option(1)),
        (call.option(5, "i", 1), call.option(4, "i", 1)),
    )
    out = _windows(call, _padding(call), tuple(size), tuple(window), strides, dilations)
    if min(channels, each, count) >= 0:
        groups = channels // each if each else 0
        if channels == 0 or not groups or channels % each or count == 0 or count % groups:
            call.fail(
                f"its weights {spelled(w.shape)} are for {each} channels, its input has {channels}"
            )
    _weighted(call, x, w, b, (0, count))
    call.result((n, *out, count))


def depthwise(call: Call) -> None:
    x, w, b = call.given(0), call.given(1), call.optional(2)
    n, *size, channels = x.dims(4)
    one, *window, count = w.dims(4)
    _activation(call, 4)
    strides, dilations = (
        (call.option(2), call.option(1)),
        (call.option(6, "i", 1), call.option(5, "i", 1)),
    )
    out = _windows(call, _padding(call), tuple(size), tuple(window), strides, dilations)
    if min(channels, count) >= 0 and (
        one not in (1, -1) or not channels or count % channels or not count
    ):
        call.fail(f"its weights {spelled(w.shape)} do not fit {channels} channels")
    times = call.option(3)
    if times and min(channels, count) > 0 and times != count // channels:
        call.fail(f"its depth multiplier is {times}, its weights give {count // channels}")
    _weighted(call, x, w, b, (3, count))
    call.result((n, *out, count))


def transpose_conv(call: Call) -> None:
    wanted, w, x, b = call.given(0), call.given(1), call.given(2), call.optional(3)
    n, *size, channels = x.dims(4)
    count, *window, each = w.dims(4)
    _activation(call, 3)
    if (min(channels, each) >= 0 and channels != each) or 0 in (channels, count):
        call.fail(f"its weights are for {each} channels, its input has {channels}")
    _weighted(call, x, w, b, (0, count))
    strides = tuple(call.positive("stride", call.option(field), MOST_WINDOW) for field in (2, 1))
    padding, sizes = _padding(call), wanted.integers()
    if wanted.count not in (4, None) or (sizes is not None and min(sizes) <= 0):
        call.fail(f"its size is {list(sizes or ())}, expected four positive numbers")
    if sizes is None:
        return
    back = _windows(call, padding, sizes[1:3], tuple(window), strides)
    if not agree(back, tuple(size)) or not agree((n, count), (sizes[0], sizes[3])):
        call.fail(f"its size {list(sizes)} does not follow from its input {spelled(x.shape)}")
    call.result(sizes)


def pool(call: Call) -> None:
    n, *size, channels = call.given(0).dims(4)
    _activation(call, 5)
    window = tuple(call.positive("filter", call.option(field), MOST_WINDOW) for field in (4, 3))
    out = _windows(call, _padding(call), tuple(size), window, (call.option(2), call.option(1)))
    call.result((n, *out, channels))


def fully_connected(call: Call) -> None:
    x, w, b = call.given(0), call.given(1), call.optional(2)
    _activation(call, 0)
    if call.option(1, "b"):
        call.fail("its weights are shuffled, which only a device's own file has")
    count = depth = -1
    if w.shape is not None:
        if len(w.shape) < 2 or x.shape == ():
            call.fail(f"its weights are {spelled(w.shape)}, expected [outputs, inputs]")
        count, depth = w.shape[-2:]
    _weighted(call, x, w, b, (0, count))
    if x.shape is None or w.shape is None or count < 0 or depth < 0:
        return
    if not depth or not count:
        call.fail(f"its weights are {spelled(w.shape)}, expected [outputs, inputs]")
    if call.option(2, "b"):
        if x.shape[-1] not in (depth, -1):
            call.input_fails(0, f"{depth} last")
        call.result((*x.shape[:-1], count))
    elif x.count is not None:
        if x.count % depth:
            call.input_fails(0, f"a multiple of {depth} values")
        y = call.outputs[0]
        rows = x.count // depth
        if y.count is not None and (y.count != rows * count or (y.shape and y.shape[-1] != count)):
            call.fail(f"its output is {spelled(y.shape)}, its inputs give {[rows, count]}")


def batch_matmul(call: Call) -> None:
    x, y = call.given(0).shape, call.given(1).shape
    for position in (0, 1):
        operand = call.given(position)
        if operand.shape is not None and len(operand.shape) < 2:
            call.input_fails(position, "two dimensions or more")
        if operand.dtype in ("int8", "int16") and not operand.scales:
            call.fail(f"{operand.name!r} of {operand.dtype} has no scale")
    left, right = call.given(0).dtype, call.given(1).dtype
    if left != right and (left, right) != ("float32", "int8"):
        call.fail(f"its inputs are {left} and {right}, expected one type")
    z = call.outputs[0]
    integer = ("int8", "int16", "int32")
    if z.dtype != left and not (left in integer and z.dtype in integer):
        call.fail(f"its output is {z.dtype}, its input {left}")
    if z.dtype in ("int8", "int16") and len(z.scales) != 1:
        call.fail(f"{z.name!r} of {z.dtype} has {len(z.scales)} scales, expected one")
    if z.dtype in ("int8", "int16") and z.dtype == left and call.given(1).scales:
        steps = call.given(0).scales[0] * max(call.given(1).scales)
        call.multiplier(steps / z.scales[0])
    if x is None or y is None:
        return
    rows, inner = (x[-1], x[-2]) if call.option(0, "b") else (x[-2], x[-1])
    other, columns = (y[-1], y[-2]) if call.option(1, "b") else (y[-2], y[-1])
    if min(inner, other) >= 0 and inner != other:
        call.fail(f"its inputs are {spelled(x)} and {spelled(y)}: they do not fit")
    batch = broadcast((x[:-2], y[:-2]))
    if batch is None:
        call.fail(f"its inputs are {spelled(x)} and {spelled(y)}: they do not fit")
    call.result((*batch, rows, columns))


def resize(call: Call) -> None:
    x, size = call.given(0), call.given(1)
    n, height, width, channels = x.dims(4)
    if size.count not in (2, None):
        call.input_fails(1, "[2], height and width")
    sizes = size.integers()
    if 0 in (height, width):
        call.input_fails(0, "a picture")
    if sizes is None:
        return
    for value in sizes:
        call.positive("size", value, 2**16)
    if call.option(0 if call.name.endswith("NEIGHBOR") else 2, "b") and call.option(
        1 if call.name.endswith("NEIGHBOR") else 3, "b"
    ):
        call.fail("it aligns corners and half pixels at once")
    call.result((n, *sizes, channels))


def space_to_depth(call: Call) -> None:
    block = call.positive("block size", call.option(0), 2**10)
    n, height, width, channels = call.given(0).dims(4)
    if (height > 0 and height % block) or (width > 0 and width % block):
        call.input_fails(0, f"multiples of {block}")
    depth = channels * block**2 if channels >= 0 else -1
    call.result((n, *(size // block if size >= 0 else -1 for size in (height, width)), depth))


def depth_to_space(call: Call) -> None:
    block = call.positive("block size", call.option(0), 2**10)
    n, height, width, channels = call.given(0).dims(4)
    if channels >= 0 and channels % block**2:
        call.input_fails(0, f"a multiple of {block**2} channels")
    depth = channels // block**2 if channels >= 0 else -1
    call.result((n, *(size * block if size >= 0 else -1 for size in (height, width)), depth))


RULES = {
    "conv": conv,
    "depthwise": depthwise,
    "transpose_conv": transpose_conv,
    "pool": pool,
    "fully_connected": fully_connected,
    "batch_matmul": batch_matmul,
    "resize": resize,
    "space_to_depth": space_to_depth,
    "depth_to_space": depth_to_space,
}
