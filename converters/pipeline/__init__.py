"""The steps of a conversion, a module each: plan, build, calibrate, quantize, write, check."""

from __future__ import annotations

from edge_edet.converters.pipeline.convert import run
from edge_edet.converters.pipeline.request import Request
from edge_edet.converters.pipeline.result import (
    Conversion,
    ConvertedFile,
    Event,
    FileWritten,
    Listener,
    Note,
    ParityReport,
    SearchStep,
)
from edge_edet.converters.pipeline.target import choose

__all__ = [
    "Conversion",
    "ConvertedFile",
    "Event",
    "FileWritten",
    "Listener",
    "Note",
    "ParityReport",
    "Request",
    "SearchStep",
    "choose",
    "run",
]
