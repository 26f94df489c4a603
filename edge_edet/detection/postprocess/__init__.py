"""From a model's raw outputs to boxes: selection, decoding, non-maximum suppression."""

from __future__ import annotations

from edge_edet.detection.postprocess.boxes import (
    Found,
    QuantizedTensor,
    from_graph,
    from_rows,
    postprocess,
)
from edge_edet.detection.postprocess.config import (
    PostprocessConfig,
    check_config,
    check_in_graph,
)
from edge_edet.detection.postprocess.nms import hard_nms

__all__ = [
    "Found",
    "PostprocessConfig",
    "QuantizedTensor",
    "check_config",
    "check_in_graph",
    "from_graph",
    "from_rows",
    "hard_nms",
    "postprocess",
]
