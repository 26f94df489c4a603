"""The file format of calibration and correction records: a zip of arrays in numpy's format, no pickles.

The entry `meta.npy` is UTF-8 JSON as uint8, with `format_version` and `generator`; each kind of record
states its other entries and their types.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError
from edge_edet.files import Limit, open_input

__all__ = ["Arrays", "packed", "read_arrays"]

Arrays = Mapping[str, npt.NDArray[Any]]
T = TypeVar("T")
FILE_LIMIT = Limit(256 << 20, "the record of D7x has 2 MB")
MAX_ARRAY_BYTES = 64 * 2**20
READ_BYTES = 4096  # compressed bytes taken at once: LZMA makes up to 7,000 times as many of them
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
META_DTYPE = "u1"


def packed(meta: Mapping[str, Any], arrays: Arrays, dtypes: Mapping[str, str]) -> bytes:
    """Return the bytes of a file; the same contents give the same bytes.

    Parameters
    ----------
    meta
        Becomes the entry `meta`.
    arrays, dtypes
        Name of each other entry, and the dtype that it is stored in.
    """
    text = np.frombuffer(json.dumps(meta, indent=1).encode(), np.uint8)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in {"meta": text, **{name: arrays[name] for name in dtypes}}.items():
            buffer = io.BytesIO()
            np.save(buffer, array.astype(dtypes.get(name, META_DTYPE)), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_LZMA
            archive.writestr(entry, buffer.getvalue())
    return data.getvalue()


def read_arrays(
    path: Path,
    what: str,
    dtypes: Mapping[str, str],
    check_meta: Callable[[dict[str, Any]], None],
    parse: Callable[[dict[str, Any], Arrays], T],
) -> T:
    """Read a file and return what `parse` makes of its meta and its arrays.

    Parameters
    ----------
    path
        The file.
    what
        The kind of file, for messages, such as "calibration record".
    dtypes
        Name of each entry but `meta`, and its dtype.
    check_meta
        Called with the meta before any other entry is read, as other versions have other entries.
    parse
        May raise anything for arrays that do not fit together.

    Raises
    ------
    InputError
        For a file that is none, or is damaged, and what `check_meta` raises.
    """
    try:
        with (
            open_input(path, f"{what} {str(path)!r}", limit=FILE_LIMIT) as file,
            zipfile.ZipFile(file) as archive,
        ):
            meta = json.loads(bytes(_read_array(archive, "meta", META_DTYPE)))
            if not isinstance(meta, dict):
                raise ValueError("meta must be an object")
            check_meta(meta)
            arrays = {name: _read_array(archive, name, dtype) for name, dtype in dtypes.items()}
        return parse(meta, arrays)
    except InputError:
        raise
    except Exception as error:  # zipfile, lzma, numpy and json raise a dozen kinds for bad bytes
        raise InputError(
            f"{str(path)!r} is no {what} ({type(error).__name__}: {error}): expected a file "
            "written by 'edge-edet calibrate'"
        ) from None


def _read_array(archive: zipfile.ZipFile, name: str, expected: str) -> npt.NDArray[Any]:
    """One array. What its entry and its header say about sizes is not believed."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in METHODS:  # a kilobyte of bzip2 may unpack to a gigabyte at once
        raise ValueError(f"{name} is packed by method {entry.compress_type}, expected LZMA")
    with archive.open(entry) as stream:
        data = _read_limited(stream, name)
    header = io.BytesIO(data)
    version = np.lib.format.read_magic(header)
    if version != (1, 0):
        raise ValueError(f"{name} has version {version} of numpy's format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(header)
    if fortran or dtype != np.dtype(expected):
        raise ValueError(f"{name} holds {dtype}, expected {expected}")
    return np.frombuffer(data, dtype, offset=header.tell()).reshape(shape)


def _read_limited(stream: IO[bytes], name: str) -> bytearray:
    data = bytearray()
    while piece := stream.read(READ_BYTES):
        data += piece
        if len(data) > MAX_ARRAY_BYTES:
            raise ValueError(f"{name} unpacks to more than {MAX_ARRAY_BYTES} bytes")
    return data
