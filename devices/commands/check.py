"""`edge-edet check`: what a consumer will do with a model file, how that is known, and what helps."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_edet.devices.commands.devices import LEAST_WIDTH, table_lines
from edge_edet.devices.commands.targets import described
from edge_edet.devices.targets import Verdict, check_model, find_target, taken_as
from edge_edet.formats import read_model

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `edge-edet check`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a model file, of any origin")
    parser.add_argument(
        "--for",
        dest="target",
        required=True,
        metavar="TARGET",
        help="the program, library or accelerator that is to run it; 'edge-edet targets' lists them",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.epilog = "Exit status: 0 where it runs, in part too; 1 where it is refused."


def run(args: argparse.Namespace) -> int:
    """Check one file against one target; returns the exit status."""
    target = find_target(args.target)
    verdict = check_model(read_model(args.file), target)
    if said := taken_as(args.target):
        print(f"note: {said}", file=sys.stderr)
    if args.json:
        print(json.dumps({"file": str(args.file), **verdict.to_dict()}, indent=2))
    else:
        width = max(shutil.get_terminal_size().columns, LEAST_WIDTH)
        for line in _lines(args.file, verdict, width):
            print(line)
    return 1 if verdict.verdict == "refused" else 0


def _lines(file: Path, verdict: Verdict, width: int) -> Iterator[str]:
    yield f"{file}, {verdict.target.name}: {verdict.line}"
    for finding in verdict.findings:
        yield ""
        rows: list[tuple[str, str]] = [(finding.result, finding.rule.what)]
        if finding.result not in ("note", "not shown"):
            rows.append(("", f"found: {finding.found}"))
        rows += [("", described(source)) for source in finding.rule.evidence]
        yield from table_lines(rows, width)
    for cure in verdict.cures:
        yield ""
        yield f"cure: {cure}"
