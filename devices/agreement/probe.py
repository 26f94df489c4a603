"""Run one model on one picture and write its raw outputs and detections to a file.

This script runs where the runtime is, so it imports only what a board has: the core of edge_edet.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edge_edet


def probe(model: Path, picture: Path, output: Path, delegate: str | None, score: float) -> None:
    """Write one probe.

    Parameters
    ----------
    model, picture
        The model file and a lossless picture.
    output
        The .npz to write: input, raw_boxes and raw_classes as the model has them; boxes [n, 4], scores
        [n] and classes [n] of the detections; about, the runtime as a JSON text.
    delegate
        As in `edge_edet.load`.
    score
        The score threshold of the detections.
    """
    with edge_edet.load(model, threads=1, delegate=delegate, score_threshold=score) as detector:
        names = detector.layout.outputs
        tensor, placement = detector.prepare(picture)
        raw = detector.infer(tensor)
        found = detector.select(raw, placement)
        about = {**detector.info.to_dict(), "arch": platform.machine()}
        arrays: dict[str, Any] = {
            "input": tensor,
            "raw_boxes": raw[names["boxes"]],
            "raw_classes": raw[names["classes"]],
            "boxes": found.boxes,
            "scores": found.scores,
            "classes": found.classes,
        }
    np.savez(output, about=np.array(json.dumps(about)), **arrays)


def main(argv: Sequence[str] | None = None) -> int:
    """Write one probe; returns the exit status."""
    parser = argparse.ArgumentParser(prog="probe.py", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path, help="in a lossless format, such as .png")
    parser.add_argument("output", type=Path, help=".npz to write")
    parser.add_argument("--delegate", help="none: the runtime's built-in kernels")
    parser.add_argument("--score", type=float, default=0.5, help="threshold (default: 0.5)")
    args = parser.parse_args(argv)
    try:
        probe(args.model, args.picture, args.output, args.delegate, args.score)
    except edge_edet.EdgeEdetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
