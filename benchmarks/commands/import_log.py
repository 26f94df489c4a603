"""`edge-edet import-log`: turn logs of benchmark_model into rows."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path

from edge_edet.benchmarks.rows import BenchmarkRow, DeviceName, dump_row, open_rows, rows_of_log
from edge_edet.commands import add_renamed_option
from edge_edet.devices.boards import find_profile, known_profiles

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `import-log`."""
    parser.add_argument(
        "logs",
        nargs="+",
        type=Path,
        metavar="LOG",
        help="output of benchmark_model, TensorFlow's since 1.10 or LiteRT's; prefixes that a logger puts "
        "before each line are skipped",
    )
    parser.add_argument(
        "-m", "--model", type=Path, required=True, help="the .tflite that was measured"
    )
    parser.add_argument(
        "--board", required=True, metavar="ID", help="the board it ran on, see 'edge-edet devices'"
    )
    add_renamed_option(parser, "--device", "--board")
    parser.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a board's profile of your own; may be repeated",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file that rows are appended to; default: standard output",
    )
    parser.epilog = (
        "The start of a row is the time at which the log was written, or now for a pipe."
    )


def run(args: argparse.Namespace) -> int:
    """Print the rows, or append those that the file does not have. Returns 0."""
    profile = find_profile(args.board, known_profiles(args.profile))
    device = DeviceName(profile.id, profile.name)
    rows = []
    for path in args.logs:
        when = datetime.now(timezone.utc)
        if path.is_file():
            when = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        rows += rows_of_log(path, args.model, device, when)
    if args.output is None:
        for row in rows:
            print(dump_row(row))
        return 0
    with open_rows(args.output) as file:
        new: list[BenchmarkRow] = []
        for row in rows:  # the same log twice is one measurement
            if row not in file.rows and row not in new:
                file.add(row)
                new.append(row)
    there = len(rows) - len(new)
    told = f", {there} {'was' if there == 1 else 'were'} there already" if there else ""
    print(f"{len(new)} row{'s' * (len(new) != 1)} of {profile.id} added to {args.output}{told}")
    return 0
