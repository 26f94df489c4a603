"""What the detector needs of a runtime; one module for each runtime beside this one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

__all__ = ["Backend", "BackendInfo", "TensorSpec"]


@dataclass(frozen=True)
class TensorSpec:
    """An input or output: real = scale * (q - zero_point); scale None: not quantized.

    Attributes
    ----------
    name
        The tensor's name.
    shape
        Its axes, outermost first.
    dtype
        Numpy's name of the type, such as uint8.
    scale
        The grid's step; None: not quantized.
    zero_point
        The integer that stands for 0.0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int = 0


@dataclass(frozen=True)
class BackendInfo:
    """What really runs, read back from the runtime; None where the runtime does not report it.

    Attributes
    ----------
    runtime
        Its name, such as ai-edge-litert.
    runtime_version
        The installed version.
    delegate
        "none", "xnnpack", "gpu", "edgetpu" or the library's path.
    delegated_operators
        Operators that the delegate took; None: not reported.
    total_operators
        Operators of the model file.
    partitions
        Pieces of the graph that the delegate took.
    threads
        None: the delegate or the device decides.
    device
        Its own name; None: the processor, or unknown.
    execution_devices
        As the runtime calls them.
    inference_precision
        "f32", "bf16", "f16": of what is not integer.
    streams
        Inferences that may run at a time.
    layers
        Precision -> layers that ran in it.
    notes
        What should run otherwise, and how.
    """

    runtime: str
    runtime_version: str
    delegate: str  # "none", "xnnpack", "gpu", "edgetpu" or the library's path
    delegated_operators: int | None
    total_operators: int
    partitions: int | None  # pieces of the graph that the delegate took
    threads: int | None  # None: the delegate or the device decides
    device: str | None = None  # its own name; None: the processor, or unknown
    execution_devices: tuple[str, ...] = ("CPU",)  # as the runtime calls them
    inference_precision: str | None = None  # "f32", "bf16", "f16": of what is not integer
    streams: int | None = None  # inferences that may run at a time
    layers: Mapping[str, int] | None = None  # precision -> layers that ran in it
    notes: tuple[str, ...] = ()  # what should run otherwise, and how

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return dataclasses.asdict(self)


class Backend(Protocol):
    """A loaded model: write to `input_memory`, `run`, read the outputs.

    One thread at a time; whoever shares a backend holds a lock from writing to reading.
    """

    @property
    def name(self) -> str:
        """The runtime's name, see `edge_edet.runtimes`."""
        ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The model's inputs."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The model's outputs."""
        ...

    @property
    def info(self) -> BackendInfo:
        """What really runs."""
        ...

    def input_memory(self, name: str) -> npt.NDArray[Any]:
        """Return the array that the next `run` reads this input from, the runtime's own where possible.

        Don't keep it: some runtimes refuse to run while it is referenced.

        Parameters
        ----------
        name
            The input tensor's name.

        Returns
        -------
        npt.NDArray[Any]
            Of the tensor's shape and type; filled by the caller.

        Raises
        ------
        BackendError
            After `close`.
        """
        ...

    def run(self) -> dict[str, npt.NDArray[Any]]:
        """Run the model once and return its outputs by tensor name.

        They may be views into the runtime's memory: copy what you keep, and drop them before the next `run`.

        Returns
        -------
        dict[str, npt.NDArray[Any]]
            Output by tensor name, each of the tensor's shape and type.

        Raises
        ------
        BackendError
            Where the runtime fails, and after `close`.
        """
        ...

    def close(self) -> None:
        """Free the runtime's memory."""
        ...
