"""The whole comparison of an INT8 model with its float twin, each file opened once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect.errors.block_error import BlockError, errors_of_blocks
from edge_edet.converters.inspect.errors.constants import (
    ConstantError,
    compare_constants,
    stated_changes,
)
from edge_edet.converters.inspect.errors.tensor_error import Pixels, TensorError, by_harm, compare
from edge_edet.converters.inspect.facts import Facts, facts_of
from edge_edet.converters.inspect.static_checks import (
    has_random_weights,
    refused,
    suspect,
    without_ranges,
)
from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.tflite.pairs import match
from edge_edet.converters.inspect.verdict.advice import better_recipe
from edge_edet.converters.inspect.verdict.diagnosis import diagnose
from edge_edet.converters.inspect.verdict.findings import Finding, nothing_stands_out
from edge_edet.converters.inspect.verdict.verdict import Verdict
from edge_edet.errors import BackendError, InputError
from edge_edet.formats.model_file import ModelFile
from edge_edet.formats.read import read_model
from edge_edet.formats.tflite.file import read_tflite


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
    def unsuspicious(self) -> bool:
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


def readable(path: Path) -> ModelFile:
    """The file, of a format that can be looked into. Raises InputError, ModelFileError."""
    model = read_model(path)
    if model.format == ".onnx":
        raise InputError(
            f"{str(path)!r} is ONNX: inspect and certify look into .tflite and OpenVINO .xml files; "
            "'edge-edet eval' measures its accuracy"
        )
    return model


def inspect_file(path: Path) -> Inspection:
    """What the file alone tells; of an IR also what the CPU runs of it.

    Raises ModelFileError for a file that is no model.
    """
    if readable(path).format == ".xml":
        from edge_edet.converters.inspect.openvino.inspect_ir import inspect_ir

        return inspect_ir(path)
    opened = Rewritable(read_tflite(path))
    facts = facts_of(opened)
    return Inspection(facts, suspect(opened, facts), [], [], [])


def inspect_against(int8_path: Path, float_path: Path, pictures: Sequence[Pixels],
                    threads: int = 2) -> Inspection:  # fmt: skip
    """The file and its errors against the float twin on the pictures, [1, S, S, 3] uint8 each.

    A model that the runtime refuses is a finding, not an error. Raises InputError where the files
    are not twins.
    """
    if readable(int8_path).format == ".xml":
        from edge_edet.converters.inspect.openvino.inspect_ir import inspect_ir_against

        return inspect_ir_against(int8_path, float_path, pictures, threads)
    integer, exact = Rewritable(read_tflite(int8_path)), Rewritable(read_tflite(float_path))
    facts = facts_of(integer)
    suspicions = suspect(integer, facts)
    twins = match(integer, exact)
    stated = stated_changes((facts.manifest or {}).get("recipe"))
    constants = compare_constants(integer, exact, twins, stated)
    try:
        errors = compare(integer, exact, twins, pictures, threads)
        blocks = errors_of_blocks(integer, exact, twins, pictures, threads)
    except BackendError as error:
        findings = diagnose([], [], [*suspicions, refused(error)], constants)
        return Inspection(facts, findings, [], [], constants)
    findings = diagnose(errors, blocks, suspicions, constants, better_recipe(facts))
    if has_random_weights(facts):
        findings = without_ranges(findings)
    return Inspection(facts, findings, by_harm(errors), blocks, constants)
