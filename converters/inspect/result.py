"""The result of an inspection, and the files that can be inspected."""

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
    """What an inspection found. It has no verdict: that needs detections, see `judge`.

    Attributes
    ----------
    facts
        What the file states about itself.
    findings
        What stands out, causes before consequences.
    tensors, blocks, constants
        Errors against the float model, tensors by harm; empty where nothing was compared.
    """

    facts: Facts
    findings: list[Finding]
    tensors: list[TensorError]
    blocks: list[BlockError]
    constants: list[ConstantError]

    @property
    def nothing_stands_out(self) -> bool:
        """Whether there are no findings but notes."""
        return nothing_stands_out(self.findings)

    @property
    def refused(self) -> bool:
        """Whether the runtime refuses the model."""
        return any(finding.kind == "refused" for finding in self.findings)

    def to_dict(self, verdict: Verdict) -> dict[str, Any]:
        """Return everything with the verdict, ready for JSON.

        Parameters
        ----------
        verdict
            On the model.

        Returns
        -------
        dict[str, Any]
            Plain data, for JSON.
        """
        return {
            **verdict.to_dict(),
            "findings": [f.to_dict(verdict.name) for f in self.findings],
            "model": self.facts.to_dict(),
            "tensors": [e.to_dict() for e in self.tensors],
            "blocks": [b.to_dict() for b in self.blocks],
            "constants": [c.to_dict() for c in self.constants],
        }


def read_inspectable(path: Path) -> ModelFile:
    """Open a model file of a format that can be inspected.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    ModelFile
        The summary of the file.

    Raises
    ------
    InputError
        For ONNX, and for a path that is no file.
    ModelFileError
        For a file that is no model.
    """
    model = read_model(path)
    if model.format == ".onnx":
        raise InputError(
            f"{str(path)!r} is ONNX: inspect and compare-float take .tflite and OpenVINO .xml files; "
            "'edge-edet eval' measures its accuracy"
        )
    return model
