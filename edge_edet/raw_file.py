"""Raw outputs as an .npz, laid out as docs/raw.md says: numpy alone reads it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet import __version__
from edge_edet.errors import InputError
from edge_edet.raw_outputs import Grid, RawOutputs

__all__ = ["RAW_VERSION", "check_target", "is_raw_file", "write_raw"]

RAW_VERSION = 1
META = "meta"
MAX_META_BYTES = 2**20
GENERATOR = "edge-edet "


def write_raw(raw: RawOutputs, path: Path, picture: str | Path | None = None) -> None:
    """Through a temporary name; the same values give the same bytes. Raises InputError as `check_target`."""
    check_target(path)
    keys = _keys(raw.outputs)
    arrays: dict[str, npt.NDArray[Any]] = {
        META: np.array(json.dumps(_meta(raw, keys, picture), indent=1)),
        "input": raw.input,
        **{key: raw.outputs[name] for name, key in keys.items()},
    }
    if raw.anchors is not None:
        arrays["anchors"] = raw.anchors
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for key, array in arrays.items():
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{key}.npy"), buffer.getbuffer())
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path) -> None:
    """Raises InputError where the file is there and is not one that `write_raw` made."""
    if path.parent.exists() and not path.parent.is_dir():
        raise InputError(f"cannot write into {str(path.parent)!r}: it is a file")
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder, raw outputs are a file: give a name in it")
    if path.is_symlink() or (path.exists() and path.stat().st_size and not is_raw_file(path)):
        raise InputError(
            f"{str(path)!r} is there and holds no raw outputs of edge-edet: give another --raw, or "
            "move it away"
        )


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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"cannot write into {str(folder)!r}: it is a file") from None
