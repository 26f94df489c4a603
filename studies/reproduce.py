"""`edge-edet reproduce`: count and measure the paper's cost figures, beside the published numbers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.benchmarks.rows import is_rows
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats import FORMATS
from edge_edet.output_files import Kind, Outputs, add_overwrite_argument, starts_with
from edge_edet.studies.ap import add_arguments as add_ap_arguments
from edge_edet.studies.ap import run as run_ap
from edge_edet.studies.runtimes import find_runtimes
from edge_edet.studies.study_networks import STUDIES, RunConfig, find_networks
from edge_edet.studies.table_lines import FIELDS, HEADER
from edge_edet.terminal import ended_politely

if TYPE_CHECKING:
    from edge_edet.benchmarks.rows import BenchmarkRow
    from edge_edet.studies.study_networks import StudyNetwork
    from edge_edet.studies.table_lines import TableLine

__all__ = ["add_arguments", "run"]

TARGETS = {FORMATS[suffix].runtimes[0]: FORMATS[suffix].name for suffix in (".tflite", ".xml")}
PRECISIONS = ("fp32", "int8")
_TABLE = "a table of 'edge-edet reproduce'"
KINDS = {
    ".txt": Kind(_TABLE, starts_with(HEADER)),
    ".csv": Kind(_TABLE, starts_with(",".join(FIELDS))),
    ".rows.jsonl": Kind("rows of 'edge-edet reproduce'", is_rows),
}
COST_ONLY = ("rounds", "count-only", "table-only")
AP_ONLY = ("data", "split", "limit", "weights", "calibration", "models", "scheduler")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    titles = "; ".join(f"{name}: {study.title}" for name, study in STUDIES.items())
    titles += "; ap: AP of variants, precisions and runtimes on labelled pictures"
    parser.add_argument("study", choices=[*STUDIES, "ap"], metavar="STUDY", help=titles)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the table, STUDY.txt and .csv, and for all measurements, STUDY.rows.jsonl; run "
        "again to continue",
    )
    parser.add_argument(
        "--variants",
        metavar="V,...",
        help="some of the study's networks (fig4, comparators), of the EfficientDets that it varies "
        "(table5, table6) or of the kinds of scaling (fig6)",
    )
    parser.add_argument(
        "--threads", default="1", metavar="N,...", help="numbers of threads; default: 1"
    )
    parser.add_argument(
        "--runtime",
        metavar="R,...",
        help="default: ai-edge-litert,openvino; for ap onnxruntime too",
    )
    parser.add_argument(
        "--precision", metavar="P,...", help="fp32, int8; default: all that the study supports"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="how often all take their turn, 1 to 20"
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=6,
        metavar="N",
        help="least number of samples per round; default: 6",
    )
    parser.add_argument(
        "--count-only",
        action="store_true",
        help="only count; measure nothing, build no files",
    )
    parser.add_argument(
        "--table-only",
        action="store_true",
        help="measure nothing more; print the table of what DIR has, of any rounds and samples",
    )
    add_overwrite_argument(parser)
    parser.add_argument(
        "--keep-models", action="store_true", help="keep the model files in DIR/models"
    )
    parser.add_argument("--json", action="store_true", help="print the table as one JSON document")
    add_ap_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the study; return 0, or the first failure's status if not everything was measured."""
    _refuse_options_of_others(args)
    if args.study == "ap":
        return run_ap(args)
    if args.table_only and args.count_only:
        raise InputError(
            "--table-only prints measurements, --count-only excludes them: give only one of them"
        )
    with Outputs(overwrite=args.overwrite) as outputs:
        return _run(args, outputs)


def _run(args: argparse.Namespace, outputs: Outputs) -> int:
    from edge_edet.studies.measured_rows import MeasuredRows
    from edge_edet.studies.tables import table

    for suffix, kind in KINDS.items():
        outputs.claim(args.output / f"{args.study}{suffix}", kind)
    configs = _configs(args)
    networks = find_networks(
        args.study, _list(args.variants, "--variants") if args.variants else ()
    )
    rows: list[BenchmarkRow] = []
    failures: list[EdgeEdetError] = []
    if args.table_only:
        rows = _there(args, networks, configs)
    elif not args.count_only:
        with ended_politely():
            rows, failures = _measure(args, networks, configs, outputs)
    measured = MeasuredRows(args.study, rows, () if args.count_only else configs)
    lines = table(args.study, networks, measured)
    if args.table_only:  # what was not measured is no gap in it
        lines = [line for line in lines if line.ours is not None or line.published is not None]
    _write(args, lines, rows, outputs)
    for error in failures:
        print(f"edge-edet: error: {error}", file=sys.stderr)
    return failures[0].exit_status if failures else 0


def _refuse_options_of_others(args: argparse.Namespace) -> None:
    others = COST_ONLY if args.study == "ap" else AP_ONLY
    for option in others:
        if getattr(args, option.replace("-", "_")) not in (None, False, []):
            applies = "is not for ap" if args.study == "ap" else "is for ap only"
            raise InputError(f"--{option} {applies}: leave it out of 'reproduce {args.study}'")


def _measure(
    args: argparse.Namespace,
    networks: Sequence[StudyNetwork],
    configs: Sequence[RunConfig],
    outputs: Outputs,
) -> tuple[list[BenchmarkRow], list[EdgeEdetError]]:
    from edge_edet.benchmarks.measuring import StopRule
    from edge_edet.benchmarks.rows import dump_row, open_rows
    from edge_edet.studies.model_folder import ModelFolder
    from edge_edet.studies.rounds import Rounds, pooled

    rounds = args.rounds if args.rounds is not None else STUDIES[args.study].rounds
    if not 1 <= rounds <= 20:
        raise InputError(f"--rounds must be from 1 to 20, but got {rounds}")
    rule = StopRule(1, 0.5, args.samples, 0.05, max(30, args.samples), 8.0)
    folder = ModelFolder(
        args.output / "models", os.cpu_count() or 1, keep=args.keep_models, outputs=outputs
    )
    plan = Rounds(args.study, networks, configs, rounds, rule, folder)
    with open_rows(args.output / f"{args.study}.rounds.jsonl") as file:
        failures = list(plan.measure(file, _say))
        everything, asked_for = pooled(file.rows), plan.measured(file.rows)
    data = "".join(f"{dump_row(row)}\n" for row in everything).encode()
    outputs.write(args.output / f"{args.study}.rows.jsonl", data, KINDS[".rows.jsonl"])
    return asked_for, failures


def _there(
    args: argparse.Namespace, networks: Sequence[StudyNetwork], configs: Sequence[RunConfig]
) -> list[BenchmarkRow]:
    from edge_edet.benchmarks.rows import read_rows
    from edge_edet.studies.rounds import of_configs

    path = args.output / f"{args.study}.rounds.jsonl"
    if not path.is_file():
        raise InputError(
            f"nothing was measured yet: there is no file {str(path)!r}; leave --table-only out"
        )
    return of_configs(read_rows(path), networks, configs)


def _write(
    args: argparse.Namespace,
    lines: Sequence[TableLine],
    rows: Sequence[BenchmarkRow],
    outputs: Outputs,
) -> None:
    from edge_edet.studies.conditions import measuring_conditions
    from edge_edet.studies.table_lines import to_csv, to_text
    from edge_edet.studies.tables import remarks

    below = [*remarks(args.study, measured=not args.count_only), *measuring_conditions(rows)]
    text = to_text(lines, below)
    for suffix, content in ((".txt", text), (".csv", to_csv(lines))):
        outputs.write(args.output / f"{args.study}{suffix}", content.encode(), KINDS[suffix])
    if args.json:
        document = {
            "study": args.study,
            "lines": [line.to_dict() for line in lines],
            "remarks": below,
        }
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        print(text, end="")


def _configs(args: argparse.Namespace) -> list[RunConfig]:
    from edge_edet.benchmarks.bench import parse_threads

    able = STUDIES[args.study].precisions
    precisions = _list(args.precision, "--precision") if args.precision else list(able)
    for precision in precisions:
        if precision not in able:
            reason = " (its fusion weights stay in float)" if precision in PRECISIONS else ""
            raise InputError(
                f"--precision {precision!r}: {args.study} is measured in {', '.join(able)}{reason}"
            )
    runtimes = find_runtimes(args.runtime, list(TARGETS))
    return [
        RunConfig(TARGETS[runtime], precision, int(threads or 1))
        for threads in parse_threads(args.threads)
        for precision in precisions
        for runtime in runtimes
    ]


def _list(text: str, option: str) -> list[str]:
    from edge_edet.benchmarks.bench import parse_list

    return [part for part in parse_list(text, option) if part is not None]


def _say(text: str) -> None:
    print(f"edge-edet: {text}", file=sys.stderr, flush=True)
