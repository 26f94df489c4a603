"""Pairs the tensors of an INT8 OpenVINO model with those of its float model, with their grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.network_parts import block_of
from edge_edet.converters.inspect.openvino.graph import FakeQuantizer, IrGraph, Op, readers
from edge_edet.converters.inspect.tflite import LEAST_MATCHED, SWISH_CLOSES
from edge_edet.errors import InputError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
ACTIVATIONS = {"Swish": "swish", "Sigmoid": "sigmoid"}


@dataclass(frozen=True)
class IrTensorPair:
    """One real-valued tensor in the INT8 model and in its float model; arrays have their channels last.

    Attributes
    ----------
    name, operator, shape
        The tensor, the kind of operator that writes it, and its shape in the model's layout.
    quantizer
        The fake quantizer that reads it in the INT8 model; None for none.
    reader
        The activation that alone reads it: "swish", "sigmoid", or "".
    carried
        Always false: values are real, and have no integers of another tensor.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    quantizer: FakeQuantizer | None = None
    reader: str = ""
    carried: bool = False

    @property
    def block(self) -> str:
        """Block of the network that it belongs to."""
        return block_of(self.name)

    @property
    def size_bytes(self) -> int:
        """Bytes of both tensors, float32 each."""
        return 2 * 4 * int(np.prod(self.shape))

    @property
    def is_integer(self) -> bool:
        """Whether a fake quantizer reads it."""
        return self.quantizer is not None

    @property
    def dtype(self) -> str:
        """Type of its values, or the number of steps that they are rounded to."""
        return "float32" if self.quantizer is None else f"{self.levels} levels"

    @property
    def levels(self) -> int:
        """Number of steps of the grid."""
        return self.quantizer.levels if self.quantizer else 1

    @property
    def scale(self) -> float | None:
        """Width of a step; None without a grid, or where channels differ."""
        return _one(self.quantizer.step) if self.quantizer else None

    @property
    def zero_point(self) -> int | None:
        """Step that stands for 0; None without a grid, where channels differ, or between two steps."""
        zero = _one(self.quantizer.zero_point) if self.quantizer else None
        return None if zero is None or zero != round(zero) else round(zero)

    def dequantize(self, integers: npt.NDArray[Any]) -> Floats:
        """Return the running model's values, which are real here."""
        return integers.astype(np.float32, copy=False)

    def steps(self, integers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Convert values to steps from 0, as FakeQuantize is specified: clip, then round half to even."""
        q = self._quantizer
        span = np.where(q.step > 0, q.step, 1.0)
        cut = np.clip(integers, q.low, np.maximum(q.high, q.low))
        return np.asarray(np.rint((cut - q.low) / span), np.int64)

    def rounded(self, values: Floats) -> Floats:
        """Round float values [..., channels] to the grid."""
        q = self._quantizer
        return np.asarray(self.steps(values) * q.step + q.low, np.float32)

    def beyond(self, values: Floats) -> tuple[int, int]:
        """Count the float values half a step or more below the grid, and above it."""
        q = self._quantizer
        below = int((values < q.low - q.step / 2).sum())
        return below, int((values > q.high + q.step / 2).sum())

    def plain_error(self, low: Doubles, high: Doubles) -> float:
        """Estimate the mean square error of a grid over just [low, high], both [channels].

        It is step²/12, with a grid for each channel where the quantizer has one, else one for all.
        """
        if self.reader == "swish":
            low = np.maximum(low, SWISH_CLOSES)
        if self._quantizer.step.size == 1:
            low, high = low.min(keepdims=True), high.max(keepdims=True)
        step = np.maximum(high - low, 0) / (self.levels - 1)
        return float(np.square(step).mean() / 12)

    @property
    def _quantizer(self) -> FakeQuantizer:
        assert self.quantizer is not None
        return self.quantizer


def _one(values: Doubles) -> float | None:
    return float(values[0]) if np.ptp(values) <= 1e-6 * np.abs(values).max() else None


def match_ir_tensors(integer: IrGraph, exact: IrGraph) -> list[IrTensorPair]:
    """Pair the tensors that both models compute after the first layer, by name.

    Returns
    -------
    list of IrTensorPair
        In execution order.

    Raises
    ------
    InputError
        Where shapes differ, or most names: the files are not of the same network.
    """
    before = integer.before_convolutions
    names = {name: op for name, op in integer.tensors.items() if name not in before}
    others = exact.tensors
    outputs = {t.name for t in integer.file.output_tensors}
    pairs, unequal = [], []
    for name, op in names.items():
        other_op = others.get(name)
        if other_op is None:
            continue
        shape, other = (tuple(int(n) for n in o.output(0).get_shape()) for o in (op, other_op))
        if shape != other:
            unequal.append(f"{name} {list(shape)} and {list(other)}")
            continue
        if name.endswith("/nhwc"):  # the same values in another order
            continue
        reader = "sigmoid" if name in outputs and name == "class_logits" else _reader(op)
        quantizer = integer.quantizers.get(name)
        pairs.append(IrTensorPair(name, op.get_type_name(), shape, quantizer, reader))
    if unequal or len(pairs) < LEAST_MATCHED * len(names):
        found = (
            f"they differ at {unequal[0]}"
            if unequal
            else (f"only {len(pairs)} of its {len(names)} tensors have one of the same name there")
        )
        raise InputError(
            f"{str(exact.file.path)!r} is not the float model of {str(integer.file.path)!r}: {found}; "
            "convert both from the same weights"
        )
    return pairs


def _reader(op: Op) -> str:
    """Return the activation that alone reads a tensor, directly or through a fake quantizer."""
    kinds = set()
    for reader in readers(op):
        if reader.get_friendly_name().endswith("/swish/scaled"):  # of a fitted swish
            kinds.add("Swish")
        elif reader.get_type_name() == "FakeQuantize":
            kinds |= {r.get_type_name() for r in readers(reader)}
        else:
            kinds.add(reader.get_type_name())
    return ACTIVATIONS.get(kinds.pop(), "") if len(kinds) == 1 else ""
