"""Read a model file of any format: its suffix says which, or its content under any other name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_edet.arguments import as_path
from edge_edet.errors import ModelFileError
from edge_edet.formats.model_file import ModelFile, open_model, read_failed
from edge_edet.formats.onnx import read_onnx
from edge_edet.formats.openvino_ir import read_ir
from edge_edet.formats.table import FORMATS
from edge_edet.formats.tflite import read_tflite

__all__ = ["read_model"]

READERS: dict[str, Callable[[Path], ModelFile]] = {
    ".tflite": read_tflite,
    ".xml": read_ir,
    ".onnx": read_onnx,
}
CHECKPOINTS = (".safetensors", ".pth", ".pt", ".ckpt", ".h5")
ONNX_START = b"\x08"  # ModelProto.ir_version, which every writer puts first


def read_model(path: str | Path) -> ModelFile:
    """Read the summary of a .tflite, .xml or .onnx.

    Parameters
    ----------
    path
        Of the file.

    Returns
    -------
    ModelFile
        The summary.

    Raises
    ------
    ModelFileError
        If the file is not intact, or of no known format.
    """
    path = as_path(path, "the model's path")
    suffix = path.suffix.lower()
    if suffix == ".bin" and path.with_suffix(".xml").is_file():
        raise ModelFileError(
            f"{str(path)!r} holds an OpenVINO model's weights: give the .xml beside it"
        )
    return READERS[suffix if suffix in FORMATS else _format_of(path)](path)


def _format_of(path: Path) -> str:
    try:
        if path.is_dir():
            raise ModelFileError(
                f"{str(path)!r} is a folder: give a model file, {', '.join(FORMATS)}"
            )
        with open_model(path) as file:
            head = file.read(8)
    except (OSError, ValueError) as error:  # ValueError: an embedded zero byte in the path
        raise read_failed(path, error) from None
    if head[4:] != b"TFL3":
        if head.startswith((b"<?xml", b"<net")):
            return ".xml"
        if head.startswith(ONNX_START):
            return ".onnx"
        if path.suffix.lower() in CHECKPOINTS:
            raise ModelFileError(
                f"{str(path)!r} is a checkpoint by its name: make a model file of it with 'edge-edet "
                "convert', and give that"
            )
    return ".tflite"
