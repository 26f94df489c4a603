"""Checks a model file against the rules of a target."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from edge_edet.devices.targets.facts import facts_of
from edge_edet.devices.targets.needs import NEEDS
from edge_edet.devices.targets.target import Rule, Target
from edge_edet.formats import ModelFile
from edge_edet.manifest import Manifest, manifest_of
from edge_edet.variants import VARIANTS, size_text

__all__ = ["Finding", "Verdict", "check_model"]

Result = Literal["kept", "refused", "partly", "note", "not shown"]


@dataclass(frozen=True)
class Finding:
    """One rule, and what the file shows of it.

    Attributes
    ----------
    result
        "kept", what the rule says of a file that does not keep it, or "not shown" where the file cannot
        show it.
    found
        What the file has, in words.
    cure
        The command that makes a file that keeps the rule; empty where it is kept.
    """

    rule: Rule
    result: Result
    found: str
    cure: str


@dataclass(frozen=True)
class Verdict:
    """What a target will do with a file, and why.

    Attributes
    ----------
    verdict
        "runs", "runs partly" or "refused".
    findings
        One for each rule. After a wrong format the other rules say nothing, and are left out.
    """

    target: Target
    verdict: Literal["runs", "runs partly", "refused"]
    findings: tuple[Finding, ...]

    @property
    def line(self) -> str:
        """The verdict with its reason, in one line."""
        wanted = {"refused": "refused", "runs partly": "partly"}.get(self.verdict)
        reasons = [one.found for one in self.findings if one.result == wanted]
        return f"{self.verdict}: {'; '.join(reasons)}" if reasons else self.verdict

    @property
    def cures(self) -> tuple[str, ...]:
        """The commands that cure it, each once."""
        return tuple(dict.fromkeys(one.cure for one in self.findings if one.cure))

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {
            "target": self.target.id,
            "verdict": self.verdict,
            "line": self.line,
            "cures": list(self.cures),
            "findings": [
                {
                    "rule": one.rule.what,
                    "result": one.result,
                    "found": one.found,
                    "cure": one.cure or None,
                    "evidence": [dataclasses.asdict(source) for source in one.rule.evidence],
                }
                for one in self.findings
            ],
        }


def check_model(model: ModelFile, target: Target) -> Verdict:
    """Check a model file, one of ours or a foreign one, against the rules of a target.

    Parameters
    ----------
    model
        The summary of the file.
    target
        The program or accelerator.

    Returns
    -------
    Verdict
        Whether it runs there, and what each rule found.
    """
    facts, findings = facts_of(model), []
    manifest = manifest_of(model)
    fills = {
        "file": shlex.quote(str(model.path)),
        "model": _model(manifest) if manifest else "CHECKPOINT",
    }
    for rule in target.rule:
        kept, found = NEEDS[rule.need].look(facts, rule.value)
        result: Result = "not shown" if kept is None else "kept" if kept else rule.otherwise
        cure = rule.cure.format(**fills) if result in ("refused", "partly") else ""
        findings.append(Finding(rule, result, found, cure))
        if rule.need == "format" and result == "refused":
            break
    results = {one.result for one in findings}
    verdict: Literal["runs", "runs partly", "refused"] = (
        "refused" if "refused" in results else "runs partly" if "partly" in results else "runs"
    )
    return Verdict(target, verdict, tuple(findings))


def _model(manifest: Manifest) -> str:
    """Return what `convert` is to be given for a file of the same model: variant, weights, size."""
    variant, words = manifest.variant, [manifest.variant.name]
    recorded = manifest.provenance.get("weights")
    weights = recorded if isinstance(recorded, dict) else {}
    name = weights.get("name")
    if weights.get("random"):
        words.append(f"--weights random --num-classes {variant.num_classes}")
    elif isinstance(name, str):
        bundled = "/" not in name and files("edge_edet").joinpath("assets", name).is_file()
        words.append(f"--weights {'bundled' if bundled else shlex.quote(name)}")
    usual = VARIANTS.get(variant.name)
    if usual is None or usual.image_size != variant.image_size:
        words.append(f"--image-size {size_text(variant.image_size)}")
    return " ".join(words)
