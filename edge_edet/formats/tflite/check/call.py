"""One operator with its operands, as the rules of the shapes see it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from edge_edet.errors import ModelFileError
from edge_edet.formats.flatbuffer import Table

__all__ = ["Call", "Operand", "Shape", "agree", "broadcast", "spelled"]

Shape = tuple[int, ...]  # -1: known at run time only
MOST_MULTIPLIER = 2.0**8  # of 8 bits nothing is left then; XNNPACK ends the process from here on
_INTEGERS = {"int32": "i", "int64": "q", "int16": "h", "int8": "b"}


@dataclass
class Operand:
    """A tensor; shape None: even its rank is known at run time only; stored: the values of a constant.

    Attributes
    ----------
    name
        Of the tensor.
    dtype
        TensorFlow Lite's name of the type.
    shape
        Its axes, -1 where one is known at run time only; None: the rank is, too.
    scales
        Of its grid: none, one, or one a channel.
    zero_points
        Likewise.
    axis
        The axis of the channels, where there are several scales.
    stored
        The values of a constant; None: computed, or an input.
    """

    name: str
    dtype: str
    shape: Shape | None
    scales: Sequence[float]
    zero_points: Sequence[int]
    axis: int
    stored: memoryview | None

    @property
    def known(self) -> bool:
        """Whether every dimension is."""
        return self.shape is not None and -1 not in self.shape

    @property
    def count(self) -> int | None:
        """Its number of elements where that is known."""
        return math.prod(self.shape) if self.shape is not None and -1 not in self.shape else None

    def dims(self, rank: int) -> Shape:
        """Return the shape of a tensor whose rank must be known; None where it is not.

        Parameters
        ----------
        rank
            How many axes it must have.

        Returns
        -------
        Shape
            The shape.
        """
        return (-1,) * rank if self.shape is None else self.shape

    def integers(self) -> Shape | None:
        """Return the values of a constant of integers; None where they are computed.

        Returns
        -------
        Shape | None
            The values, flat.
        """
        if self.dtype not in _INTEGERS:
            return None
        if self.stored is None:
            return () if self.count == 0 else None
        code = _INTEGERS[self.dtype]
        return struct.unpack(f"<{len(self.stored) // struct.calcsize(code)}{code}", self.stored)


@dataclass
class Call:
    """An operator of a known kind; graphs: (inputs, outputs) of each graph of the file."""

    place: str  # of error messages: file, number and name
    name: str
    inputs: list[Operand | None]
    outputs: list[Operand]
    options: Table | None
    custom: bytes = b""
    graphs: Sequence[tuple[int, int]] = ()

    def fail(self, reason: str) -> NoReturn:
        """Raise ModelFileError about this operator."""
        raise ModelFileError(f"{self.place}: {reason}; copy the file again, or convert it again")

    def given(self, position: int) -> Operand:
        """Return an input that must be given."""
        found = self.inputs[position]
        assert found is not None
        return found

    def optional(self, position: int) -> Operand | None:
        """Return an input that may be left out, None where it is."""
        return self.inputs[position] if position < len(self.inputs) else None

    def option(self, field: int, fmt: str = "i", default: int = 0) -> int:
        """Read an integer from the option table."""
        return self.options.integer(field, fmt, default) if self.options else default

    def number(self, field: int) -> float:
        """Read a finite number from the option table."""
        values = self.options.scalar(field) if self.options else 0.0
        if not math.isfinite(values):
            self.fail(f"one of its options is {values}, expected a finite number")
        return values

    def positive(self, what: str, value: int, most: int = 2**15 - 1) -> int:
        """Return a value from 1 to most; refuse others."""
        if not 0 < value <= most:
            self.fail(f"its {what} is {value}, expected 1 to {most}")
        return value

    def multiplier(self, value: float, most: float = MOST_MULTIPLIER) -> None:
        """Refuse a ratio of input scale to output scale that makes kernels abort."""
        if not value < most:
            self.fail(
                f"the scale of its output is {self.outputs[0].scales[0]:g}, that of its inputs "
                f"{value:.3g} times as large"
            )

    def axis(self, value: int, rank: int, what: str = "axis") -> int:
        """Return the axis counted from the front."""
        if not -rank <= value < rank:
            self.fail(f"its {what} is {value}, of {rank} dimensions")
        return value % rank if rank else 0

    def single(self, position: int, what: str) -> int | None:
        """Return the one integer of a constant input; None where it is computed."""
        values = self.given(position).integers()
        if values is None:
            return None
        if len(values) != 1:
            self.fail(f"its {what} has {len(values)} values, expected one")
        return values[0]

    def result(self, expected: Iterable[int] | None, position: int = 0) -> None:
        """Compare an output's shape with what follows from the inputs."""
        shape = self.outputs[position].shape
        if expected is None or shape is None:
            return
        expected = tuple(expected)
        if not agree(shape, expected):
            self.fail(
                f"its output {self.outputs[position].name!r} is {spelled(shape)}, "
                f"its inputs give {spelled(expected)}"
            )

    def input_fails(self, position: int, expected: str) -> NoReturn:
        """Raise ModelFileError about an input's shape."""
        operand = self.given(position)
        self.fail(f"its input {operand.name!r} is {spelled(operand.shape)}, expected {expected}")


def agree(a: Shape | None, b: Shape | None) -> bool:
    """Return whether two shapes may be the same."""
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(x == y or x < 0 or y < 0 for x, y in zip(a, b, strict=True))


def broadcast(shapes: Iterable[Shape]) -> Shape | None:
    """Return the shape that numpy's rule gives; None where the shapes do not go together."""
    result: list[int] = []  # from the last dimension on
    for shape in shapes:
        for place, size in enumerate(reversed(shape)):
            if place == len(result):
                result.append(size)
            elif result[place] == 1:
                result[place] = size
            elif size not in (1, result[place]):
                if size >= 0 and result[place] >= 0:
                    return None
                result[place] = max(size, result[place])
    return tuple(reversed(result))


def spelled(shape: Shape | None) -> str:
    """Return a shape as text, with `?` for what is known at run time only."""
    return "of any shape" if shape is None else str(list(shape)).replace("-1", "?")
