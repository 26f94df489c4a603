"""What an inspection found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect.errors import BlockError, ConstantError, TensorError
from edge_edet.converters.inspect.facts import Facts
from edge_edet.converters.inspect.verdict import Finding, Verdict, nothing_stands_out
from edge_edet.errors import InputError
from edge_edet.formats import ModelFile, read_model


@dataclass(frozen=True)
class Inspection:
    """findings: the cause first; tensors, blocks, constants: empty where nothing was compared.

    It has no verdict: that takes detections, see verdict.judge.
    """

    facts: Facts
    findings: list[Finding]
    tensors: list[TensorError]
    blocks: list[BlockError]
    constants: list[ConstantError]

    @property
    def nothing_stands_out(self) -> bool:
        """Whether no tensor, grid or constant stands out."""
        return nothing_stands_out(self.findings)

    @property
    def refused(self) -> bool:
        """Whether the runtime does not run it."""
        return any(finding.kind == "refused" for finding in self.findings)

    def to_dict(self, verdict: Verdict) -> dict[str, Any]:
        return {
            **verdict.to_dict(),
            "findings": [f.to_dict(verdict.name) for f in self.findings],
            "model": self.facts.to_dict(),
            "tensors": [e.to_dict() for e in self.tensors],
            "blocks": [b.to_dict() for b in self.blocks],
            "constants": [c.to_dict() for c in self.constants],
        }


def read_inspectable(path: Path) -> ModelFile:
    """The file, of a format that can be looked into. Raises InputError, ModelFileError."""
    model = read_model(path)
    if model.format == ".onnx":
        raise InputError(
            f"{str(path)!r} is ONNX: inspect and compare-float look into .tflite and OpenVINO .xml files; "
            "'edge-edet eval' measures its accuracy"
        )
    return model
