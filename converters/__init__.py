"""Checkpoints to model files: `edge_edet.convert`, what it returns, and the packages of its steps."""

from __future__ import annotations

from edge_edet.converters.conversion import convert
from edge_edet.converters.facts import TrainingOptions
from edge_edet.converters.pipeline import (
    Conversion,
    ConvertedFile,
    Event,
    FileWritten,
    Listener,
    Note,
    ParityReport,
    SearchStep,
)

__all__ = [
    "Conversion",
    "ConvertedFile",
    "Event",
    "FileWritten",
    "Listener",
    "Note",
    "ParityReport",
    "SearchStep",
    "TrainingOptions",
    "convert",
]
