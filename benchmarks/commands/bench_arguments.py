"""What `edge-edet bench` is asked: its options, and the plan that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.benchmarks.measuring import StopRule
from edge_edet.benchmarks.rows import OPTIONS
from edge_edet.commands import add_verify_argument, parse_options
from edge_edet.errors import InputError
from edge_edet.pictures import PictureLog, find_given, usable

if TYPE_CHECKING:
    from edge_edet.benchmarks.bench import Plan

__all__ = ["ROWS", "add_arguments", "plan_of"]

ROWS = Path("build") / "bench.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="*",
        type=Path,
        metavar="MODEL",
        help=".tflite, .xml or .onnx; default: every one under build/, and D0 is made where none is",
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--device",
        metavar="ID,...",
        help="a board of 'edge-edet devices'; one that is not at hand is estimated, and said to be",
    )
    where.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="user@machine or a name of hosts.toml; may be repeated, they run side by side",
    )
    _add_ways(parser.add_argument_group("how it runs (lists: in all combinations)"))
    _add_rule(parser.add_argument_group("how it is measured"))
    data = parser.add_argument_group("accuracy")
    data.add_argument("--data", metavar="DIR", help="AP on these labelled pictures, in each row")
    data.add_argument("--split", metavar="NAME", help="of the data, such as test")
    data.add_argument("--limit", type=int, metavar="N", help="only its first N pictures")
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"rows are appended here as they come; default: {ROWS}",
    )
    output.add_argument("--resume", action="store_true", help="leave out what the file has already")
    form = output.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document at the end")
    form.add_argument(
        "--stream",
        action="store_true",
        help="JSON lines as it goes, no file without -o: what runs on a board (docs/measuring.md)",
    )
    output.add_argument(
        "--board",
        metavar="ID",
        help="with --stream: which board this machine is, as whoever reached it found out",
    )
    output.add_argument("--skip", metavar="KEY,...", help="rows to leave out, by their keys")


def _add_ways(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--threads", metavar="N,...", help="default: physical cores, at most 4")
    group.add_argument("--runtime", metavar="R,...", help="default: the first that is installed")
    group.add_argument(
        "--delegate", metavar="D,...", help="of a .tflite: none, xnnpack, gpu, edgetpu or a library"
    )
    group.add_argument(
        "--delegate-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="passed to the delegate; may be repeated",
    )
    group.add_argument("--device-type", metavar="T,...", help="CPU, GPU, NPU or AUTO")
    add_verify_argument(group)
    group.add_argument("--precision", metavar="P", help="of an .xml: f32, bf16, f16 or default")
    group.add_argument(
        "--streams", type=int, default=1, metavar="N", help="detectors at a time, for throughput"
    )
    group.add_argument(
        "--in-process",
        action="store_true",
        help="no process for each row, where none can be started; peak memory is not told then",
    )


def _add_rule(group: argparse._ArgumentGroup) -> None:
    rule = StopRule()
    for name, kind, letter, text in (
        ("warmup", int, "N", "runs before sampling, at least"),
        ("warmup_s", float, "S", "and at least so long"),
        ("min_samples", int, "N", "at least"),
        ("relative_width", float, "X", "of the median's 95%% interval, to go on until"),
        ("max_samples", int, "N", "at most"),
        ("max_s", float, "S", "at most, once there are --samples"),
    ):
        value = getattr(rule, name)
        group.add_argument(
            OPTIONS[name],
            dest=name,
            type=kind,
            default=value,
            metavar=letter,
            help=f"{text}; default: {value:g}",
        )
    group.add_argument(
        "--sustain", metavar="TIME", help="run for 30m, 90s or 1h: is the last minute as the first?"
    )
    group.add_argument(
        "--pictures",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="files or folders of them; default: a drawn blood smear, 640 x 480",
    )
    group.add_argument(
        "--score-threshold", type=float, default=0.3, metavar="X", help="default: 0.3"
    )


def plan_of(args: argparse.Namespace) -> Plan:
    """Raises InputError for options that do not go together, or have no such value."""
    if args.stream and args.resume and args.output is None:
        raise InputError("--stream keeps no rows to --resume from: give -o, or --skip")
    if args.board is not None and (not args.stream or args.device or args.host):
        raise InputError(
            "--board is for --stream on the board itself, without --device and --host: to measure, or "
            "estimate, a board give --device"
        )
    from edge_edet.benchmarks.bench import ConfigGrid, Plan, parse_list, parse_threads
    from edge_edet.benchmarks.measuring import parse_duration

    grid = ConfigGrid(
        threads=parse_threads(args.threads),
        runtimes=parse_list(args.runtime, "--runtime"),
        delegates=parse_list(args.delegate, "--delegate"),
        device_types=parse_list(args.device_type, "--device-type"),
        delegate_options=tuple(sorted(parse_options(args.delegate_option).items())),
        precision=args.precision,
        streams=args.streams,
    )
    rule = StopRule(
        args.warmup,
        args.warmup_s,
        args.min_samples,
        args.relative_width,
        args.max_samples,
        args.max_s,
    )
    sustain_s = parse_duration(args.sustain) if args.sustain else None
    pictures = _pictures(args.pictures)
    return Plan(grid, rule, pictures, args.score_threshold, sustain_s, args.verify)


def _pictures(given: list[Path]) -> tuple[Path, ...]:
    """Those that can be read; of a folder the others are left out, with a note."""
    if not given:
        return ()
    found = find_given(given)
    named, log = [path for path, by_name in found.items() if by_name], PictureLog()
    good = usable(found.paths, None, log, strict=False, named=named)
    log.say()
    return tuple(good)
