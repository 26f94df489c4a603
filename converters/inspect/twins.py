"""Pairs the tensors of an INT8 model with those of its float twin, and says what the integers mean.

A tensor of the equalized INT8 file holds each channel divided by a factor (converters/equalize.py);
the factors are a constant of the file, `.../swish/factors`, and are multiplied back here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.places import block_of
from edge_edet.converters.inspect.rewrite import Rewritable
from edge_edet.errors import InputError
from edge_edet.tflite_file import OperatorInfo, TensorInfo, TfliteModel

Floats = npt.NDArray[np.float32]
# They move integers or scale them by a constant: no error of their own where the grid stays.
MOVING = ("MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE", "CONCATENATION", "PAD")
LEAST_MATCHED = 0.5
INTEGERS = ("int8", "uint8", "int16")


@dataclass(frozen=True)
class Twin:
    """One tensor in both files.

    reader: what alone reads it, "swish" or "sigmoid" (of class logits: the score), else "".
    carried: its integers are those of another tensor, so that their error is not its own.
    """

    name: str
    integer: TensorInfo
    exact: TensorInfo
    operator: str
    reader: str = ""
    carried: bool = False
    factors: Floats | None = None

    @property
    def block(self) -> str:
        return block_of(self.name)

    @property
    def is_integer(self) -> bool:
        return self.integer.dtype in INTEGERS and len(self.integer.scales) == 1

    @property
    def limits(self) -> tuple[int, int]:
        info = np.iinfo(self.integer.dtype)
        return int(info.min), int(info.max)

    def quantize(self, values: Floats) -> npt.NDArray[np.int64]:
        """Float values [..., channels] to the integers that stand for them."""
        scale, zero = self.integer.scales[0], self.integer.zero_points[0]
        divided = values if self.factors is None else values / self.factors
        return np.clip(np.rint(divided / np.float32(scale or 1)) + zero, *self.limits).astype(np.int64)

    def dequantize(self, integers: npt.NDArray[np.integer]) -> Floats:
        """Integers to the float twin's units."""
        if not self.is_integer:
            values = integers.astype(np.float32)
        else:
            zero, scale = self.integer.zero_points[0], np.float32(self.integer.scales[0])
            values = (integers.astype(np.float32) - np.float32(zero)) * scale
        return values if self.factors is None else values * self.factors


def match(integer: Rewritable, exact: Rewritable) -> list[Twin]:
    """The tensors that both files compute, in execution order.

    Raises InputError where the files are not the same network.
    """
    model, other = integer.model, exact.model
    by_name = {t.name: t for op in other.operators for t in (other.tensors[i] for i in op.outputs)}
    wiring = _Wiring(integer)
    factors = wiring.factors({t.name for t in other.tensors})
    twins, unequal = [], []
    for op in model.operators:
        for index in op.outputs:
            tensor = model.tensors[index]
            twin = by_name.get(tensor.name)
            if twin is None or twin.dtype != "float32" or wiring.is_input_itself(op):
                continue
            if twin.shape != tensor.shape:
                unequal.append(f"{tensor.name} {list(tensor.shape)} and {list(twin.shape)}")
                continue
            twins.append(Twin(tensor.name, tensor, twin, op.name, wiring.reader(index),
                              wiring.is_carried(op), factors.get(index)))  # fmt: skip
    computed = {t for op in model.operators for t in op.outputs}
    if unequal or len(twins) < LEAST_MATCHED * len(computed):
        found = f"they differ at {unequal[0]}" if unequal else (
            f"only {len(twins)} of its {len(computed)} tensors have one of the same name there"
        )  # fmt: skip
        raise InputError(
            f"{str(other.path)!r} is not the float twin of {str(model.path)!r}: {found}; convert "
            "both from the same weights"
        )
    return twins


class _Wiring:
    """Who reads and writes what in one model."""

    def __init__(self, model: Rewritable):
        self.rewritable, self.model = model, model.model
        self.readers: dict[int, list[OperatorInfo]] = {}
        for op in self.model.operators:
            for tensor in op.inputs:
                self.readers.setdefault(tensor, []).append(op)

    def tensor(self, index: int) -> TensorInfo:
        return self.model.tensors[index]

    def is_input_itself(self, op: OperatorInfo) -> bool:
        """uint8 to int8 with the scale kept: the mean is in the stem's bias, no value is changed."""
        return op.name == "QUANTIZE" and op.inputs[0] in self.model.inputs

    def is_carried(self, op: OperatorInfo) -> bool:
        running = [self.tensor(i) for i in op.inputs if not self.tensor(i).is_constant]
        output = self.tensor(op.outputs[0])
        if not running:
            return False
        zeros_stay = all(t.zero_points == output.zero_points for t in running)
        if op.name in MOVING:
            return zeros_stay and all(t.scales == output.scales for t in running)
        constants = [self.tensor(i) for i in op.inputs if self.tensor(i).is_constant]
        single = len(running) == 1 and len(constants) == 1 and constants[0].constant_bytes == 1
        return op.name == "MUL" and single and zeros_stay

    def reader(self, index: int) -> str:
        """What the tensor goes through before anything else sees it."""
        if index in self.model.outputs and self.tensor(index).name == "class_logits":
            return "sigmoid"
        readers = self.readers.get(index, [])
        gates = self._gates(index)
        if not gates:
            return ""
        products = [op for op in readers if op.name == "MUL" and gates & set(op.inputs)]
        if products:
            others = [op for op in readers if op not in products and op.outputs[0] not in gates
                      and not self._is_factor_product(op)]  # fmt: skip
            return "swish" if not others else ""
        return "sigmoid" if all(op.name == "LOGISTIC" for op in readers) else ""

    def _gates(self, index: int) -> set[int]:
        """Outputs of the sigmoids of this tensor, also through the product with its factors."""
        found = set()
        for op in self.readers.get(index, []):
            if op.name == "LOGISTIC":
                found.add(op.outputs[0])
            elif self._is_factor_product(op):
                found |= self._gates(op.outputs[0])
        return found

    def _is_factor_product(self, op: OperatorInfo) -> bool:
        return op.name == "MUL" and any(self.tensor(i).name.endswith("/factors") for i in op.inputs)

    def factors(self, known: set[str]) -> dict[int, Floats]:
        """Tensor -> factors of its channels, where the float twin has none of that name."""
        found: dict[int, Floats] = {}
        for op in self.model.operators:
            if not self._is_factor_product(op):
                continue
            constant = next(i for i in op.inputs if self.tensor(i).name.endswith("/factors"))
            if self.tensor(constant).name in known:
                continue
            values = self._values(self.tensor(constant))
            source = next(i for i in op.inputs if i != constant)
            found[source] = values
            gates = self._gates(op.outputs[0])
            pending = [p.outputs[0] for p in self.readers[source] if gates & set(p.inputs)]
            while pending:  # what keeps the channels until a convolution takes them in
                tensor = pending.pop()
                found[tensor] = values
                pending += [p.outputs[0] for p in self.readers.get(tensor, [])
                            if p.name == "MEAN" or (p.name == "MUL" and p.inputs[0] == tensor)]  # fmt: skip
        return found

    def _values(self, tensor: TensorInfo) -> Floats:
        raw = self.rewritable.constant(tensor.index)
        if tensor.dtype == "float32":
            return raw.view(np.float32)
        values = raw.view(np.int8).astype(np.float32) * np.float32(tensor.scales[0])
        return np.asarray(values, np.float32)


def writes(model: TfliteModel) -> dict[int, OperatorInfo]:
    """Tensor -> the operator that writes it."""
    return {tensor: op for op in model.operators for tensor in op.outputs}
