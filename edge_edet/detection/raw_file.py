"""Raw outputs as an .npz, laid out as docs/raw.md says: numpy alone reads it."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.detection.raw_outputs import Grid, RawOutputs
from edge_edet.output_files.kinds import Kind
from edge_edet.output_files.outputs import Outputs, outputs_of

__all__ = ["RAW", "RAW_VERSION", "is_raw_file", "write_raw"]

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
    """The same values give the same bytes.

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
    """Told by what the file says of itself; what cannot be read is not ours."""
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
