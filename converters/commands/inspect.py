"""`edge-edet inspect`: show what a model file holds, and where INT8 loses against its float model."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.backends import RunOptions, applies, run_apart
from edge_edet.commands import add_isolate_argument, add_renamed_option, add_verify_argument
from edge_edet.content_sum import check_content
from edge_edet.converters.commands.arguments import positive
from edge_edet.converters.inspect.figure import DRAWN_BY
from edge_edet.converters.inspect.verdict import FAULT, FILE_ALONE, MEANINGS
from edge_edet.errors import CheckpointError, InputError
from edge_edet.formats.tflite import TfliteModel
from edge_edet.manifest import manifest_of
from edge_edet.output_files import Kind, Outputs, add_overwrite_argument, png_by, svg_by
from edge_edet.pictures import PictureLog, add_picture_arguments, find_given, range_text
from edge_edet.terminal import joined

if TYPE_CHECKING:
    from edge_edet.converters.inspect import Inspection

__all__ = ["add_arguments", "run"]

STATUS_FAULT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        "The verdict compares the model's detections on the pictures with those of its float model: "
        f"{MEANINGS}. The exit status is 1 for a fault, else 0. A file without a float model to compare with "
        "gets no verdict, only a list of what looks suspicious, and the status is 0. For pictures with "
        "labels, compare-float measures AP too."
    )
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="a .tflite or an OpenVINO .xml; or a checkpoint, to show what it holds",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FLOAT",
        help="the float model to compare with, with the same weights and in the same format; needs --data",
    )
    parser.add_argument(
        "--data", nargs="+", metavar="DIR|PICTURE", help="pictures to measure the errors on"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        default=8,
        metavar="N",
        help="use only N of the pictures, spread evenly (default: 8)",
    )
    add_renamed_option(parser, "--pictures", "--limit")
    add_picture_arguments(parser)
    parser.add_argument(
        "--tensors",
        action="store_true",
        help="list every tensor with its scale and zero point (for an .xml: every quantizer)",
    )
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="draw the error along the network, as .svg or .png",
    )
    add_overwrite_argument(parser)
    parser.add_argument(
        "--threads",
        type=positive,
        default=min(os.cpu_count() or 1, 8),
        metavar="N",
        help="threads to use (default: all cores, at most 8)",
    )
    add_verify_argument(parser)
    add_isolate_argument(parser)
    parser.add_argument("--json", action="store_true", help="print everything as one JSON document")


def run(args: argparse.Namespace) -> int:
    """Inspect a model file or a checkpoint. Returns the exit status."""
    if _is_checkpoint(args.model):
        return _checkpoint(args)
    read = [args.model, *([args.against] if args.against else []), *(args.data or [])]
    with Outputs(read, overwrite=args.overwrite, option="--figure") as outputs:
        return _inspect(args, outputs)


def _inspect(args: argparse.Namespace, outputs: Outputs) -> int:
    from edge_edet.converters.inspect import (
        all_quantizers,
        all_tensors,
        check_pair,
        compare_and_judge,
        inspect_file,
        lines,
        pick_pictures,
        read_inspectable,
    )

    _check(args)
    if args.figure is not None:
        outputs.claim(args.figure, _kind(args.figure))
    model = read_inspectable(args.model)
    verified = check_content(model, manifest_of(model)) if args.verify else False
    pictures: list[Path] = []
    log = PictureLog()
    if args.against is None:
        inspection, verdict = inspect_file(args.model), FILE_ALONE
    else:
        float_model = read_inspectable(args.against)
        check_pair(model, float_model)
        also = check_content(float_model, manifest_of(float_model)) if args.verify else False
        for each, right in ((model, verified), (float_model, also)):
            if applies(args.isolate, right, RunOptions()):
                run_apart(each, RunOptions(), threads=args.threads)
        pictures = pick_pictures(
            args.data, args.limit, args.picture_range, strict=args.strict, log=log
        )
        log.say()
        judged = compare_and_judge(
            args.model,
            args.against,
            pictures,
            args.threads,
            args.picture_range,
            given=find_given(args.data).paths,
            verify=False,  # done above, unless it was turned off
        )
        inspection, verdict = judged.inspection, judged.verdict
    if args.figure is not None:
        _write_figure(args.figure, args.model.name, inspection, outputs)
    if args.json:
        document = inspection.to_dict(verdict) | {
            "pictures": [str(p) for p in pictures],
            "range": range_text(args.picture_range),
            "notes": log.notes(),
        }
        if args.tensors and isinstance(model, TfliteModel):
            from edge_edet.converters.inspect import tensor_dict

            document["all_tensors"] = [tensor_dict(t) for t in model.tensors]
        print(json.dumps(document, ensure_ascii=False))
    else:
        print(joined(lines(inspection, verdict)))
        if args.tensors:
            facts = inspection.facts
            every = all_tensors(model) if isinstance(model, TfliteModel) else all_quantizers(facts)
            print("\n" + joined(every))
    return STATUS_FAULT if verdict.name == FAULT else 0


def _is_checkpoint(path: Path) -> bool:
    """Check whether a file is a checkpoint rather than a model to run; an `.onnx` may be either."""
    from edge_edet.converters.weights import CHECKPOINT_SUFFIXES

    if path.suffix == ".bin" and path.with_suffix(".xml").exists():
        return False
    if path.suffix == ".onnx":
        return not _has_manifest(path)
    return path.is_dir() or path.suffix in CHECKPOINT_SUFFIXES or Path(f"{path}.index").exists()


def _has_manifest(path: Path) -> bool:
    from edge_edet.formats import open_model
    from edge_edet.manifest import MANIFEST_KEY

    if not path.is_file():
        return False
    with open_model(path) as file:
        return MANIFEST_KEY.encode() in file.read()


def _checkpoint(args: argparse.Namespace) -> int:
    from edge_edet.converters.inspect import checkpoint_facts

    unused = [
        option
        for option, value in (
            ("--against", args.against),
            ("--data", args.data),
            ("--figure", args.figure),
            ("--tensors", args.tensors),
        )
        if value
    ]
    if unused:
        raise InputError(
            f"{unused[0]} needs a model file, but {str(args.model)!r} is a checkpoint: convert it first"
        )
    try:
        facts = checkpoint_facts(args.model)
    except CheckpointError as error:
        if args.model.suffix != ".onnx":
            raise
        raise InputError(
            f"{str(args.model)!r} is ONNX: inspect and compare-float take .tflite and OpenVINO .xml "
            f"files, and this file is no checkpoint either: {error}"
        ) from None
    print(
        json.dumps(facts.to_dict(), ensure_ascii=False) if args.json else "\n".join(facts.lines())
    )
    return 0


def _check(args: argparse.Namespace) -> None:
    if (args.against is None) != (args.data is None):
        raise InputError("a comparison needs both --against FLOAT and --data PICTURES")
    if args.figure is not None and args.against is None:
        raise InputError(
            "--figure draws errors against a float model: give --against FLOAT and --data PICTURES too"
        )
    if args.overwrite and args.figure is None:
        raise InputError("--overwrite works with --figure only: give both, or neither")
    if args.figure is None:
        return
    if args.figure.suffix.lower() not in (".svg", ".png"):
        raise InputError(
            f"--figure {str(args.figure)!r}: expected a name that ends in .svg or .png"
        )
    if args.figure.suffix.lower() == ".png":
        from edge_edet.converters.inspect.figure import check_fonts

        check_fonts()


def _kind(figure: Path) -> Kind:
    test = png_by if figure.suffix.lower() == ".png" else svg_by
    return Kind("a figure of 'edge-edet inspect'", test(DRAWN_BY), durable=False)


def _write_figure(path: Path, name: str, inspection: Inspection, outputs: Outputs) -> None:
    from edge_edet.converters.inspect.figure import error_figure, png, svg

    figure = error_figure(inspection.tensors, inspection.blocks, f"{name} against float")
    is_png = path.suffix.lower() == ".png"
    outputs.write(path, png(figure) if is_png else svg(figure).encode(), _kind(path))
