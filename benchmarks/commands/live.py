"""`edge-edet live`: the camera's picture with boxes, in the browser of a phone or of this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_edet.benchmarks.commands.browser_arguments import add_reach_arguments, reach_of
from edge_edet.terminal import ended_politely

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `edge-edet live`."""
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        metavar="MODEL",
        help="a .tflite for browsers ('convert --for litertjs'); default: the first one under build/; if "
        "there is none, D0 is converted first",
    )
    parser.add_argument(
        "--score-threshold",
        type=float,
        default=0.3,
        metavar="X",
        help="lowest score of a detection at first; default: 0.3",
    )
    add_reach_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, which is no failure."""
    from edge_edet.benchmarks.browser import find_or_convert, serve_live

    reach = reach_of(args)
    with ended_politely():
        model = args.model or find_or_convert(_note)[0]
        serve_live(model, args.score_threshold, reach, args.litertjs)
    return 0


def _note(text: str) -> None:
    print(f"edge-edet: {text}", file=sys.stderr, flush=True)
