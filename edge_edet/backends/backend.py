"""What the detector needs of a runtime; one module for each runtime beside this one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

__all__ = ["Backend", "BackendInfo", "Input", "TensorSpec", "Tensors"]

# An input's values, or what writes all of them: into the runtime's own memory where there is a
# way to it, which saves a copy. It must not keep the array.
Input: TypeAlias = npt.NDArray[Any] | Callable[[npt.NDArray[Any]], None]
Tensors: TypeAlias = Mapping[str, Input]


@dataclass(frozen=True)
class TensorSpec:
    """An input or output: real = scale * (q - zero_point); scale None: not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int = 0


@dataclass(frozen=True)
class BackendInfo:
    """What really runs, read back from the runtime; None where the runtime does not tell."""

    runtime: str
    runtime_version: str
    delegate: str  # "none", "xnnpack", "gpu", "edgetpu" or the library's path
    delegated_operators: int | None
    total_operators: int
    partitions: int | None  # pieces of the graph that the delegate took
    threads: int | None  # None: the delegate or the device decides
    device: str | None = None  # its own name; None: the processor, or not told
    execution_devices: tuple[str, ...] = ("CPU",)  # as the runtime calls them
    inference_precision: str | None = None  # "f32", "bf16", "f16": of what is not integer
    streams: int | None = None  # inferences that may run at a time
    layers: Mapping[str, int] | None = None  # precision -> layers that ran in it
    notes: tuple[str, ...] = ()  # what should run otherwise, and how

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Backend(Protocol):
    """A loaded model. `run` may be called from one thread at a time."""

    @property
    def name(self) -> str: ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def info(self) -> BackendInfo: ...

    def run(self, tensors: Tensors, *, copy: bool = True) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name. copy=False: they may be views, to be dropped before the next run."""
        ...

    def close(self) -> None: ...
