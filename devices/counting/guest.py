"""Run models on drawn inputs, and mark each inference for the counter.

This script runs where the runtime is, so it imports only what a board has: the core of edge_edet. It
reads a JSON object: models (paths), threads, runtime, inferences. Beside it, it writes for the model at
index I the file I.npz with its outputs, then I.json with what ran and the number of marks that came before,
or with an error. A mark is a call of getsid: one before the inferences, one after each.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.backends import RunOptions, open_backend
from edge_edet.errors import EdgeEdetError
from edge_edet.formats import read_model

WARM = 30


def fill(interpreter: Any, seed: int) -> None:
    """Draw the inputs: 8-bit values from all of them, floats from -1 to 1; others, which index, are 0."""
    random = np.random.default_rng(seed)
    for details in interpreter.get_input_details():
        shape, kind = details["shape"], np.dtype(details["dtype"])
        values: Any = np.zeros(shape, kind)
        if kind.kind == "f":
            values = np.asarray(random.uniform(-1, 1, shape), kind)
        elif kind in (np.int8, np.uint8):
            ends = np.iinfo(kind)
            values = np.asarray(random.integers(ends.min, ends.max, shape, kind, endpoint=True))
        interpreter.set_tensor(details["index"], values)


def mark_each(call: Callable[[], object], times: int) -> None:
    """Call something between marks."""
    os.getsid(0)
    for _ in range(times):
        call()
        os.getsid(0)


def run_model(path: Path, job: dict[str, Any], output: Path) -> dict[str, Any]:
    """Run a model once, then `inferences` times between marks; returns what ran."""
    model = read_model(path)
    options = RunOptions(runtime=job["runtime"])
    backend = open_backend(model, options, threads=job["threads"])
    try:
        # What the detector does not need of a backend: tensors of no dimension, and a call that makes no
        # arrays of the outputs, which are thousands of instructions of Python.
        interpreter: Any = backend._interpreter  # type: ignore[attr-defined]  # noqa: SLF001
        fill(interpreter, seed=0)
        found: dict[str, Any] = {
            f"{n}": array.copy() for n, array in enumerate(backend.run().values())
        }
        np.savez(output, **found)
        mark_each(interpreter.invoke, job["inferences"])
        return backend.info.to_dict()
    finally:
        backend.close()


def main(path: Path) -> int:
    """Run all models of the job; returns the exit status."""
    job = json.loads(path.read_text())
    gc.disable()
    mark_each(int, WARM)  # Python is done with adapting its bytecode then
    marks = WARM + 1
    for index, model in enumerate(job["models"]):
        told = path.with_name(f"{index}.json")
        try:
            about = {"ran": run_model(Path(model), job, told.with_suffix(".npz")), "marks": marks}
            marks += job["inferences"] + 1
        except EdgeEdetError as error:
            about = {"error": str(error)}
        new = told.with_suffix(".new")
        new.write_text(json.dumps(about))
        new.rename(told)
        if "error" in about:
            return 3  # how many marks were made is not known
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
