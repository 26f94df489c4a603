"""Whether an INT8 model is healthy, why not, and what to do."""

from __future__ import annotations

from edge_edet.converters.inspect.verdict.advice import (
    CALIBRATE,
    better_recipe,
    calibrated_on,
    for_seen_pictures,
)
from edge_edet.converters.inspect.verdict.detections import (
    MOVED_IOU,
    SAME_IOU,
    Agreement,
    agreement,
)
from edge_edet.converters.inspect.verdict.diagnosis import diagnose, score_shift
from edge_edet.converters.inspect.verdict.findings import (
    Finding,
    nothing_stands_out,
    sorted_findings,
)
from edge_edet.converters.inspect.verdict.verdict import (
    FAULT,
    FILE_ALONE,
    MEANINGS,
    RANDOM,
    REFUSED,
    Verdict,
    judge,
    thresholds,
)

__all__ = [
    "CALIBRATE",
    "FAULT",
    "FILE_ALONE",
    "MEANINGS",
    "MOVED_IOU",
    "RANDOM",
    "REFUSED",
    "SAME_IOU",
    "Agreement",
    "Finding",
    "Verdict",
    "agreement",
    "better_recipe",
    "calibrated_on",
    "diagnose",
    "for_seen_pictures",
    "judge",
    "nothing_stands_out",
    "score_shift",
    "sorted_findings",
    "thresholds",
]
