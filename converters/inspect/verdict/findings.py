"""A finding: what stands out, where, and what to do next.

What it is called depends on the verdict, which it does not make: the cause of a bad one, a suspicion
where the verdict is not known, a note where the model is healthy all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge_edet.converters.inspect.verdict.verdict import FAULT, HEALTHY, UNKNOWN, WORSE

# kind -> (level, rank: the causes before what follows from them)
KINDS: dict[str, tuple[str, int]] = {
    "zero scale": ("error", 0),
    "refused": ("error", 1),
    "shared grid": ("error", 2),
    "normalization": ("error", 3),
    "calibration": ("error", 4),
    "min-max ranges": ("error", 5),
    "float island": ("note", 6),
    "computation": ("error", 7),
    "dead": ("error", 8),
    "clipped": ("error", 9),
    "coarse": ("error", 10),
    "noise": ("error", 11),
    "score range": ("hint", 12),
    "provenance": ("hint", 13),
    "score shift": ("note", 14),
    "weak block": ("note", 15),
    "random weights": ("note", 16),
    "ran in float": ("note", 17),
    "kept in float": ("note", 18),
}

NOTHING_TO_DO = "nothing: the detections are kept"


@dataclass(frozen=True)
class Finding:
    """kind: one of KINDS; place: block or tensor; advice: an imperative."""

    kind: str
    place: str
    text: str
    advice: str
    harm: float = 0.0  # of the tensor that it names, see tensor_error.TensorError

    @property
    def level(self) -> str:
        """ "error" (measured, or plain in the file), "hint" (of the file alone) or "note"."""
        return KINDS[self.kind][0]

    def severity(self, verdict: str) -> str:
        """What it is to a model of that verdict: "cause", "suspicion" or "note"."""
        if self.level == "note" or verdict == HEALTHY:
            return "note"
        return "suspicion" if verdict == UNKNOWN else "cause"

    def for_verdict(self, verdict: str) -> Finding:
        """With the advice that a model of that verdict needs: a healthy one's grids are left alone."""
        if verdict == HEALTHY and (self.level != "note" or self.kind == "weak block"):
            return dataclasses.replace(self, advice=NOTHING_TO_DO)
        if verdict in (FAULT, WORSE) and self.kind == "score shift":
            return dataclasses.replace(
                self, advice=f"mend what it comes from first; then {self.advice}"
            )
        return self

    def to_dict(self, verdict: str) -> dict[str, Any]:
        return {"severity": self.severity(verdict), **dataclasses.asdict(self.for_verdict(verdict))}


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Causes before consequences, then by harm."""
    return sorted(findings, key=lambda f: (KINDS[f.kind][1], -f.harm))


def nothing_stands_out(findings: Iterable[Finding]) -> bool:
    """Whether there are only notes, or nothing."""
    return all(finding.level == "note" for finding in findings)
