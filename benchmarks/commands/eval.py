"""`edge-edet eval`: measure COCO AP of model files on labelled pictures, with intervals."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge_edet.benchmarks.accuracy import DEFAULT_PROTOCOL, Protocol
from edge_edet.commands import add_renamed_option, add_run_arguments, run_options
from edge_edet.foreign import add_input_arguments, input_options
from edge_edet.pictures import add_decode_argument, add_picture_arguments, range_text
from edge_edet.terminal import joined

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `eval`."""
    parser.add_argument(
        "models",
        nargs="+",
        type=Path,
        metavar="MODEL",
        help=".tflite, .xml or .onnx; with several, differences from the first one are reported",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="labelled pictures: a COCO .json, a data.yaml, or a folder of Pascal VOC, YOLO or COCO",
    )
    data.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="folder of the pictures; default: where the format has them",
    )
    data.add_argument(
        "--split", metavar="NAME", help="split of a folder or data.yaml, such as test"
    )
    data.add_argument(
        "--follow",
        action="store_true",
        help="also read pictures outside of the data's folder that a COCO .json names",
    )
    data.add_argument("--limit", type=int, metavar="N", help="use only the first N pictures")
    data.add_argument(
        "--class-map",
        type=Path,
        metavar="FILE",
        help=".json with label of the model -> category of the data; default: equal names",
    )
    add_picture_arguments(data)
    add_decode_argument(data)
    _add_protocol(parser.add_argument_group("protocol"))
    ran = parser.add_argument_group("how it runs")
    add_run_arguments(ran)
    add_renamed_option(parser, "--precision", "--inference-precision")
    add_input_arguments(parser.add_argument_group("labels, and what a foreign model's file omits"))
    ran.add_argument(
        "--scheduler",
        metavar="URL",
        help="spread the pictures over a Dask cluster (tcp://...) that sees the same files",
    )
    ran.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="file from which a killed run continues; default: one in build/eval/ per model, data "
        "and protocol",
    )
    ran.add_argument(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="number of resamples for the 95%% intervals, 0 for none; default: 1000",
    )
    ran.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the resamples; default: 0"
    )
    ran.add_argument("--json", action="store_true", help="print one JSON document")


def _add_protocol(group: argparse._ArgumentGroup) -> None:
    default = DEFAULT_PROTOCOL
    group.add_argument(
        "--suppression",
        default=default.suppression,
        metavar="KIND",
        help=f"non-maximum suppression, hard or soft-gaussian; default: {default.suppression}",
    )
    for option, name, kind, text in (
        ("--score-threshold", "score_threshold", float, "detections need a higher score"),
        (
            "--iou-threshold",
            "iou_threshold",
            float,
            "IoU above which hard suppression removes a box",
        ),
        ("--sigma", "sigma", float, "width of soft-gaussian suppression"),
        ("--candidates", "candidates", int, "anchors that enter suppression"),
        ("--per-class", "detections_per_class", int, "detections kept per class"),
        ("--detections", "detections", int, "detections kept per picture"),
        ("--min-side", "min_side_px", float, "objects count if both sides are longer, in pixels"),
    ):
        value = getattr(default, name)
        shown = "no limit" if value is None else f"{value:g}"
        group.add_argument(
            option,
            dest=name,
            type=kind,
            default=value,
            metavar="X",
            help=f"{text}; default: {shown}",
        )


def run(args: argparse.Namespace) -> int:
    """Evaluate each model and print its AP. Returns 0 when all models are evaluated."""
    from edge_edet.benchmarks.accuracy import (
        compare,
        difference_table,
        evaluate,
        json_document,
        read_class_map,
        result_lines,
        summary_table,
    )
    from edge_edet.benchmarks.accuracy.datasets import load_dataset

    protocol = _protocol(args)
    protocol.to_dict()  # raises without the evaluator, before any model runs
    given = read_class_map(args.class_map) if args.class_map else None
    dataset = load_dataset(args.data, images=args.images, split=args.split, follow=args.follow)
    results = [
        evaluate(
            model,
            dataset,
            protocol,
            limit=args.limit,
            state=args.state,
            given_map=given,
            resamples=args.bootstrap,
            seed=args.seed,
            scheduler=args.scheduler,
            strict=args.strict,
            **run_options(args),
            **input_options(args),
        )
        for model in args.models
    ]
    differences = [compare(results[0], other) for other in results[1:]]
    if args.json:
        json.dump(json_document(results, differences), sys.stdout, indent=1, ensure_ascii=False)
        print()
        return 0
    print(joined(protocol.lines()))
    for result in results:
        print("\n" + joined(result_lines(result)))
    if differences:
        print("\n" + joined(summary_table(results)))
        print("\n" + joined(difference_table(differences)))
    return 0


def _protocol(args: argparse.Namespace) -> Protocol:
    names = (
        "suppression",
        "score_threshold",
        "iou_threshold",
        "sigma",
        "candidates",
        "detections_per_class",
        "detections",
        "min_side_px",
    )
    return DEFAULT_PROTOCOL.replace(
        **{name: getattr(args, name) for name in names},
        picture_range=range_text(args.picture_range),
        decode=args.decode,
        class_map=f"by name, then {args.class_map}" if args.class_map else "by name",
    )
