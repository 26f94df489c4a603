"""`edge-edet calibrate`: keeps what INT8 needs of the pictures, so that they need not travel."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_edet.converters.calibration import calibrate, find_pictures
from edge_edet.converters.calibration_record import save_record
from edge_edet.converters.cli import add_calibration_arguments
from edge_edet.converters.network import build_network
from edge_edet.converters.sources import DEFAULT_PICTURES, find_weights
from edge_edet.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("variant", metavar="VARIANT", help="d0, lite0, ...")
    parser.add_argument("--weights", metavar="NAME|FILE", help="as for convert")
    add_calibration_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE",
                        help="the record (default: build/VARIANT.calibration)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    if args.calibration is None:
        raise InputError("say which pictures to calibrate on: --calibration DIR")
    pictures = find_pictures(
        args.calibration, args.calibration_images or DEFAULT_PICTURES, args.seed
    )
    source = find_weights(args.variant, args.weights, args.seed, args.num_classes, args.image_size)
    if source.random:
        raise InputError("random weights have no statistics worth keeping: give trained ones")
    graph = build_network(source.variant, source.weights)
    record = calibrate(graph, source.digest, pictures, args.threads)
    output = args.output or Path("build") / f"{args.variant}.calibration"
    output.parent.mkdir(parents=True, exist_ok=True)
    save_record(record, output)
    print(f"{output}  {output.stat().st_size / 1e6:.2f} MB  {record.pictures} pictures  "
          f"digest {record.digest[:16]}")  # fmt: skip
    return 0
