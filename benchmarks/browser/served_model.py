"""A model file as pages need it: LiteRT.js exposes neither quantization nor how a picture fits."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge_edet.benchmarks.bench import convert_d0, find_models
from edge_edet.benchmarks.rows import ModelFacts, model_facts
from edge_edet.detection import Detections, ModelLayout, PostprocessConfig, anchors, layout_of
from edge_edet.devices.targets import check_model, find_target
from edge_edet.errors import InputError
from edge_edet.files import Limit, read_input
from edge_edet.formats import read_model
from edge_edet.formats.tflite import TfliteModel

__all__ = ["ServedModel", "find_or_convert", "read_served"]

TARGET = "litertjs"
LIMIT = Limit(1 << 30, "a browser holds no more in WebAssembly")


@dataclass(frozen=True, eq=False)
class ServedModel:
    """One model file that LiteRT.js loads.

    Attributes
    ----------
    path, data, facts, layout
        The file, its content, what a row says of it, and what its tensors mean.
    grids
        Role of an output -> type, scale and zero point; scale None where the values are real.
    config
        The postprocessing.
    expected
        What the native runtime finds in the parity pictures.
    """

    path: Path
    data: bytes
    facts: ModelFacts
    layout: ModelLayout
    grids: Mapping[str, tuple[str, float | None, int]]
    config: PostprocessConfig
    expected: list[Detections] = field(default_factory=list)

    def anchor_bytes(self) -> bytes | None:
        """Make the anchors, [N, 4] float32 little endian; None where the graph suppresses."""
        if self.layout.in_graph or self.layout.variant is None:
            return None
        return anchors(self.layout.variant).astype("<f4").tobytes()

    def to_dict(self, number: int) -> dict[str, Any]:
        """Make the JSON of `ModelSpec` in page/types.js."""
        layout, config = self.layout, self.config
        height, width = layout.input_size
        return {
            "number": number,
            "name": self.path.name,
            "url": f"model/{number}",
            "anchors": None if layout.in_graph else f"anchors/{number}",
            "precision": self.facts.precision,
            "input": {
                "name": layout.input_name,
                "dtype": layout.input_dtype,
                "height": height,
                "width": width,
                "fit": layout.fit,
                "pad": list(layout.pad_rgb),
            },
            "outputs": {
                role: {"name": name, **_grid(self.grids[role])}
                for role, name in layout.outputs.items()
            },
            "labels": list(layout.labels),
            "num_classes": layout.num_classes,
            "postprocess": {
                "score_threshold": config.score_threshold,
                "iou_threshold": config.iou_threshold,
                "candidates": config.candidates,
                "per_class": config.per_class,
                "max_detections": config.max_detections,
            },
        }


def read_served(path: Path, config: PostprocessConfig) -> ServedModel:
    """Read a model file, and refuse one that LiteRT.js would not load.

    Raises
    ------
    InputError
        For such a file, with the command that converts one; and where it is no detector of ours.
    """
    model = read_model(path)
    verdict = check_model(model, find_target(TARGET))
    if verdict.verdict == "refused":
        cure = verdict.cures[0] if verdict.cures else "edge-edet convert --int8 d0 --for litertjs"
        raise InputError(
            f"{str(path)!r} does not load in browsers ({verdict.line}): make one that does with "
            f"'{cure}'"
        )
    layout = layout_of(model)
    if layout.manifest is None or not isinstance(model, TfliteModel):
        raise InputError(
            f"{str(path)!r} is no file of 'edge-edet convert', and pages know the outputs of no other: "
            "make one with 'edge-edet convert --int8 d0 --for litertjs'"
        )
    tensors = {tensor.name: tensor for tensor in model.output_tensors}
    grids = {}
    for role, name in layout.outputs.items():
        tensor = tensors[name]
        scale = None if tensor.dtype == "float32" else float(np.float32(tensor.scales[0]))
        grids[role] = (tensor.dtype, scale, 0 if scale is None else int(tensor.zero_points[0]))
    data = read_input(path, f"model {str(path)!r}", LIMIT)
    return ServedModel(path, data, model_facts(path), layout, grids, config)


def find_or_convert(note: Callable[[str], None]) -> list[Path]:
    """Find every model under build/ that loads in browsers; where there is none, convert D0.

    Parameters
    ----------
    note
        Takes notes for people.

    Returns
    -------
    list[Path]
        Paths of models.

    Raises
    ------
    InputError
        Where the conversion makes none.
    """
    found = _loadable(find_models())
    return found or _loadable(convert_d0(note, TARGET))


def _loadable(paths: Sequence[Path]) -> list[Path]:
    good = []
    for path in paths:
        with contextlib.suppress(InputError):
            read_served(path, PostprocessConfig())
            good.append(path)
    return good


def _grid(given: tuple[str, float | None, int]) -> dict[str, Any]:
    dtype, scale, zero_point = given
    return {"dtype": dtype, "scale": scale, "zero_point": zero_point}
