"""The optional packages: which extra brings which module, and what to say when one is missing."""

from __future__ import annotations

import sys

from edge_edet.errors import MissingExtraError
from edge_edet.runtimes import RUNTIMES

__all__ = ["EXTRAS", "broken_runtime", "install", "missing_extra", "missing_runtime"]

# extra of pyproject.toml -> the modules that it brings
EXTRAS: dict[str, tuple[str, ...]] = {
    **{one.extra: (one.module.partition(".")[0],) for one in RUNTIMES.values()},
    "convert": ("ai_edge_litert", "flatbuffers", "onnx", "openvino", "tqdm", "yaml"),
    "nncf": ("nncf",),
    "keras": ("h5py",),
    "bench": ("hotcoco", "tqdm", "yaml"),
    "report": ("matplotlib", "tqdm"),
    "cluster": ("distributed",),
    "video": ("av",),
    "browser": ("segno", "trustme"),
    "mqtt": ("paho",),
    "track": ("trackers", "supervision"),
}
# extra -> the extras that it takes in, and the modules that it brings beside theirs
_DEV = (
    "bench",
    "browser",
    "cluster",
    "convert",
    "keras",
    "mqtt",
    "nncf",
    "onnx",
    "openvino",
    "report",
    "tensorflow",
    "video",
)
_TOGETHER = {
    "dev": (_DEV, ("mediapipe", "pycocotools")),
    "docs": (("bench", "convert", "report"), ("mkdocstrings",)),
}
for _extra, (_parts, _more) in _TOGETHER.items():
    _modules = [module for part in _parts for module in EXTRAS[part]]
    EXTRAS[_extra] = (*dict.fromkeys(_modules), *_more)
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
    """Say how to install an extra on this Python, or what to take where it has no wheels for it."""
    here = python or sys.version_info[:2]
    last, instead = LAST_PYTHON.get(extra, (here, extra))
    command = f"pip install 'edge-edet[{instead if here > last else extra}]'"
    if here <= last:
        return command
    newest, ours = (".".join(map(str, one)) for one in (last, here))
    return f"{extra} has no wheels for Python {ours}, the last was {newest}; instead: {command}"


def missing_extra(error: ImportError, command: str = "") -> MissingExtraError | None:
    """Make the error for the failed import of an optional package, None for any other import."""
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


def missing_runtime(name: str) -> MissingExtraError:
    """Make the error for a runtime that is not installed."""
    return MissingExtraError(f"runtime {name!r} is not installed: {install(RUNTIMES[name].extra)}")


def broken_runtime(name: str, reason: str) -> MissingExtraError:
    """Make the error for a runtime that is installed but cannot be imported."""
    runtime = RUNTIMES[name]
    return MissingExtraError(
        f"runtime {name!r} {runtime.version} is installed but cannot be imported ({reason}): "
        f"pip install --force-reinstall 'edge-edet[{runtime.extra}]'"
    )
