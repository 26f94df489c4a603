"""A model's raw outputs, before postprocessing: to compare with other implementations."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.detection.preprocess import LetterboxTransform
from edge_edet.errors import InputError
from edge_edet.output_files import Kind, Outputs, outputs_of

__all__ = ["RAW", "RAW_VERSION", "Grid", "RawOutputs", "is_raw_file", "write_raw"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """The quantization of a tensor: real = scale * (q - zero_point)."""

    scale: float
    zero_point: int = 0


@dataclass(frozen=True, eq=False)
class RawOutputs:
    """The input and raw outputs of one inference, with all that is needed to read them.

    `Detector.raw` and `Detector.raw_of` return it, `save` writes it to a file.

    Attributes
    ----------
    input_name, input
        The tensor as the model took it, [1, h, w, 3] RGB.
    outputs
        Tensor name -> array as the runtime returned it.
    grids
        Name of the input or an output -> its quantization, None where it has none.
    roles
        "boxes", "classes" and, where the graph suppresses, "scores" and "count" -> tensor name.
    anchors
        [N, 4] centre y, centre x, height, width in input pixels; None where the outputs are no box codes.
    placement
        What takes boxes back to the picture; None where a tensor was given.
    about
        The model and what ran it, JSON-ready, see docs/raw.md.
    """

    input_name: str
    input: Array
    outputs: Mapping[str, Array]
    grids: Mapping[str, Grid | None]
    roles: Mapping[str, str]
    anchors: Floats | None
    placement: LetterboxTransform | None
    about: Mapping[str, Any]

    def real(self, name: str) -> Floats:
        """Dequantize the input or an output.

        Parameters
        ----------
        name
            Of the tensor.

        Returns
        -------
        array
            float32, the same shape.

        Raises
        ------
        InputError
            There is no such tensor.
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
        """Write all of it as an .npz, which `numpy.load` reads; docs/raw.md has the layout.

        Parameters
        ----------
        path
            The file to write.
        picture
            Noted in the file.
        outputs
            What else is written together, and what may be replaced.

        Raises
        ------
        InputError
            A file is there that this did not write.
        """
        write_raw(self, Path(path), picture, outputs)


RAW_VERSION = 1
META = "meta"
MAX_META_BYTES = 2**20
GENERATOR = "edge-edet "


def write_raw(
    raw: RawOutputs,
    path: Path,
    picture: str | Path | None = None,
    outputs: Outputs | None = None,
) -> None:
    """Write raw outputs as `RawOutputs.save`; the same values give the same bytes.

    outputs: what else the command writes, and its inputs. Raises InputError where a file is there that
    `write_raw` did not make.
    """
    keys = _keys(raw.outputs)
    arrays: dict[str, npt.NDArray[Any]] = {
        META: np.array(json.dumps(_meta(raw, keys, picture), indent=1)),
        "input": raw.input,
        **{key: raw.outputs[name] for name, key in keys.items()},
    }
    if raw.anchors is not None:
        arrays["anchors"] = raw.anchors
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), buffer.getbuffer())
    with outputs_of(outputs) as writing:
        writing.write(path, data.getvalue(), RAW)


def is_raw_file(path: Path) -> bool:
    """Whether a file says of itself that it holds raw outputs; False for what cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{META}.npy") as stream:
            data = io.BytesIO(stream.read(MAX_META_BYTES))
            document = json.loads(str(np.load(data, allow_pickle=False)))
        return "raw_version" in document and document["generator"].startswith(GENERATOR)
    except Exception:  # zipfile, numpy and json raise a dozen kinds for bad bytes
        return False


def _meta(raw: RawOutputs, keys: Mapping[str, str], picture: str | Path | None) -> dict[str, Any]:
    roles = {name: role for role, name in raw.roles.items()}
    about = {key: value for key, value in raw.about.items() if key != "input"}
    return {
        "raw_version": RAW_VERSION,
        "generator": f"{GENERATOR}{__version__}",
        "picture": None if picture is None else str(picture),
        "placement": raw.placement and dataclasses.asdict(raw.placement),
        **about,
        "input": {"name": raw.input_name, **_grid(raw.grids[raw.input_name]), **raw.about["input"]},
        "outputs": {
            name: {"key": key, "role": roles.get(name), **_grid(raw.grids[name])}
            for name, key in keys.items()
        },
    }


def _grid(grid: Grid | None) -> dict[str, Any]:
    if grid is None:
        return {"scale": None, "zero_point": None}
    return {"scale": grid.scale, "zero_point": grid.zero_point}


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Tensor name -> entry of the archive: what may not stand in a file's name becomes "_"."""
    keys: dict[str, str] = {}
    for name in names:
        plain = key = "output." + re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        number = 1
        while key.lower() in {taken.lower() for taken in keys.values()}:
            number += 1
            key = f"{plain}-{number}"
        keys[name] = key
    return keys


RAW = Kind("raw outputs of edge-edet", is_raw_file, durable=False)
