"""Runs a changed model and returns its inner tensors, as many at a time as memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.errors import BackendError
from edge_edet.terminal import without_runtime_logs

MAX_PASS_BYTES = 2**29  # of both models' tensors that one pass keeps
Values = npt.NDArray[Any]


class Runner:
    """An interpreter of a rewritten model, whose tensors are set and read by index.

    Parameters
    ----------
    content
        Bytes of the model.
    threads
        CPU threads of the runtime.

    Raises
    ------
    BackendError
        Where the runtime refuses the model.
    """

    def __init__(self, content: bytes, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        try:
            with without_runtime_logs():
                self._interpreter = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BackendError(
                f"the runtime refuses the model: {' '.join(str(error).split())}"
            ) from None
        self.inputs = [int(d["index"]) for d in self._interpreter.get_input_details()]

    def run(self, inputs: Mapping[int, Values]) -> None:
        """Run on inputs by tensor index.

        Parameters
        ----------
        inputs
            Values by tensor index.

        Raises
        ------
        BackendError
            Where the runtime fails.
        """
        for index, values in inputs.items():
            self._interpreter.set_tensor(index, values)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise BackendError(f"the runtime fails: {' '.join(str(error).split())}") from None

    def get(self, index: int) -> Values:
        """Return a copy of the tensor of that index.

        Parameters
        ----------
        index
            Of the tensor.

        Returns
        -------
        Values
            Values of the tensor's shape and type.
        """
        return np.asarray(self._interpreter.get_tensor(index))


def passes(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Split tensors into groups that fit into MAX_PASS_BYTES.

    Parameters
    ----------
    sizes
        Bytes that each tensor takes, in both models together.

    Yields
    ------
    list of int
        Positions in `sizes`, in order. A tensor that is larger than the limit has a group of its own.
    """
    group: list[int] = []
    used = 0
    for position, size in enumerate(sizes):
        if group and used + size > MAX_PASS_BYTES:
            yield group
            group, used = [], 0
        group.append(position)
        used += size
    if group:
        yield group


def exposing(model: Rewritable, tensors: Sequence[int], threads: int) -> Runner:
    """Return a runner of the model from which these tensors can be read.

    Parameters
    ----------
    model
        Of which a changed copy is run.
    tensors
        Their indexes.
    threads
        CPU threads of the runtime.

    Returns
    -------
    Runner
        Loaded.
    """
    return Runner(model.exposing(dict.fromkeys(tensors)), threads)
