"""Whether tensors are what the model file states: those of the runtime, and those that callers hand in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.arguments import check_kind, shown
from edge_edet.backends import Backend, TensorSpec
from edge_edet.detection.model_layout import ModelLayout
from edge_edet.errors import BackendError, InputError, ModelFileError
from edge_edet.manifest import ROWS

__all__ = ["as_input", "check_classes_together", "check_outputs", "check_runtime"]

Array = npt.NDArray[Any]


def check_runtime(
    backend: Backend, layout: ModelLayout, model: str, num_anchors: int | None
) -> dict[str, TensorSpec]:
    """Return the runtime's tensors by name, once they are those that the file states.

    Runtimes derive shapes anew. num_anchors: None where the graph suppresses by itself.
    Raises BackendError where a tensor is missing, ModelFileError for another shape.
    """
    specs = {spec.name: spec for spec in (*backend.inputs, *backend.outputs)}
    missing = {layout.input_name, *layout.outputs.values()} - set(specs)
    if missing:
        raise BackendError(
            f"{backend.name} does not offer the tensors {sorted(missing)} of the model, "
            f"only {sorted(specs)}"
        )
    shapes = {role: specs[name].shape for role, name in layout.outputs.items()}
    if num_anchors is not None:
        expected: dict[str, tuple[int, ...]] = {
            "boxes": (1, num_anchors, 4),
            "classes": (1, num_anchors, len(layout.labels)),
        }
    elif ROWS in shapes:
        expected = {ROWS: (1, 1, *shapes[ROWS][2:3], 7)}
    else:
        k = shapes["scores"][-1:]  # boxes, or boxes times their classes
        expected = {"boxes": (1, *k, 4), "classes": (1, *k), "scores": (1, *k), "count": (1,)}
    if shapes != expected:
        raise ModelFileError(
            f"{backend.name} gives other shapes than {model!r} states: "
            f"{', '.join(f'{role} {list(shape)}' for role, shape in shapes.items())}"
        )
    return specs


def as_input(tensor: object, spec: TensorSpec) -> Array:
    """Return the caller's input tensor as an array. Raises InputError for another shape or type."""
    try:
        array = np.asarray(tensor)
    except ValueError:  # lists of different lengths
        check_kind(tensor, np.ndarray, "the input tensor", f"an array {list(spec.shape)}")
        raise
    if array.shape != spec.shape or array.dtype != spec.dtype:
        raise InputError(
            f"input {spec.name!r} must be {spec.dtype} {list(spec.shape)}, but is "
            f"{array.dtype} {list(array.shape)}"
        )
    return array


def check_outputs(outputs: object, specs: list[TensorSpec]) -> None:
    """Raise InputError where one of the caller's raw outputs is missing, or of another shape or type."""
    names = [spec.name for spec in specs]
    if not isinstance(outputs, Mapping) or not set(names) <= set(outputs):
        given = sorted(map(str, outputs)) if isinstance(outputs, Mapping) else shown(outputs)
        raise InputError(
            f"outputs must be a mapping with the arrays {sorted(names)}, as infer gives them, "
            f"but got {given}"
        )
    for spec in specs:
        array = outputs[spec.name]
        check_kind(array, np.ndarray, f"output {spec.name!r}", f"an array {list(spec.shape)}")
        if array.shape != spec.shape or array.dtype != spec.dtype:
            raise InputError(
                f"output {spec.name!r} must be {spec.dtype} {list(spec.shape)}, but is "
                f"{array.dtype} {list(array.shape)}"
            )


def check_classes_together(boxes: Array, rows: int, classes_per_box: int, backend: Backend) -> None:
    """Raise BackendError where the graph's own suppression left holes between the classes of a box.

    boxes: [K, 4], of which the first `rows` are used. ai-edge-litert 2.3 writes the classes of one box side
    by side; older runtimes did not (tensorflow issue 47551).
    """
    if classes_per_box == 1 or not 0 < rows <= len(boxes):
        return
    groups = boxes[: rows // classes_per_box * classes_per_box].reshape(-1, classes_per_box, 4)
    if not (groups == groups[:, :1]).all():
        raise BackendError(
            f"{backend.name} {backend.info.runtime_version} does not write the {classes_per_box} "
            "classes of a box side by side, as later versions do: update it"
        )
