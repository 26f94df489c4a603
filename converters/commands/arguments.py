"""Arguments that several commands share, and the parsers of their values."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.converters.facts import TrainingOptions
from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.converters.weights import SizeWish

__all__ = ["add_calibration_arguments", "natural", "points", "positive", "training_options"]


def add_calibration_arguments(parser: argparse.ArgumentParser, *, record: bool = True) -> None:
    """Add the arguments that `convert` and `calibrate` share.

    Parameters
    ----------
    parser
        The command's parser.
    record
        Whether `--calibration` also takes a calibration record in place of pictures.
    """
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR|RECORD" if record else "DIR",
        help="pictures like those the model will see"
        + (", or a calibration record" if record else ""),
    )
    parser.add_argument(
        "--calibration-images",
        type=positive,
        metavar="N",
        help="number of pictures drawn from DIR (default: 200)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=natural,
        default=0,
        help="seed for the draw of pictures and for random weights (default: 0)",
    )
    parser.add_argument(
        "--num-classes",
        type=positive,
        metavar="N",
        help="number of classes of random weights; other weights state their own",
    )
    parser.add_argument(
        "--image-size",
        type=image_size,
        metavar="SIZE",
        help="size of the input: 512, 512x384 (width x height), multiples of 32; a ratio such as 16:9, whose "
        "longer side is the variant's; or auto, the shape of most pictures of --calibration, and a margin "
        "(default: as trained)",
    )
    add_training_arguments(parser)
    parser.add_argument(
        "--threads",
        metavar="N",
        type=positive,
        default=min(os.cpu_count() or 1, 8),
        help="threads for calibration (default: all cores, at most 8)",
    )


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for how the detector was trained, where its file does not say."""
    group = parser.add_argument_group(
        "training",
        "how the detector was trained, where its checkpoint does not say; a value that "
        "contradicts the checkpoint is an error",
    )
    group.add_argument(
        "--anchor-scale",
        metavar="X",
        help="size of an anchor in strides: one number, or one for each level separated by commas",
    )
    group.add_argument(
        "--aspect-ratios",
        metavar="LIST",
        help="width / height, such as 1,2,0.5, or factors of both, such as 1x1,1.4x0.7,0.7x1.4",
    )
    group.add_argument(
        "--scales-per-octave",
        metavar="N|LIST",
        help="number of scales, such as 3, or the factors themselves, such as 0.5,0.7,0.9",
    )
    group.add_argument(
        "--mean",
        metavar="RGB",
        help="such as 127.5, or 123.7,116.3,103.5; with a --std below 1, on the scale from 0 to 1",
    )
    group.add_argument(
        "--std", metavar="RGB", help="such as 127.5, or 58.4,57.1,57.4, or 0.229,0.224,0.225"
    )
    group.add_argument(
        "--pad", metavar="RGB", help="colour beside the picture, such as 0, or 124,116,104, or mean"
    )
    group.add_argument("--project", type=Path, metavar="FILE", help="zylo117's project .yml")
    group.add_argument(
        "--hparams",
        metavar="FILE|K=V,...",
        help="google/automl's hyperparameters, as its --hparams takes them",
    )


def training_options(args: argparse.Namespace) -> TrainingOptions:
    """Return the training options of parsed arguments."""
    names = [field.name for field in dataclasses.fields(TrainingOptions)]
    return TrainingOptions(**{name: getattr(args, name) for name in names})


def points(text: str) -> float:
    """Parse AP points, from 0 to 100."""
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{value:g} is not from 0 to 100")
    return value


def image_size(text: str) -> SizeWish:
    """Parse the size of the input."""
    from edge_edet.converters.weights import read_size

    try:
        return read_size(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """Parse an integer from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def natural(text: str) -> int:
    """Parse an integer from 0 up."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value
