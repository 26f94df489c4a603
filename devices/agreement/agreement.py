"""Compare runtimes and processors on one model: raw INT8 outputs and detections.

`python -m edge_edet.devices.agreement.agreement MODEL PICTURE` prints the table of docs/agreement.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import edge_edet
from edge_edet.detection import match_boxes
from edge_edet.devices.agreement.probing import Probe, probe_emulated, probe_here
from edge_edet.devices.emulation import CPUS, DEFAULT_ROOT, SITES
from edge_edet.errors import InputError

__all__ = ["Agreement", "Difference", "compare", "table"]

RAW = ("raw_boxes", "raw_classes")
NEAR_LSB = 3  # "near" counts differences up to this
SAME_BOX_IOU = 0.9
HEAD = (
    "| runtime | processor | kernels | box codes: max LSB, equal, within 3 "
    "| class logits: max LSB, equal, within 3 | detections | lowest IoU | score difference |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Difference:
    """How one raw output differs, in steps of its int8 values (LSB)."""

    max_lsb: int
    equal: float  # share of the elements, 0 to 1
    near: float  # share that differs by NEAR_LSB at most


@dataclass(frozen=True)
class Agreement:
    """How another probe agrees with the reference."""

    same_input: bool
    boxes: Difference
    classes: Difference
    matched: int  # detections of one class with IoU >= SAME_BOX_IOU, each once
    lost: int
    invented: int
    lowest_iou: float  # of the matched; 1 where there are none
    score_difference: float  # largest of the matched


def compare(reference: Probe, other: Probe) -> Agreement:
    """Compare a probe with the reference.

    Parameters
    ----------
    reference, other
        Two probes of one model and one picture.

    Raises
    ------
    InputError
        When raw outputs are not int8.
    """
    kinds = {str(side.arrays[name].dtype) for side in (reference, other) for name in RAW}
    if kinds != {"int8"}:
        raise InputError(f"agreement is counted in steps of int8, but the raw outputs are {kinds}")
    ours, theirs = reference.arrays, other.arrays
    pairs = match_boxes(
        ours["boxes"], ours["classes"], theirs["boxes"], theirs["classes"], SAME_BOX_IOU
    )
    scores = [abs(float(ours["scores"][i]) - float(theirs["scores"][j])) for i, j, _ in pairs]
    return Agreement(
        same_input=np.array_equal(ours["input"], theirs["input"]),
        boxes=_difference(ours["raw_boxes"], theirs["raw_boxes"]),
        classes=_difference(ours["raw_classes"], theirs["raw_classes"]),
        matched=len(pairs),
        lost=len(ours["boxes"]) - len(pairs),
        invented=len(theirs["boxes"]) - len(pairs),
        lowest_iou=min((iou for _, _, iou in pairs), default=1.0),
        score_difference=max(scores, default=0.0),
    )


def _difference(a: npt.NDArray[np.int8], b: npt.NDArray[np.int8]) -> Difference:
    lsb = np.abs(a.astype(np.int16) - b)
    return Difference(int(lsb.max()), float((lsb == 0).mean()), float((lsb <= NEAR_LSB).mean()))


def table(probes: Sequence[Probe]) -> str:
    """Write the Markdown table of docs/agreement.md: each probe compared with the first."""
    lines = [HEAD]
    for one in probes:
        found = compare(probes[0], one)
        raw = (
            f"{part.max_lsb}, {part.equal:.1%}, {part.near:.1%}"
            for part in (found.boxes, found.classes)
        )
        kernels = "XNNPACK" if one.about["delegate"] == "xnnpack" else "the runtime's own"
        lines.append(
            f"| {one.about['runtime']} {one.about['runtime_version']} | {one.processor} "
            f"| {kernels} | {' | '.join(raw)} "
            f"| {found.matched} matched, {found.lost} lost, {found.invented} invented "
            f"| {found.lowest_iou:.3f} | {found.score_difference:.3f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Probe here and emulated, print the table; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_edet.devices.agreement.agreement",
        description="compare what runtimes on this processor and on emulated ARM cores compute "
        "from one INT8 model; the first run downloads Debian's Python for ARM and the wheels",
    )
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument(
        "picture", type=Path, metavar="PICTURE", help="in a lossless format, such as .png"
    )
    parser.add_argument(
        "--python", type=Path, action="append", default=[], help="another Python that has a runtime"
    )
    parser.add_argument("--cpu", choices=CPUS, action="append", help="core to emulate")
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, metavar="DIR")
    args = parser.parse_args(argv)
    probes = []
    try:
        for delegate in (None, "none"):
            probes.append(probe_here(args.model, args.picture, delegate=delegate))
        for python in args.python:
            probes.append(probe_here(args.model, args.picture, python=python))
        for cpu in args.cpu or CPUS[:1]:
            for runtime in SITES:
                where = {"runtime": runtime, "cpu": cpu, "root": args.root}
                probes.append(probe_emulated(args.model, args.picture, **where))
        print(table(probes))
    except edge_edet.EdgeEdetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
