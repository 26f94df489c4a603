"""`edge-edet calibrate`: record what INT8 needs of the pictures, so that they need not be copied."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_edet.converters.calibrate import (
    DEFAULT_PICTURES,
    calibrate,
    find_pictures,
    make_corrections,
)
from edge_edet.converters.commands.arguments import add_calibration_arguments, training_options
from edge_edet.converters.quantize import (
    corrections_path,
    load_record,
    save_corrections,
    save_record,
)
from edge_edet.converters.weights import Auto, commonest_shape, find_weights
from edge_edet.errors import InputError
from edge_edet.network import build_network
from edge_edet.output_files import CALIBRATION, CORRECTIONS, Outputs, add_overwrite_argument
from edge_edet.pictures import (
    PictureLog,
    add_picture_arguments,
    range_text,
    read_picture,
    usable,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "variant",
        metavar="VARIANT|FILE",
        help="d0, lite0, ..., or a checkpoint, whose tensors determine its variant",
    )
    parser.add_argument("--weights", metavar="NAME|FILE", help="as for 'edge-edet convert'")
    add_calibration_arguments(parser, record=False)
    add_picture_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the record (default: build/VARIANT.calibration); its corrections are written beside it, "
        "with the suffix .corrections",
    )
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate, and write the record and its corrections. Returns the exit status."""
    if args.calibration is None:
        raise InputError("say which pictures to calibrate on: --calibration DIR")
    _check_folder(args.calibration)
    read = [args.variant, args.calibration, args.weights, args.project, args.hparams]
    with Outputs((one for one in read if one), overwrite=args.overwrite) as outputs:
        if args.output is not None:
            outputs.claim(args.output, CALIBRATION)
            outputs.claim(corrections_path(args.output), CORRECTIONS)
        return _calibrate(args, outputs)


def _check_folder(given: Path) -> None:
    if CALIBRATION.wrote(given):
        record = load_record(given)
        raise InputError(
            f"{str(given)!r} is already a calibration record, made from {record.pictures} pictures of "
            f"{record.variant}: 'edge-edet convert' takes it as it is; to calibrate again, give a "
            "folder of pictures"
        )
    if given.is_file():
        raise InputError(
            f"{str(given)!r} is a file, but --calibration of 'calibrate' takes a folder of pictures: "
            "give the folder"
        )


def _calibrate(args: argparse.Namespace, outputs: Outputs) -> int:
    log = PictureLog()
    drawn = find_pictures(args.calibration, args.calibration_images or DEFAULT_PICTURES, args.seed)
    pictures = usable(drawn, args.picture_range, log, strict=args.strict)
    log.say()
    size = args.image_size
    if isinstance(size, Auto):
        size = commonest_shape(
            [read_picture(one, args.picture_range).image.size for one in pictures]
        )
    source = find_weights(
        args.variant,
        args.weights,
        args.seed,
        args.num_classes,
        size,
        training_options(args),
    )
    for note in source.notes:
        print(f"note: {note}", file=sys.stderr)
    if source.random:
        raise InputError("random weights have no statistics worth keeping: give trained weights")
    output = args.output or Path("build") / f"{source.variant.name}.calibration"
    beside = corrections_path(output)
    outputs.claim(output, CALIBRATION)
    outputs.claim(beside, CORRECTIONS)
    graph = build_network(source.variant, source.weights)
    record = calibrate(graph, source.digest, pictures, args.threads, args.picture_range)
    save_record(record, output, outputs)
    corrections = make_corrections(graph, record, pictures, args.threads)
    save_corrections(corrections, beside, outputs)
    stated = range_text(record.picture_range)
    print(
        f"{output}  {_size(output)}  {record.pictures} pictures  "
        f"{f'range {stated}  ' if stated else ''}digest {record.digest[:16]}"
    )
    recipe = corrections.recipe["name"]
    print(f"{beside}  {_size(beside)}  recipe {recipe}  digest {corrections.digest[:16]}")
    return 0


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.2f} MB"
