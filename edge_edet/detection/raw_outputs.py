"""What a model answered, before anything is made of it: to compare with other implementations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_edet.detection.preprocess import Placement
from edge_edet.errors import InputError
from edge_edet.formats.model_file import sha256_of

if TYPE_CHECKING:
    from edge_edet.detection.detector import DetectorInfo
    from edge_edet.detection.model_layout import ModelLayout
    from edge_edet.output_files.outputs import Outputs

__all__ = ["Grid", "RawOutputs", "about", "denormalized"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """What the integers of a tensor mean: real = scale * (q - zero_point)."""

    scale: float
    zero_point: int = 0


@dataclass(frozen=True, eq=False)
class RawOutputs:
    """One inference: `Detector.raw` and `Detector.raw_of` give it, `save` keeps it.

    input: the tensor as the model took it, [1, h, w, 3] RGB, name input_name. outputs: tensor name ->
    array as the runtime gave it. grids: of the input and of each output, None where it is not
    quantized. roles: "boxes", "classes" and, where the graph suppresses, "scores" and "count" ->
    tensor name. anchors: [N, 4] centre y, centre x, height, width in input pixels, None where the
    outputs are no codes. placement: what takes boxes back to the picture, None where a tensor was
    given. about: the model and what ran it, JSON-ready, see docs/raw.md.
    """

    input_name: str
    input: Array
    outputs: Mapping[str, Array]
    grids: Mapping[str, Grid | None]
    roles: Mapping[str, str]
    anchors: Floats | None
    placement: Placement | None
    about: Mapping[str, Any]

    def real(self, name: str) -> Floats:
        """The float32 values of the input or an output, dequantized where it has a grid.

        name: of the tensor. Raises InputError for one that is not there.
        """
        tensors = {self.input_name: self.input, **self.outputs}
        if name not in tensors:
            raise InputError(f"no tensor {name!r} among the raw outputs: {', '.join(tensors)}")
        values, grid = tensors[name].astype(np.float32), self.grids[name]
        if grid is None:
            return values
        return np.float32(grid.scale) * (values - np.float32(grid.zero_point))

    def save(
        self,
        path: str | Path,
        *,
        picture: str | Path | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        """Writes all of it as an .npz: `numpy.load` reads it, docs/raw.md has the layout.

        picture: noted in the file. Replaces only what this wrote before: InputError for anything else.
        outputs: by which that is decided, where more is written together.
        """
        from edge_edet.detection.raw_file import write_raw

        write_raw(self, Path(path), picture, outputs)


def about(info: DetectorInfo, layout: ModelLayout) -> dict[str, Any]:
    """The model, its runtime and how its input is made, JSON-ready: docs/raw.md."""
    mean, std = layout.mean, layout.std
    if layout.variant is not None and not mean:  # its graph normalizes
        mean, std = layout.variant.mean, layout.variant.std
    return {
        "model": {
            "path": info.model_path,
            "sha256": sha256_of(info.model_path),
            "variant": info.variant,
            "precision": info.precision,
        },
        "runtime": {
            "name": info.runtime,
            "version": info.runtime_version,
            "delegate": info.delegate,
            "execution_devices": list(info.execution_devices),
            "inference_precision": info.inference_precision,
            "threads": info.threads,
        },
        "input": {
            "normalized": bool(layout.mean),
            "mean": list(mean) or None,
            "std": list(std) or None,
            "fit": info.fit,
            "pad_rgb": list(info.pad_rgb),
        },
    }


def denormalized(layout: ModelLayout, model: str, values: npt.NDArray[Any]) -> Floats:
    """See `Detector.denormalize`."""
    if layout.input_dtype != "float32":
        raise InputError(
            f"{model!r} takes {layout.input_dtype}, which holds no normalized picture: "
            "convert it with --input float32"
        )
    wanted = (1, *layout.input_size, 3)
    given = np.asarray(values)
    if given.shape != wanted or given.dtype.kind != "f":
        channels_first = given.shape == (1, 3, *layout.input_size)
        advice = "; channels come last: values.transpose(0, 2, 3, 1)" if channels_first else ""
        raise InputError(
            f"a normalized picture for {model!r} must be floats {list(wanted)}, but is "
            f"{given.dtype} {list(given.shape)}{advice}"
        )
    if layout.variant is None:
        return given.astype(np.float32)
    mean, std = (np.asarray(v, np.float64) for v in (layout.variant.mean, layout.variant.std))
    return np.asarray(given.astype(np.float64) * std + mean, np.float32)
