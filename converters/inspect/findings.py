"""A finding: what is wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

# kind -> (severity, rank: the causes before what follows from them)
KINDS: dict[str, tuple[str, int]] = {
    "zero scale": ("fault", 0),
    "refused": ("fault", 1),
    "shared grid": ("fault", 2),
    "normalization": ("fault", 3),
    "calibration": ("fault", 4),
    "min-max ranges": ("fault", 5),
    "float island": ("fault", 6),
    "computation": ("fault", 7),
    "dead": ("fault", 8),
    "clipped": ("fault", 9),
    "coarse": ("fault", 10),
    "noise": ("fault", 11),
    "score range": ("suspicion", 12),
    "provenance": ("suspicion", 13),
    "score shift": ("note", 14),
    "weak block": ("note", 15),
    "random weights": ("note", 16),
    "ran in float": ("note", 17),
    "kept in float": ("note", 18),
}


@dataclass(frozen=True)
class Finding:
    """kind: one of KINDS; place: block or tensor; advice: an imperative."""

    kind: str
    place: str
    text: str
    advice: str
    harm: float = 0.0  # of the tensor that it names, see tensor_error.TensorError

    @property
    def severity(self) -> str:
        """ "fault", "suspicion" (of the file alone, not measured) or "note"."""
        return KINDS[self.kind][0]

    def to_dict(self) -> dict[str, Any]:
        return {"severity": self.severity, **asdict(self)}


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Causes before consequences, then by harm."""
    return sorted(findings, key=lambda f: (KINDS[f.kind][1], -f.harm))


def is_healthy(findings: Iterable[Finding]) -> bool:
    return all(finding.severity == "note" for finding in findings)
