"""Read what an OpenVINO IR states about itself: layers, inputs, outputs, rt_info, its weights' size.

An IR is two files: `.xml` with the graph, and `.bin` beside it with the values of the Const layers.
They are read without the runtime, before it sees them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_edet.errors import ModelFileError
from edge_edet.files import Limit, read_input, read_whole, stamp
from edge_edet.formats.model_file import TensorInfo, missing_model, open_model, read_failed
from edge_edet.formats.openvino_xml import IR_VERSION, IrReader, LayerInfo

__all__ = ["BIN_SHA256_KEY", "IrModel", "read_ir"]

XML_LIMIT = Limit(2**25, "D0's graph has 0.8 MB")
BIN_SHA256_KEY = "edge_edet_bin_sha256"  # in rt_info: the weights that belong to this graph


@dataclass(frozen=True)
class IrModel:
    """Summary of an IR's main graph.

    A tensor with several names is listed once for each. `metadata` has the text of each rt_info entry
    with a value, by its path such as `edge_edet_manifest` or `model_info/labels`.

    Attributes
    ----------
    path
        Of the .xml.
    size_bytes
        Of both files.
    bin_bytes
        Of the .bin.
    name
        Of the graph.
    version
        Version of the IR.
    layers
        In the order of the file.
    input_tensors
        A tensor with several names once for each.
    output_tensors
        Likewise.
    metadata
        Text of each rt_info entry with a value, by its path.
    format
        Suffix of the file.
    stamp
        Of the two files as they were read; see `output_pair.stamp`.
    """

    path: Path
    size_bytes: int  # of both files
    bin_bytes: int
    name: str
    version: int
    layers: tuple[LayerInfo, ...]
    input_tensors: tuple[TensorInfo, ...]
    output_tensors: tuple[TensorInfo, ...]
    metadata: Mapping[str, bytes]
    format: str = ".xml"
    stamp: object = None  # of the two files as they were read; see `output_pair.stamp`

    @property
    def operator_names(self) -> tuple[str, ...]:
        """The type of each layer, constants left out."""
        return tuple(
            layer.type for layer in self.layers if layer.type not in ("Parameter", "Result")
        )


def read_ir(path: str | Path) -> IrModel:
    """Read the summary of an `.xml` and its `.bin`.

    While `convert` replaces the two files, both are read from the old model or both from the new one.

    Parameters
    ----------
    path
        Of the .xml.

    Returns
    -------
    IrModel
        The summary.

    Raises
    ------
    ModelFileError
        If the two files are not intact, or do not belong together.
    """
    path = Path(path)
    return read_whole(path, lambda: _read(path))


def _read(path: Path) -> IrModel:
    before = stamp(path)
    try:
        if path.is_dir():
            raise ModelFileError(f"{str(path)!r} is a folder: give the .xml file")
        data = read_input(
            path,
            f"model file {str(path)!r}",
            XML_LIMIT,
            missing=missing_model(path),
            error=ModelFileError,
        )
        if not data:
            raise ModelFileError(
                f"model file {str(path)!r} is empty: copy it again from where it was converted"
            )
        reader = IrReader(path)
        reader.read(data)
        bin_bytes = _check_weights(reader)
    except (OSError, ValueError) as error:  # ValueError: an embedded zero byte in the path
        raise read_failed(path, error) from None
    return IrModel(
        path=path,
        size_bytes=len(data) + bin_bytes,
        bin_bytes=bin_bytes,
        name=reader.name,
        version=IR_VERSION,
        layers=tuple(layer.info for layer in reader.layers.values() if layer.info.type != "Const"),
        input_tensors=tuple(reader.tensors("Parameter")),
        output_tensors=tuple(reader.tensors("Result")),
        metadata=reader.metadata,
        stamp=before,
    )


def _check_weights(reader: IrReader) -> int:
    """Return the size of the .bin; an IR without Const layers may come without one."""
    path = reader.path.with_suffix(".bin")
    needed = reader.weights_end
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        if not needed:
            return 0
        raise ModelFileError(
            f"no {path.name!r} beside {str(reader.path)!r}: an OpenVINO model is both files, "
            f"copy the .bin of {needed} bytes too"
        ) from None
    open_model(path).close()  # what is no file has a size too
    if size != needed:
        raise ModelFileError(
            f"{str(path)!r} has {size} bytes, its .xml needs {needed}: it is truncated or belongs "
            "to another model, copy both files again"
        )
    stated = reader.metadata.get(BIN_SHA256_KEY)
    if stated is not None:
        with open_model(path) as file:
            digest = hashlib.sha256()
            while part := file.read(2**20):
                digest.update(part)
        if digest.hexdigest().encode() != stated.lower():
            raise ModelFileError(
                f"{str(path)!r} is not what its .xml was written with: by {BIN_SHA256_KEY} its "
                f"sha256 begins with {stated[:12].decode('utf-8', 'replace')!r}, it is "
                f"{digest.hexdigest()[:12]!r}: copy both files again, or convert again if another "
                "program rewrote them"
            )
    return size
