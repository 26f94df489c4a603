"""`edge-edet compare-float`: compare an INT8 model with its float model, and write a parity report."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_edet.commands import add_renamed_option
from edge_edet.converters.commands.arguments import positive
from edge_edet.converters.commands.inspect import STATUS_FAULT
from edge_edet.converters.inspect import pictures_and_accuracy
from edge_edet.converters.inspect.verdict import FAULT, MEANINGS
from edge_edet.output_files import Outputs, add_overwrite_argument
from edge_edet.pictures import PictureLog, add_picture_arguments
from edge_edet.terminal import joined

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        f"The verdict: {MEANINGS}. If the pictures have labels, AP and its 95 % interval decide, else the "
        "agreement of the boxes with the float model's. The exit status is 1 for a fault, else 0."
    )
    parser.add_argument("model", type=Path, metavar="INT8", help="a .tflite, or an OpenVINO .xml")
    parser.add_argument(
        "--against",
        type=Path,
        required=True,
        metavar="FLOAT",
        help="the float model to compare with, with the same weights and in the same format",
    )
    parser.add_argument(
        "--data",
        required=True,
        metavar="DIR|FILE",
        help="pictures; if they have labels (COCO, Pascal VOC, YOLO), AP is measured too",
    )
    parser.add_argument(
        "--split", metavar="NAME", help="split of a VOC or YOLO folder, such as test"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N pictures")
    parser.add_argument(
        "--tensor-limit",
        type=positive,
        default=8,
        metavar="N",
        help="compare tensors on only N of the pictures, spread evenly (default: 8)",
    )
    add_renamed_option(parser, "--pictures", "--tensor-limit")
    add_picture_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("build/parity"),
        metavar="DIR",
        help="folder for index.html and report.json (default: build/parity)",
    )
    parser.add_argument(
        "--threads",
        type=positive,
        default=min(os.cpu_count() or 1, 4),
        metavar="N",
        help="threads to use (default: all cores, at most 4)",
    )
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Compare both models and write the parity report. Returns the exit status."""
    from edge_edet.converters.inspect import check_pair, read_inspectable
    from edge_edet.converters.inspect.parity import claim_parity_report

    check_pair(read_inspectable(args.model), read_inspectable(args.against))
    log = PictureLog()
    with Outputs((args.model, args.against, args.data), overwrite=args.overwrite) as outputs:
        claim_parity_report(outputs, args.output)
        return _write(args, log, outputs)


def _write(args: argparse.Namespace, log: PictureLog, outputs: Outputs) -> int:
    from edge_edet.converters.inspect import spread_evenly
    from edge_edet.converters.inspect.parity import write_parity_report

    pictures, accuracy = pictures_and_accuracy(
        args.model,
        args.against,
        Path(args.data),
        args.split,
        args.threads,
        args.limit,
        picture_range=args.picture_range,
        strict=args.strict,
        log=log,
    )
    log.say()
    record = write_parity_report(
        args.model,
        args.against,
        pictures,
        accuracy,
        output=args.output,
        compared=spread_evenly(pictures, args.tensor_limit),
        threads=args.threads,
        command=shlex.join(["edge-edet", *sys.argv[1:]]),
        picture_range=args.picture_range,
        notes=log.notes(),
        outputs=outputs,
    )
    print(joined(summary(record, args.output)))
    return STATUS_FAULT if record["verdict"] == FAULT else 0


def summary(record: Mapping[str, Any], output: Path) -> Iterator[str]:
    """Yield the lines to print: the verdict, findings, agreement, AP, and the paths of the files.

    Parameters
    ----------
    record
        The record that `write_parity_report` returns.
    output
        Folder of the files.

    Yields
    ------
    str
        One line.
    """
    yield f"{record['verdict']}: {record['because']}"
    for f in record["findings"]:
        yield f"{f['severity']}: {f['place']}: {f['text']}"
        if f["severity"] != "note":
            yield f"  do: {f['advice']}"
    a = record["agreement"]
    if a:
        yield (
            f"boxes: {a['same']} the same, {a['moved']} moved, {a['lost']} lost, {a['invented']} "
            f"invented, on {a['pictures']} pictures"
        )
    if record["accuracy"]:
        exact, integer = (r["numbers"]["ap"] or 0.0 for r in record["accuracy"]["results"])
        yield f"AP {integer:.4f}, float {exact:.4f}: {integer - exact:+.4f}"
        for text, number in record["accuracy"]["results"][0].get("notes", {}).items():
            yield f"note: {number} {text}"
    yield f"{output / 'index.html'}  {output / 'report.json'}"
