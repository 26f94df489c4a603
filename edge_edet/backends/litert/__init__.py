"""TensorFlow Lite's interpreters: on the CPU, with a delegate, and on the GPU."""

from __future__ import annotations

from edge_edet.backends.litert.fast_precisions import COVERED, slow, summary
from edge_edet.backends.litert.gpu import LiteRtGpuBackend
from edge_edet.backends.litert.interpreter import LiteRtBackend, find_runtime

__all__ = [
    "COVERED",
    "LiteRtBackend",
    "LiteRtGpuBackend",
    "find_runtime",
    "slow",
    "summary",
]
