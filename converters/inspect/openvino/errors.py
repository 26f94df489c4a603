"""Errors of an INT8 OpenVINO model against its float model: of tensors, blocks, and stored weights.

They are those of tensor_error.py, block_error.py and constants.py, with one difference: tensors are
real-valued here, so that a block gets the float model's values themselves and rounds them in its own fake
quantizers. Everything runs on the CPU, with float layers in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_edet.converters.inspect.errors import (
    BAD_WEIGHTS_DB,
    BlockError,
    ConstantError,
    Doubles,
    Pixels,
    TensorError,
    TensorSums,
    decibels,
)
from edge_edet.converters.inspect.openvino.graph import (
    IrGraph,
    Op,
    channels_last,
    name_of,
    readers,
    reading_block,
)
from edge_edet.converters.inspect.openvino.pairs import IrTensorPair
from edge_edet.converters.inspect.tflite import passes

STEPS = 255
LEAST_GAIN = 1e-3  # below this factor weights are lost, not only their range wrong


def ir_tensor_sums(
    integer: IrGraph,
    exact: IrGraph,
    pairs: Sequence[IrTensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[TensorSums[IrTensorPair]]:
    """Add up the errors of every paired tensor over the pictures.

    Parameters
    ----------
    integer, exact
        The INT8 model and its float model.
    pairs
        Their paired tensors, from `match_ir_tensors`.
    pictures
        Model inputs, [1, height, width, 3] each.
    threads
        CPU threads of the runtime.

    Returns
    -------
    list of TensorSums
        In the order of `pairs`.
    """
    outputs = {t.name for t in integer.file.output_tensors}
    found: list[TensorSums[IrTensorPair]] = []
    for group in passes([pair.size_bytes for pair in pairs]):
        part = [pairs[i] for i in group]
        sums = [TensorSums(pair, all_values=pair.name in outputs) for pair in part]
        names = [pair.name for pair in part]
        left, right = integer.exposing(names, threads), exact.exposing(names, threads)
        for pixels in pictures:
            left.run([pixels])
            right.run([pixels])
            for name, total in zip(names, sums, strict=True):
                total.add(channels_last(left.get(name)), channels_last(right.get(name)))
        found += sums
    return found


def tensor_errors(sums: Sequence[TensorSums[IrTensorPair]]) -> list[TensorError]:
    """Compute the errors from the sums, in their order."""
    return [total.error(order) for order, total in enumerate(sums)]


def ir_block_errors(
    integer: IrGraph,
    exact: IrGraph,
    pairs: Sequence[IrTensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> list[BlockError]:
    """Measure the error that each block adds by itself; parameters as of `ir_tensor_sums`."""
    borders = [t for t in pairs if _leaves_block(integer.running[t.name], t.block)]
    if not borders:
        return []
    names = [t.name for t in borders]
    runner, reference = integer.cut(names, threads), exact.exposing(names, threads)
    sums = [TensorSums(pair) for pair in borders]
    for pixels in pictures:
        reference.run([pixels])
        runner.run([pixels, *(reference.get(name) for name in runner.fed)])
        for name, total in zip(names, sums, strict=True):
            total.add(channels_last(runner.get(name)), channels_last(reference.get(name)))
    errors = [total.error(order) for order, total in enumerate(sums)]
    return [BlockError(e.block, e.name, e.order, e.behind_db, e.shift) for e in errors]


def _leaves_block(op: Op, block: str) -> bool:
    return {reading_block(reader) for reader in readers(op)} != {block}


def compare_ir_constants(
    integer: IrGraph, exact: IrGraph, sums: Sequence[TensorSums[IrTensorPair]] = ()
) -> list[ConstantError]:
    """Compare the weights and biases of every convolution of both models.

    Weights are compared by their effect on real values: a fake quantizer may have steps as its output,
    which the weights then scale back.

    Parameters
    ----------
    integer, exact
        The INT8 model and its float model.
    sums
        Of the tensors. Errors of biases are measured in steps of a grid over the range that the float
        model's tensor has on the pictures, so only for tensors in `sums`.

    Returns
    -------
    list of ConstantError
        In execution order.
    """
    ranges = {t.pair.name: float(t.high.max() - t.low.min()) for t in sums}
    names = [name for name in integer.convolutions if name in exact.convolutions]
    pairs = list(zip(_stored(integer, names), _stored(exact, names), strict=True))
    found = []
    for name, ((weight, bias), (weight_exact, bias_exact)) in zip(names, pairs, strict=True):
        if weight.shape != weight_exact.shape:
            continue
        op = integer.convolutions[name]
        source = op.input_value(0).get_node()
        gain, offset = _from_real(integer, source)
        if op.get_type_name() == "GroupConvolution":  # [groups, out, in, h, w]
            groups = weight.shape[0]
            gain, offset = (np.resize(v, groups).reshape(-1, 1, 1, 1, 1) for v in (gain, offset))
        else:
            gain, offset = (v.reshape(1, -1, *[1] * (weight.ndim - 2)) for v in (gain, offset))
        wanted = weight_exact / np.where(gain == 0, 1.0, gain)  # for the quantizer's output
        error, factor = _fit(weight, wanted, 1.0), None
        if error < BAD_WEIGHTS_DB:
            factor = float((weight * wanted).sum() / np.maximum(np.square(wanted).sum(), 1e-30))
            fits = abs(factor) > LEAST_GAIN and _fit(weight, wanted, factor) > BAD_WEIGHTS_DB
            factor = factor if fits else None
        output, steps = _biased(op), None
        reads_picture = name_of(source) in integer.before_convolutions
        span = ranges.get(output, 0.0)
        if bias is not None and bias_exact is not None and span > 0 and not reads_picture:
            per_output = (weight * offset).reshape(bias.size, -1).sum(axis=1)
            steps = float(np.abs(bias + per_output - bias_exact).max() * STEPS / span)
        quantizer = next(
            (q.source for q in integer.quantizers.values() if q.name == name_of(source)), ""
        )
        found.append(ConstantError(output, error, steps, quantizer, factor))
    return found


def _fit(weight: Doubles, wanted: Doubles, factor: float) -> float:
    """Return signal over error, in dB, of stored weights against the wanted ones times a factor."""
    error = np.square(weight - factor * wanted).sum()
    return decibels(float(np.square(factor * wanted).sum()), float(error))


def _stored(graph: IrGraph, names: Sequence[str]) -> list[tuple[Any, Any]]:
    """Return the weights of each convolution, and its bias [channels], or None without one."""
    outputs, has_bias = [], []
    for name in names:
        op = graph.convolutions[name]
        outputs.append(op.input_value(1))
        bias = None
        if graph.lacks_bias(op):
            inputs = readers(op)[0].input_values()
            bias = next((v for v in inputs if name_of(v.get_node()) not in graph.running), None)
        has_bias.append(bias is not None)
        outputs += [bias] if bias is not None else []
    values = iter(graph.constants(outputs))
    return [
        (
            np.asarray(next(values), np.float64),
            np.asarray(next(values), np.float64).reshape(-1) if has else None,
        )
        for has in has_bias
    ]


def _biased(op: Op) -> str:
    """Return the name of the convolution's tensor after its bias."""
    after = readers(op)
    return (
        name_of(after[0]) if len(after) == 1 and after[0].get_type_name() == "Add" else name_of(op)
    )


def _from_real(graph: IrGraph, source: Op) -> tuple[Any, Any]:
    """Return gain and offset, by channel, of what a convolution reads, relative to real values."""
    by_name = {q.name: q for q in graph.quantizers.values()}
    quantizer = by_name.get(name_of(source))
    if quantizer is not None:
        return quantizer.gain, quantizer.offset
    return np.asarray([_picture_scale(graph, source)]), np.zeros(1)


def _picture_scale(graph: IrGraph, source: Op) -> float:
    """Return the factor of the picture's values before the first layer; 1 after it."""
    scale, before = 1.0, graph.before_convolutions
    while name_of(source) in before and source.get_type_name() != "Parameter":
        running = [v for v in source.input_values() if name_of(v.get_node()) in graph.running]
        others = [v for v in source.input_values() if name_of(v.get_node()) not in graph.running]
        if source.get_type_name() == "Multiply" and others:
            [values] = graph.constants(others)
            scale *= float(values.reshape(-1)[0]) if values.size == 1 else 1.0
        source = running[0].get_node()
    return scale
