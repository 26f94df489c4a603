"""The runtimes: what each is called, where it comes from, and which options of `load` it takes.

Which of them run a model file is in the table of formats, `edge_edet.formats.FORMATS`.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from edge_edet.errors import InputError

__all__ = ["RUNTIMES", "Runtime", "installed_version", "is_installed", "unknown_runtime"]


def is_installed(module: str) -> bool:
    """Whether a module's package is there; whether it can be imported is another question."""
    with contextlib.suppress(ImportError, ValueError):
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    return False


def installed_version(*packages: str) -> str | None:
    """Return the version of the first of these packages that is installed, None without any."""
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(package)
    return None


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    Attributes
    ----------
    name
        In options, rows and texts; the name of its package on PyPI.
    module
        What is imported of it.
    distributions
        The packages that bring the module; one of them is installed.
    extra
        The extra of pyproject.toml that installs it.
    options
        What `load` takes for it besides threads and runtime.
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    extra: str
    options: tuple[str, ...]

    @property
    def is_installed(self) -> bool:
        """Whether its package is there."""
        return is_installed(self.module)

    @property
    def version(self) -> str:
        """The version of the installed package, "unknown" where there is none."""
        return installed_version(*self.distributions) or "unknown"


_LITERT = ("delegate", "delegate_options")
_TABLE = (
    Runtime(
        "ai-edge-litert",
        "ai_edge_litert.interpreter",
        ("ai-edge-litert", "ai-edge-litert-nightly"),
        "litert",
        _LITERT,
    ),
    Runtime(
        "tflite-runtime",
        "tflite_runtime.interpreter",
        ("tflite-runtime", "tflite-runtime-nightly"),
        "tflite-runtime",
        _LITERT,
    ),
    Runtime(
        "tensorflow",
        "tensorflow.lite",
        ("tensorflow", "tensorflow-cpu", "tf-nightly"),
        "tensorflow",
        _LITERT,
    ),
    Runtime(
        "openvino", "openvino", ("openvino",), "openvino", ("device", "precision", "cache_dir")
    ),
    Runtime(
        "onnxruntime",
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
        "onnx",
        ("device",),
    ),
)
RUNTIMES = {runtime.name: runtime for runtime in _TABLE}
# what else people, packages and other tools call them -> the name that is taken
OTHER_SPELLINGS = {
    "litert": "ai-edge-litert",
    "tflite": "ai-edge-litert",
    "tf": "tensorflow",
    "ov": "openvino",
    "onnx": "onnxruntime",
    "ort": "onnxruntime",
}


def unknown_runtime(
    name: str, known: Iterable[str] = RUNTIMES, what: str = "unknown runtime"
) -> InputError:
    """Make the error for a name that is not among the known ones; it names the right spelling."""
    known = tuple(known)
    plain = name.strip().lower().replace("_", "-").removesuffix("-nightly")
    right = OTHER_SPELLINGS.get(plain, plain)
    if right in known:
        return InputError(f"{what} {name!r}: it is called {right!r} here")
    return InputError(f"{what} {name!r}: known are {', '.join(known)}")
