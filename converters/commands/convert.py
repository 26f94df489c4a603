"""`edge-edet convert`: arguments, one table of what was written, and notes."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from edge_edet.commands import add_renamed_option
from edge_edet.converters.commands.arguments import (
    add_calibration_arguments,
    points,
    training_options,
)
from edge_edet.converters.conversion import convert
from edge_edet.converters.output_formats import DEFAULT_FORMATS, NMS, PRECISIONS, SUFFIXES
from edge_edet.converters.pipeline import ConvertedFile, Event, FileWritten, Note
from edge_edet.converters.recipes_by_format import RECIPES_OF
from edge_edet.manifest import INPUT_DTYPES, OUTPUT_DTYPES
from edge_edet.output_files import add_overwrite_argument
from edge_edet.pictures import add_picture_arguments
from edge_edet.terminal import joined, shown
from edge_edet.variants import VARIANTS

__all__ = ["add_arguments", "run", "table"]

WIDTH = 80  # of the table, if its paths are short enough


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "variants",
        nargs="+",
        metavar="VARIANT|FILE",
        help=f"{', '.join(VARIANTS)}; or a checkpoint, whose tensors determine its variant",
    )
    for precision, text in PRECISIONS.items():
        parser.add_argument(
            f"--{precision}", dest="precisions", action="append_const", const=precision, help=text
        )
    parser.add_argument(
        "--to",
        metavar="FORMATS",
        help=f"formats to write, from {', '.join(SUFFIXES)}, separated by commas (default: "
        f"{','.join(DEFAULT_FORMATS)})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("build"),
        metavar="DIR",
        help="folder for the files (default: build)",
    )
    add_overwrite_argument(parser)
    parser.add_argument(
        "--weights",
        metavar="NAME|FILE",
        help="official, bundled, random, or a checkpoint of effdet, google/automl, "
        "zylo117 or the Object Detection API (default: official ones if pulled, "
        "else bundled)",
    )
    add_calibration_arguments(parser)
    add_picture_arguments(parser)
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="class names, one on each line, with or without an index before each, or a .pbtxt label map",
    )
    parser.add_argument(
        "--for",
        dest="target",
        metavar="TARGET",
        help="the program or accelerator that is to run the files: --to, --nms and --input are chosen for "
        "it, and what it wants beside the model is written; 'edge-edet targets' lists them",
    )
    parser.add_argument(
        "--nms",
        choices=NMS,
        help="in-graph: the model file contains non-maximum suppression, for programs that do not know "
        "EfficientDet's anchors; a .tflite where --to names no format (default: none)",
    )
    parser.add_argument(
        "--input",
        choices=INPUT_DTYPES,
        help="type of the input, RGB from 0 to 255: float32 lets other programs feed "
        "values between whole grey levels, int8 holds the same values minus 128 (default: uint8)",
    )
    parser.add_argument(
        "--outputs",
        choices=OUTPUT_DTYPES,
        help="type of box codes and class logits in an INT8 .tflite: float32 is dequantized in the graph, "
        "for runtimes that give no int8; uint8 has the same steps (default: int8)",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="how scales and corrections of INT8 are chosen, instead of by default: "
        + "; ".join(f"{to}: {', '.join(names)}" for to, names in RECIPES_OF.items()),
    )
    parser.add_argument(
        "--max-drop",
        type=points,
        metavar="POINTS",
        help="with --int8: find the fastest model that loses at most this many AP points "
        "(0.5 is 0.005 AP) on --data",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR|JSON",
        help="what --max-drop and the parity report are measured on: labelled "
        "pictures (COCO, VOC, YOLO), or a folder of pictures without labels, for agreement "
        "with the float model",
    )
    parser.add_argument(
        "--check-data",
        type=Path,
        metavar="DIR|JSON",
        help="labelled pictures: report the model's AP on a dozen of them, and warn if it "
        "finds next to nothing (the pictures of --data are always checked)",
    )
    parser.add_argument(
        "--split", metavar="NAME", help="split of a VOC or YOLO folder for --data, such as val"
    )
    parser.add_argument(
        "--no-parity-report",
        dest="parity_report",
        action="store_false",
        help="with --int8: don't compare with the float model on the pictures of "
        "--data or --calibration",
    )
    add_renamed_option(parser, "--no-certificate", "--no-parity-report")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each file")


def run(args: argparse.Namespace) -> int:
    """Convert, and print one table of the files and each note once. Returns the exit status."""
    printer = _Printer(as_json=args.json)
    try:
        convert(
            args.variants,
            args.precisions or (),
            output=args.output,
            formats=args.to,
            weights=args.weights,
            calibration=args.calibration,
            calibration_images=args.calibration_images,
            seed=args.seed,
            num_classes=args.num_classes,
            labels=args.labels,
            target=args.target,
            nms=args.nms,
            input_dtype=args.input,
            output_dtype=args.outputs,
            image_size=args.image_size,
            threads=args.threads,
            recipe=args.recipe,
            max_drop=args.max_drop,
            data=args.data,
            check_data=args.check_data,
            split=args.split,
            picture_range=args.picture_range,
            strict=args.strict,
            parity_report=args.parity_report,
            training=training_options(args),
            overwrite=args.overwrite,
            command=("edge-edet", *sys.argv[1:]),
            listen=printer,
        )
    finally:
        printer.finish()  # after an error too: what was written stays
    return 0


class _Printer:
    """Prints a conversion's events: JSON and search progress at once, the table and notes at the end."""

    def __init__(self, *, as_json: bool):
        self.as_json = as_json
        self.files: list[ConvertedFile] = []
        self.notes: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event.text)
        elif not isinstance(event, FileWritten):
            print(f"note: {event.text}", file=sys.stderr)
        elif self.as_json:
            print(json.dumps(event.file.to_dict()), flush=True)
        else:
            self.files.append(event.file)

    def finish(self) -> None:
        if self.files:
            print(joined(table(self.files)), flush=True)
        for text in self.notes:
            _print_note(f"note: {text}")


def _print_note(text: str) -> None:
    """Print a note on one line, or wrapped to the width of the terminal."""
    if not sys.stderr.isatty():
        print(text, file=sys.stderr)
        return
    width = max(shutil.get_terminal_size((WIDTH, 24)).columns, 40)
    for line in textwrap.wrap(
        shown(text),
        width,
        subsequent_indent=" " * len("note: "),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        print(line, file=sys.stderr)


def table(files: Sequence[ConvertedFile], width: int = WIDTH) -> list[str]:
    """Return a header and the lines of the files.

    Parameters
    ----------
    files
        The files, in the order to show.
    width
        Characters on a line. A path that leaves too little room for the numbers gets its own line.

    Returns
    -------
    list of str
        The lines, each without a line end.
    """
    head = ("file", "size", "operators", "in float", "time")
    cells = [
        (
            str(file.path),
            f"{file.size_bytes / 1e6:.1f} MB",
            str(file.operators),
            _in_float(file),
            f"{file.seconds:.1f} s",
        )
        for file in files
    ]
    widths = [max(map(len, column)) for column in list(zip(head, *cells, strict=True))[1:]]
    room = width - sum(widths) - 2 * len(widths)
    paths = [len(row[0]) for row in (head, *cells) if len(row[0]) <= room]
    first = max(paths, default=len(head[0]))
    lines = []
    for path, *figures in (head, *cells):
        if len(path) > first:
            lines.append(path)
            path = ""
        right = "".join(f"  {cell:>{n}}" for cell, n in zip(figures, widths, strict=True))
        lines.append(f"{path:<{first}}{right}")
    return lines


def _in_float(file: ConvertedFile) -> str:
    """Return how much of a model is not integer: operators of a `.tflite`, convolutions of an IR."""
    if file.non_integer_operators is not None:
        return (
            "all"
            if file.non_integer_operators == file.operators
            else str(file.non_integer_operators)
        )
    return "all" if file.float_convolutions is None else f"{file.float_convolutions} conv"
