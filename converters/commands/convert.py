"""`edge-edet convert`: arguments, notes and one line for each file."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from edge_edet.commands import add_renamed_option
from edge_edet.converters.convert import Request, Written, convert
from edge_edet.converters.facts import TrainingOptions
from edge_edet.converters.output_formats import DEFAULT_FORMATS, SUFFIXES, parse_formats
from edge_edet.converters.recipes_by_format import RECIPES_OF
from edge_edet.errors import InputError
from edge_edet.manifest import INPUT_DTYPES
from edge_edet.output_files import add_overwrite_argument
from edge_edet.pictures import add_picture_arguments
from edge_edet.terminal import shown
from edge_edet.variants import VARIANTS, canonical_name

PRECISION_FLAGS = {
    "int8": "every operator integer (needs calibration)",
    "fp16": "weights and biases stored as float16",
    "fp32": "float",
    "int8-dynamic": "int8 weights in all but depthwise convolutions, float activations",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "variants",
        nargs="+",
        metavar="VARIANT|FILE",
        help=f"{', '.join(VARIANTS)}; or a checkpoint, whose variant its tensors tell",
    )
    for precision, text in PRECISION_FLAGS.items():
        parser.add_argument(
            f"--{precision}", dest="precisions", action="append_const", const=precision, help=text
        )
    parser.add_argument(
        "--to",
        metavar="FORMATS",
        help=f"of {', '.join(SUFFIXES)}, separated by commas (default: "
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
        help="class names, one a line, with or without an index before each, or a .pbtxt label map",
    )
    parser.add_argument(
        "--nms",
        choices=("none", "in-graph"),
        default="none",
        help="in-graph: boxes come out suppressed, for MediaPipe and the Task "
        "Library (default: none)",
    )
    parser.add_argument(
        "--input",
        choices=INPUT_DTYPES,
        default="uint8",
        help="type of the input, RGB from 0 to 255 in both: float32 lets other programs "
        "feed values between grey levels (default: uint8)",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="how INT8 is chosen, if not by default: "
        + "; ".join(f"{to}: {', '.join(names)}" for to, names in RECIPES_OF.items()),
    )
    parser.add_argument(
        "--max-drop",
        type=points,
        metavar="POINTS",
        help="with --int8: the fastest model that loses at most so many AP points "
        "(0.5 is 0.005 AP) on --data",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR|JSON",
        help="what --max-drop and the parity report are measured on: labelled "
        "pictures (COCO, VOC, YOLO), or a folder of pictures, where agreement with "
        "the float model counts",
    )
    parser.add_argument(
        "--check-data",
        type=Path,
        metavar="DIR|JSON",
        help="labelled pictures: tell the model's AP on a dozen of them, and warn where "
        "it finds next to nothing (those of --data are looked at anyway)",
    )
    parser.add_argument("--split", metavar="NAME", help="for --data of VOC or YOLO: val, ...")
    parser.add_argument(
        "--no-parity-report",
        dest="parity_report",
        action="store_false",
        help="with --int8: don't compare with the float model on the pictures of "
        "--data or --calibration",
    )
    add_renamed_option(parser, "--no-certificate", "--no-parity-report")
    parser.add_argument("--json", action="store_true", help="one JSON object for each file")


def add_calibration_arguments(parser: argparse.ArgumentParser, *, record: bool = True) -> None:
    """What `convert` and `calibrate` both need to know. record: whether one does in place of pictures."""
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR|RECORD" if record else "DIR",
        help="pictures like those the model will see" + (", or a record of them" if record else ""),
    )
    parser.add_argument(
        "--calibration-images",
        type=positive,
        metavar="N",
        help="pictures drawn from DIR (default: 200)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=natural,
        default=0,
        help="which pictures are drawn, and random weights (default: 0)",
    )
    parser.add_argument(
        "--num-classes",
        type=positive,
        metavar="N",
        help="of random weights; others say it themselves",
    )
    parser.add_argument(
        "--image-size",
        type=side,
        metavar="PIXELS",
        help="side of the input, a multiple of 32 (default: as trained)",
    )
    add_training_arguments(parser)
    parser.add_argument(
        "--threads",
        metavar="N",
        type=positive,
        default=min(os.cpu_count() or 1, 8),
        help="for calibration (default: all cores, at most 8)",
    )


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """How the detector was trained, where its file does not say."""
    group = parser.add_argument_group(
        "training",
        "how the detector was trained, where its checkpoint does not say; what "
        "contradicts the checkpoint is refused",
    )
    group.add_argument(
        "--anchor-scale",
        metavar="X",
        help="size of an anchor in strides: one number, or one for each level separated by commas",
    )
    group.add_argument(
        "--aspect-ratios",
        metavar="LIST",
        help="width / height, 1,2,0.5, or factors of both, 1x1,1.4x0.7,0.7x1.4",
    )
    group.add_argument(
        "--scales-per-octave",
        metavar="N|LIST",
        help="how many scales, 3, or the factors themselves, 0.5,0.7,0.9",
    )
    group.add_argument(
        "--mean",
        metavar="RGB",
        help="127.5, or 123.7,116.3,103.5; with a --std below 1, from 0 to 1",
    )
    group.add_argument(
        "--std", metavar="RGB", help="127.5, or 58.4,57.1,57.4, or 0.229,0.224,0.225"
    )
    group.add_argument(
        "--pad", metavar="RGB", help="colour beside the picture: 0, 124,116,104, or mean"
    )
    group.add_argument("--project", type=Path, metavar="FILE", help="zylo117's project .yml")
    group.add_argument(
        "--hparams",
        metavar="FILE|K=V,...",
        help="google/automl's hyperparameters, as its --hparams takes them",
    )


def training_options(args: argparse.Namespace) -> TrainingOptions:
    names = [field.name for field in dataclasses.fields(TrainingOptions)]
    return TrainingOptions(**{name: getattr(args, name) for name in names})


def points(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{value:g} is not from 0 to 100")
    return value


def canonical(text: str) -> str:
    """A variant by its own name: D0 and efficientdet-d0 are one, and files stay as they are."""
    return canonical_name(text) if canonical_name(text) in VARIANTS else text


def side(text: str) -> int:
    if not text.strip().isdigit():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no side in pixels: inputs are square, such as --image-size 512; pictures of "
            "another shape are scaled to fit and padded"
        )
    return positive(text)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def run(args: argparse.Namespace) -> int:
    precisions = tuple(dict.fromkeys(args.precisions or ()))
    if not precisions:
        flags = ", ".join(f"--{name}" for name in PRECISION_FLAGS)
        raise InputError(f"say which precision to write: {flags}")
    if args.max_drop is not None and args.data is None:
        raise InputError("--max-drop needs pictures to measure on: --data DIR, labelled or not")
    if args.max_drop is not None and "int8" not in precisions:
        raise InputError("--max-drop is about --int8: give it too")
    if args.data is not None and args.check_data is not None:
        raise InputError(
            "--check-data looks at a dozen of its pictures, as --data does: give one of them"
        )
    if args.split is not None and args.data is None and args.check_data is None:
        raise InputError("--split is of --data or --check-data: give one of them")
    request = Request(
        variants=tuple(dict.fromkeys(canonical(text) for text in args.variants)),
        precisions=precisions,
        output=args.output,
        weights=args.weights,
        calibration=args.calibration,
        calibration_images=args.calibration_images,
        seed=args.seed,
        num_classes=args.num_classes,
        labels=args.labels,
        formats=parse_formats(args.to) if args.to is not None else None,
        nms=args.nms,
        input_dtype=args.input,
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
    )
    for step in convert(request):
        if isinstance(step, str):
            print(f"note: {step}", file=sys.stderr)
        else:
            print(json.dumps(step.to_dict()) if args.json else shown(line(step)), flush=True)
    return 0


def line(written: Written) -> str:
    """`build/d0-int8.tflite  5.0 MB  628 operators, 0 not integer  1.9 s`"""
    detail = ""
    if written.non_integer_operators is not None:
        detail = f", {written.non_integer_operators} not integer"
    elif written.float_convolutions is not None:
        detail = f", {written.float_convolutions} convolutions in float"
    return (
        f"{written.path}  {written.size_bytes / 1e6:.1f} MB  {written.operators} operators"
        f"{detail}  {written.seconds:.1f} s"
    )
