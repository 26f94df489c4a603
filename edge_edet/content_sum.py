"""The checksum over what a model file computes: graph and stored values, without manifest and labels.

It detects a file that was damaged or changed after conversion, which would otherwise give wrong
results without a warning. It is no signature: who changes a file on purpose can also write a new sum.
docs/manifest.md describes what the sum covers in each format.
"""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.errors import ModelFileError
from edge_edet.formats import (
    BIN_SHA256_KEY,
    IrModel,
    ModelFile,
    fields,
    open_model,
    read_failed,
    sha256_of,
)
from edge_edet.formats.tflite import EDGE_TPU, TfliteModel

if TYPE_CHECKING:
    from edge_edet.manifest import Manifest

__all__ = ["PLACEHOLDER", "check_content", "content_sha256", "ir_content", "onnx_content"]

PLACEHOLDER = "0" * 64  # what a writer puts into the manifest until the sum is known
# Of an ONNX model: the graph, operator sets and functions; not producer, texts and metadata.
ONNX_FIELDS = (7, 8, 25)


def content_sha256(model: ModelFile) -> str:
    """Compute the sum, 64 hex digits. Raises ModelFileError where the file cannot be read."""
    if isinstance(model, IrModel):
        stated = model.metadata.get(BIN_SHA256_KEY)  # which was held against the file
        weights = model.path.with_suffix(".bin")
        found = (
            stated.decode().lower()
            if stated
            else (sha256_of(weights) if model.bin_bytes else hashlib.sha256().hexdigest())
        )
        return ir_content(_whole(model.path), found)
    data = _whole(model.path)
    if isinstance(model, TfliteModel):
        return model.content.sha256(data)
    return onnx_content(data)


def _whole(path: Path) -> memoryview:
    try:
        with open_model(path) as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise read_failed(path, error) from None


def ir_content(xml: bytes | memoryview, bin_sha256: str) -> str:
    """Compute the sum of an IR: the .xml from its first layer to its last edge, and the .bin's sha256.

    Line ends of the .xml do not matter.
    """
    text = bytes(xml)
    graph = text[max(text.find(b"<layers"), 0) : text.rfind(b"</edges>")]
    digest = hashlib.sha256(graph.replace(b"\r\n", b"\n"))
    digest.update(bin_sha256.encode())
    return digest.hexdigest()


def onnx_content(data: bytes | memoryview) -> str:
    """Compute the sum of an ONNX model, over the fields of ONNX_FIELDS."""
    digest = hashlib.sha256()
    for number, value in fields(memoryview(data)):
        if number in ONNX_FIELDS and not isinstance(value, int):
            digest.update(b"%d:%d:" % (number, len(value)))
            digest.update(value)
    return digest.hexdigest()


def check_content(model: ModelFile, manifest: Manifest | None) -> bool | None:
    """Compare a file with the sum in its manifest.

    Returns
    -------
    bool or None
        True if the file is as it was converted. None if it has no sum: older files, foreign ones, and
        what the compiler for the Edge TPU made of one of ours, which is another graph.

    Raises
    ------
    ModelFileError
        If the file was changed.
    """
    if manifest is None or manifest.content_sha256 is None:
        return None
    if isinstance(model, TfliteModel) and EDGE_TPU in model.custom_operators:
        return None
    found = content_sha256(model)
    if found != manifest.content_sha256:
        raise ModelFileError(
            f"{str(model.path)!r} was changed after it was converted: the sum over its graph and "
            f"weights begins with {found[:12]!r}, by its manifest with "
            f"{manifest.content_sha256[:12]!r}; copy it again, convert it again, or give "
            "--no-verify (verify=False) to run it as it is"
        )
    return True
