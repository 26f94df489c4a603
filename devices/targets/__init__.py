"""Consumers of model files: what each needs, how that is known, and whether a file keeps it."""

from __future__ import annotations

from edge_edet.devices.targets.catalog import find_target, known_targets
from edge_edet.devices.targets.check import Finding, Verdict, check_model
from edge_edet.devices.targets.target import (
    KNOWN,
    Beside,
    Evidence,
    Making,
    Rule,
    Target,
    read_target,
)

__all__ = [
    "KNOWN",
    "Beside",
    "Evidence",
    "Finding",
    "Making",
    "Rule",
    "Target",
    "Verdict",
    "check_model",
    "find_target",
    "known_targets",
    "read_target",
]
