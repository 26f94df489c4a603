"""`edge-edet report`: one page with all figures of rows."""

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
    """Add the options of `report`."""
    parser.add_argument(
        "rows", nargs="+", type=Path, metavar="ROWS", help="files written by 'edge-edet bench -o'"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder for index.html and for each figure as SVG, PNG and CSV; default: report",
    )
    add_overwrite_argument(parser)
    add_published_arguments(parser)
    parser.add_argument(
        "--stage",
        default="inference",
        metavar="STAGE",
        help="the time to draw, inference or end_to_end; default: inference, as in publications",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def add_published_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options about published numbers, which `recommend` shares."""
    parser.add_argument(
        "--published",
        metavar="SOURCE",
        help="source of published numbers: v7 (arXiv), cvpr, readme, or none; default: v7 if the rows "
        "have a model of COCO's classes",
    )
    parser.add_argument(
        "--published-split",
        default="val2017",
        metavar="SPLIT",
        help="published AP on val2017, which can be measured, or on test-dev, as in the paper's "
        "Fig. 1; default: val2017",
    )
    parser.add_argument(
        "--published-ap",
        action="store_true",
        help="use the published AP for rows of the published network whose AP was not measured; not "
        "for weights of your own",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page and its figures. Returns 0."""
    from edge_edet.benchmarks.analysis import Options, is_coco_model, published_from
    from edge_edet.benchmarks.report import cut_texts, write_report
    from edge_edet.benchmarks.rows import read_rows

    if args.stage not in STAGES:
        raise InputError(f"--stage must be {' or '.join(STAGES)}, but got {args.stage!r}")
    source = args.published or DEFAULT_SOURCE
    published = published_from(source, args.published_split)
    if published is None and args.published_ap:
        raise InputError("--published-ap needs a source: remove --published none")
    rows = [cut_texts(row) for path in args.rows for row in read_rows(path)]
    boards = published is not None
    asked = args.published is not None or args.published_ap
    if not asked and not any(is_coco_model(row) for row in rows):
        published = None  # APs on COCO are meaningless for a model of other classes
    options = Options(published, args.published_ap, args.stage, boards)
    with Outputs(args.rows, overwrite=args.overwrite) as outputs:
        given = [str(path) for path in args.rows]
        written = write_report(rows, given, args.output, options, outputs)
    if args.json:
        print(json.dumps({"page": str(written[0]), "files": [str(path) for path in written]}))
    else:
        figures = (len(written) - 1) // 3
        print(
            f"{written[0]}: {len(rows)} row{'s' * (len(rows) != 1)}, "
            f"{figures} figure{'s' * (figures != 1)}"
        )
    return 0
