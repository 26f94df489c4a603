"""Consumers of model files: what each needs, how that is known, and whether a file keeps it."""

from __future__ import annotations

from edge_edet.devices.targets.catalog import ALSO, find_target, known_targets, taken_as
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
    "ALSO",
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
    "taken_as",
]
