"""A finding: what stands out, where, and what to do next.

Its severity depends on the verdict, which it does not decide: a cause of a bad one, a suspicion where the
verdict is unknown, a note where the model is healthy all the same.
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

NOTHING_TO_DO = "nothing: the detections stay the same"


@dataclass(frozen=True)
class Finding:
    """One thing that stands out.

    Attributes
    ----------
    kind
        One of KINDS.
    place
        The block or tensor.
    text
        What stands out.
    advice
        What to do, as an imperative.
    harm
        Of the tensor that it names, see `TensorError`.
    """

    kind: str
    place: str
    text: str
    advice: str
    harm: float = 0.0

    @property
    def level(self) -> str:
        """One of "error" (measured, or plain from the file), "hint" (from the file alone) and "note"."""
        return KINDS[self.kind][0]

    def severity(self, verdict: str) -> str:
        """Return what it is to a model of that verdict: "cause", "suspicion" or "note".

        Parameters
        ----------
        verdict
            Healthy, worse, fault or unknown.

        Returns
        -------
        str
            The word.
        """
        if self.level == "note" or verdict == HEALTHY:
            return "note"
        return "suspicion" if verdict == UNKNOWN else "cause"

    def for_verdict(self, verdict: str) -> Finding:
        """Return it with the advice for a model of that verdict: a healthy one needs no change.

        Parameters
        ----------
        verdict
            Healthy, worse, fault or unknown.

        Returns
        -------
        Finding
            The finding.
        """
        if verdict == HEALTHY and (self.level != "note" or self.kind == "weak block"):
            return dataclasses.replace(self, advice=NOTHING_TO_DO)
        if verdict in (FAULT, WORSE) and self.kind == "score shift":
            return dataclasses.replace(self, advice=f"fix its cause first; then {self.advice}")
        return self

    def to_dict(self, verdict: str) -> dict[str, Any]:
        """Return it as it is for a model of that verdict, ready for JSON.

        Parameters
        ----------
        verdict
            Healthy, worse, fault or unknown.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {"severity": self.severity(verdict), **dataclasses.asdict(self.for_verdict(verdict))}


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: causes before consequences, then by harm.

    Parameters
    ----------
    findings
        Of a model.

    Returns
    -------
    list[Finding]
        Sorted.
    """
    return sorted(findings, key=lambda f: (KINDS[f.kind][1], -f.harm))


def nothing_stands_out(findings: Iterable[Finding]) -> bool:
    """Check whether there are no findings but notes.

    Parameters
    ----------
    findings
        Of a model.

    Returns
    -------
    bool
        Whether there are none.
    """
    return all(finding.level == "note" for finding in findings)
