"""The optional packages: which extra brings which module, and what to say when it is missing."""

from __future__ import annotations

from edge_edet.errors import MissingExtraError

__all__ = ["EXTRAS", "missing_extra"]

# imported module -> the extra of pyproject.toml that brings it
EXTRAS = {
    "ai_edge_litert": "litert",
    "tflite_runtime": "tflite-runtime",
    "flatbuffers": "convert",
    "tqdm": "convert",
    "h5py": "keras",
    "tensorflow": "tensorflow",
    "pycocotools": "dev",
    "mediapipe": "dev",
}


def missing_extra(error: ImportError) -> MissingExtraError | None:
    """What to raise for the failed import of an optional package, None for any other import."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return None
    command = f"pip install 'edge-edet[{EXTRAS[module]}]'"
    if isinstance(error, ModuleNotFoundError):
        return MissingExtraError(f"this needs the package {module}: {command}")
    reason = " ".join(str(error).split())
    return MissingExtraError(f"the package {module} is here but broken ({reason}): {command}")
