"""OpenVINO's runtime, and which layers it really runs in which precision."""

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
