"""Run a trained EfficientDet on the device: `edge_edet.load("d0-int8.tflite").detect(image)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.errors import (
    BackendError,
    CheckpointError,
    EdgeEdetError,
    ImageError,
    InputError,
    MissingExtraError,
    ModelFileError,
    PictureWarning,
)

if TYPE_CHECKING:
    from edge_edet.detection import (
        Detection,
        Detections,
        Detector,
        PostprocessConfig,
        RawOutputs,
        load,
    )
    from edge_edet.manifest import Manifest, read_manifest
    from edge_edet.video import Frame, Stream, stream

__version__ = "0.2.0"

# Python run in a clone takes this folder before an installed package (the current folder stands first in
# sys.path). The other four folders of the package stand beside it there: setup.py maps them.
_BESIDE = Path(__file__).resolve().parent.parent
if (_BESIDE / "setup.py").is_file() and (_BESIDE / "converters" / "pipeline").is_dir():
    __path__.append(str(_BESIDE))

__all__ = [
    "BackendError",
    "CheckpointError",
    "Detection",
    "Detections",
    "Detector",
    "EdgeEdetError",
    "Frame",
    "ImageError",
    "InputError",
    "Manifest",
    "MissingExtraError",
    "ModelFileError",
    "PictureWarning",
    "PostprocessConfig",
    "RawOutputs",
    "Stream",
    "__version__",
    "convert",
    "load",
    "read_manifest",
    "stream",
]

# Imported when first used: `edge-edet --help` then needs neither numpy nor Pillow, and a
# device that only runs models nothing of the converter.
_LAZY = {
    "Detection": "edge_edet.detection",
    "Detections": "edge_edet.detection",
    "Detector": "edge_edet.detection",
    "Frame": "edge_edet.video",
    "Manifest": "edge_edet.manifest",
    "PostprocessConfig": "edge_edet.detection",
    "RawOutputs": "edge_edet.detection",
    "Stream": "edge_edet.video",
    "convert": "edge_edet.converters",
    "load": "edge_edet.detection",
    "read_manifest": "edge_edet.manifest",
    "stream": "edge_edet.video",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'edge_edet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
