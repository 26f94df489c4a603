"""What `bench --count` counted: the instructions of one inference on an emulated core."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_edet.benchmarks.rows.row_checks import check_at_least, check_positive

__all__ = ["MULTIPLIES", "Counts", "OperatorCounts"]

# kinds that multiply vectors -> the kernels that are made of them
MULTIPLIES = {
    "int8 matrix": "int8 matrix (i8mm)",
    "dot product": "dot-product",
    "widening multiply": "widening",
    "multiply": "float",
}


@dataclass(frozen=True)
class OperatorCounts:
    """One operator of the file, alone in a model of its own.

    Attributes
    ----------
    name
        As TensorFlow Lite calls it.
    shape
        Of its first output.
    times
        How many operators of the file are like it.
    kinds
        Kind -> instructions of one of them; empty where it could not be run.
    loaded_bytes, stored_bytes
        Of one of them.
    error
        Why it could not be run; None where it ran.
    """

    name: str
    shape: tuple[int, ...]
    times: int
    kinds: dict[str, int]
    loaded_bytes: int
    stored_bytes: int
    error: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "times")
        check_at_least(0, self, "loaded_bytes", "stored_bytes")
        check_kinds(self.kinds)

    @property
    def instructions(self) -> int:
        """Of all operators like it together."""
        return self.times * sum(self.kinds.values())


@dataclass(frozen=True)
class Counts:
    """Instructions that a core executes for one inference.

    Attributes
    ----------
    core
        What QEMU's -cpu was given.
    kinds
        Kind -> instructions; those of waiting threads are in none.
    loaded_bytes, stored_bytes
        By these instructions, from the level-1 cache or wherever it was.
    waiting
        Instructions of threads that waited in a loop for the others.
    inferences
        How many were counted.
    repeat_error
        Between them: the difference of the most and the fewest instructions, as a part of the fewest.
    operators
        Each alone, largest first; empty where that was not asked for.
    """

    core: str
    kinds: dict[str, int]
    loaded_bytes: int
    stored_bytes: int
    waiting: int
    inferences: int
    repeat_error: float
    operators: tuple[OperatorCounts, ...] = field(default=(), metadata={"optional": True})

    def __post_init__(self) -> None:
        check_positive(self, "inferences")
        check_at_least(0, self, "loaded_bytes", "stored_bytes", "waiting", "repeat_error")
        check_kinds(self.kinds)
        if not self.instructions:
            raise ValueError("kinds must hold instructions: an inference has some")

    @property
    def instructions(self) -> int:
        """All of one inference."""
        return sum(self.kinds.values())

    @property
    def kernels(self) -> str:
        """Which kernels multiply: those whose instructions are the most."""
        return MULTIPLIES[max(MULTIPLIES, key=lambda kind: self.kinds.get(kind, 0))]

    @property
    def beside_operators(self) -> int:
        """Instructions of the whole less those of the operators alone: what fusing saves is negative."""
        return self.instructions - sum(one.instructions for one in self.operators)


def check_kinds(kinds: dict[str, int]) -> None:
    """Refuse a number of instructions that is negative.

    Parameters
    ----------
    kinds
        Kind -> instructions.

    Raises
    ------
    ValueError
        Naming the kind.
    """
    for kind, number in kinds.items():
        if number < 0:
            raise ValueError(f"kinds.{kind} must be at least 0, but is {number}")
