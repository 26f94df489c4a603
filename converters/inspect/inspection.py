"""The whole comparison of an INT8 model with its float twin, each file opened once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect.block_error import BlockError, errors_of_blocks
from edge_edet.converters.inspect.constants import ConstantError, compare_constants
from edge_edet.converters.inspect.diagnosis import diagnose
from edge_edet.converters.inspect.facts import Facts, facts_of
from edge_edet.converters.inspect.findings import Finding, is_healthy
from edge_edet.converters.inspect.rewrite import Rewritable
from edge_edet.converters.inspect.suspicion import (
    has_random_weights,
    refused,
    suspect,
    without_ranges,
)
from edge_edet.converters.inspect.tensor_error import Pixels, TensorError, by_harm, compare
from edge_edet.converters.inspect.twins import match
from edge_edet.errors import BackendError
from edge_edet.tflite_file import read_tflite


@dataclass(frozen=True)
class Inspection:
    """findings: the cause first; tensors, blocks, constants: empty where nothing was compared."""

    facts: Facts
    findings: list[Finding]
    tensors: list[TensorError]
    blocks: list[BlockError]
    constants: list[ConstantError]

    @property
    def healthy(self) -> bool:
        return is_healthy(self.findings)

    @property
    def refused(self) -> bool:
        """Whether the runtime does not run it."""
        return any(finding.kind == "refused" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "healthy": self.healthy,
            "findings": [f.to_dict() for f in self.findings],
            "model": self.facts.to_dict(),
            "tensors": [e.to_dict() for e in self.tensors],
            "blocks": [b.to_dict() for b in self.blocks],
            "constants": [c.to_dict() for c in self.constants],
        }


def inspect_file(path: Path) -> Inspection:
    """What the file alone tells. Raises ModelFileError for a file that is no model."""
    opened = Rewritable(read_tflite(path))
    facts = facts_of(opened)
    return Inspection(facts, suspect(opened, facts), [], [], [])


def inspect_against(int8_path: Path, float_path: Path, pictures: Sequence[Pixels],
                    threads: int = 2) -> Inspection:  # fmt: skip
    """The file and its errors against the float twin on the pictures, [1, S, S, 3] uint8 each.

    A model that the runtime refuses is a finding, not an error. Raises InputError where the files
    are not twins.
    """
    integer, exact = Rewritable(read_tflite(int8_path)), Rewritable(read_tflite(float_path))
    facts = facts_of(integer)
    suspicions = suspect(integer, facts)
    twins = match(integer, exact)
    constants = compare_constants(integer, exact, twins)
    try:
        errors = compare(integer, exact, twins, pictures, threads)
        blocks = errors_of_blocks(integer, exact, twins, pictures, threads)
    except BackendError as error:
        findings = diagnose([], [], [*suspicions, refused(error)], constants)
        return Inspection(facts, findings, [], [], constants)
    findings = diagnose(errors, blocks, suspicions, constants)
    if has_random_weights(facts):
        findings = without_ranges(findings)
    return Inspection(facts, findings, by_harm(errors), blocks, constants)
