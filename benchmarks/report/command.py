"""`edge-edet report`: rows into one page with all figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.output_files import Outputs, add_overwrite_argument

__all__ = ["add_arguments", "run"]

STAGES = ("inference", "end_to_end")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "rows", nargs="+", type=Path, metavar="ROWS", help="files of 'edge-edet bench -o'"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report"), metavar="DIR",
        help="folder for index.html and each figure as SVG, PNG and CSV; default: report",
    )  # fmt: skip
    add_overwrite_argument(parser)
    add_published_arguments(parser)
    parser.add_argument(
        "--stage", default="inference", metavar="STAGE",
        help="the time that is drawn, inference or end_to_end; default: inference, as published",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON document")


def add_published_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--published", default="v7", metavar="SOURCE",
        help="published numbers: v7 (arXiv), cvpr, readme, or none; default: v7",
    )  # fmt: skip
    parser.add_argument(
        "--published-split", default="val2017", metavar="SPLIT",
        help="published AP on val2017, as can be measured, or test-dev, as the paper's Fig. 1; "
        "default: val2017",
    )  # fmt: skip
    parser.add_argument(
        "--published-ap", action="store_true",
        help="a row without AP stands at the published one of its variant, marked as that",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    from edge_edet.benchmarks.report.published_points import published_from
    from edge_edet.benchmarks.report.tradeoff import Options
    from edge_edet.benchmarks.report.write import write_report
    from edge_edet.benchmarks.row_file import read_rows

    if args.stage not in STAGES:
        raise InputError(f"--stage must be {' or '.join(STAGES)}, but got {args.stage!r}")
    published = published_from(args.published, args.published_split)
    if published is None and args.published_ap:
        raise InputError("--published-ap needs a source: leave --published none out")
    options = Options(published, args.published_ap, args.stage)
    rows = [row for path in args.rows for row in read_rows(path)]
    with Outputs(args.rows, overwrite=args.overwrite) as outputs:
        given = [str(path) for path in args.rows]
        written = write_report(rows, given, args.output, options, outputs)
    if args.json:
        print(json.dumps({"page": str(written[0]), "files": [str(path) for path in written]}))
    else:
        told = f"{len(rows)} row{'s' * (len(rows) != 1)}, {(len(written) - 1) // 3} figures"
        print(f"{written[0]}: {told}")
    return 0
