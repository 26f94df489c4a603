"""OpenVINO's runtime, and what it really executed."""

from __future__ import annotations

from edge_edet.backends.openvino.backend import (
    OpenVinoBackend,
    import_openvino,
    one_reason,
    openvino_devices,
)
from edge_edet.backends.openvino.executed import executed_layers

__all__ = [
    "OpenVinoBackend",
    "executed_layers",
    "import_openvino",
    "one_reason",
    "openvino_devices",
]
