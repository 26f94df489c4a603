"""The optional packages: which extra brings which module, and what to say when it is missing."""

from __future__ import annotations

import sys

from edge_edet.errors import MissingExtraError

__all__ = ["EXTRAS", "install", "missing_extra"]

# extra of pyproject.toml -> the modules that it brings
EXTRAS: dict[str, tuple[str, ...]] = {
    "litert": ("ai_edge_litert",),
    "tflite-runtime": ("tflite_runtime",),
    "openvino": ("openvino",),
    "onnx": ("onnxruntime",),
    "convert": ("ai_edge_litert", "flatbuffers", "onnx", "openvino", "tqdm", "yaml"),
    "nncf": ("nncf",),
    "keras": ("h5py",),
    "tensorflow": ("tensorflow",),
    "bench": ("hotcoco", "tqdm", "yaml"),
    "report": ("matplotlib", "tqdm"),
    "cluster": ("distributed",),
    "dev": ("mediapipe", "pycocotools"),
}
# extra -> (the last Python that its package has wheels for, what to take on newer ones)
LAST_PYTHON = {"tflite-runtime": ((3, 11), "litert")}
NEEDED_BY = {  # command -> its extra
    "convert": "convert",
    "calibrate": "convert",
    "eval": "bench",
    "bench": "bench",
    "report": "report",
    "reproduce": "convert",
}


def install(extra: str, python: tuple[int, int] | None = None) -> str:
    """How to get an extra on this Python, or what to take where it has no wheels for it."""
    here = python or sys.version_info[:2]
    last, instead = LAST_PYTHON.get(extra, (here, extra))
    command = f"pip install 'edge-edet[{instead if here > last else extra}]'"
    if here <= last:
        return command
    newest, ours = (".".join(map(str, one)) for one in (last, here))
    return f"{extra} has no wheels for Python {ours}, the last was {newest}; instead: {command}"


def missing_extra(error: ImportError, command: str = "") -> MissingExtraError | None:
    """What to raise for the failed import of an optional package, None for any other import."""
    module = (error.name or "").partition(".")[0]
    extras = [extra for extra, modules in EXTRAS.items() if module in modules]
    if not extras:
        return None
    preferred = NEEDED_BY.get(command)
    extra = preferred if preferred in extras else extras[0]
    how = install(extra)
    if isinstance(error, ModuleNotFoundError):
        return MissingExtraError(f"this needs the package {module}: {how}")
    reason = " ".join(str(error).split())
    return MissingExtraError(f"the package {module} is here but broken ({reason}): {how}")
