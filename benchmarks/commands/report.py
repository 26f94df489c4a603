"""`edge-edet report`: rows into one page with all figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_edet.errors import InputError
from edge_edet.output_files import Outputs, add_overwrite_argument

__all__ = ["DEFAULT_SOURCE", "add_arguments", "add_published_arguments", "run"]

DEFAULT_SOURCE = "v7"
STAGES = ("inference", "end_to_end")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "rows", nargs="+", type=Path, metavar="ROWS", help="files of 'edge-edet bench -o'"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder for index.html and each figure as SVG, PNG and CSV; default: report",
    )
    add_overwrite_argument(parser)
    add_published_arguments(parser)
    parser.add_argument(
        "--stage",
        default="inference",
        metavar="STAGE",
        help="the time that is drawn, inference or end_to_end; default: inference, as published",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def add_published_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--published",
        metavar="SOURCE",
        help="published numbers: v7 (arXiv), cvpr, readme, or none; default: v7 where a model of "
        "COCO's classes is in the rows",
    )
    parser.add_argument(
        "--published-split",
        default="val2017",
        metavar="SPLIT",
        help="published AP on val2017, as can be measured, or test-dev, as the paper's Fig. 1; "
        "default: val2017",
    )
    parser.add_argument(
        "--published-ap",
        action="store_true",
        help="a row of the published network, whose AP nobody measured, stands at the published one; "
        "not for weights of your own",
    )


def run(args: argparse.Namespace) -> int:
    from edge_edet.benchmarks.analysis import Options, is_coco_model, published_from
    from edge_edet.benchmarks.report import cut_texts, write_report
    from edge_edet.benchmarks.rows import read_rows

    if args.stage not in STAGES:
        raise InputError(f"--stage must be {' or '.join(STAGES)}, but got {args.stage!r}")
    source = args.published or DEFAULT_SOURCE
    published = published_from(source, args.published_split)
    if published is None and args.published_ap:
        raise InputError("--published-ap needs a source: leave --published none out")
    rows = [cut_texts(row) for path in args.rows for row in read_rows(path)]
    boards = published is not None
    asked = args.published is not None or args.published_ap
    if not asked and not any(is_coco_model(row) for row in rows):
        published = None  # curves of COCO say nothing about a model of other classes
    options = Options(published, args.published_ap, args.stage, boards)
    with Outputs(args.rows, overwrite=args.overwrite) as outputs:
        given = [str(path) for path in args.rows]
        written = write_report(rows, given, args.output, options, outputs)
    if args.json:
        print(json.dumps({"page": str(written[0]), "files": [str(path) for path in written]}))
    else:
        told = f"{len(rows)} row{'s' * (len(rows) != 1)}, {(len(written) - 1) // 3} figures"
        print(f"{written[0]}: {told}")
    return 0
