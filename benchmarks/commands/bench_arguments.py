"""The options of `edge-edet bench`, and the plan that they make."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge_edet.benchmarks.commands.browser_arguments import add_reach_arguments
from edge_edet.benchmarks.measuring import StopRule
from edge_edet.benchmarks.rows import OPTIONS
from edge_edet.commands import add_renamed_option, add_verify_argument, parse_options
from edge_edet.errors import InputError
from edge_edet.foreign import InputOptions, add_input_arguments, input_options
from edge_edet.pictures import (
    PictureLog,
    PictureRange,
    add_range_argument,
    find_given,
    range_text,
    usable,
)

if TYPE_CHECKING:
    from edge_edet.benchmarks.bench import Plan
    from edge_edet.benchmarks.browser import BrowserPlan

__all__ = ["ROWS", "add_arguments", "boards_of", "browser_plan_of", "plan_of"]

T = TypeVar("T")
ROWS = Path("build") / "bench.jsonl"
PROCESSORS = (
    "CPU",
    "GPU",
    "NPU",
    "AUTO",
    "MULTI",
    "HETERO",
)  # all else that --device names is a board
RENAMED = {
    "--device-type": "--device",
    "--pictures": "--images",
    "--precision": "--inference-precision",
    "--stream": "--jsonl",
    "--streams": "--parallel",
    "--width": "--ci-width",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `bench`, and the spellings that were replaced."""
    parser.add_argument(
        "models",
        nargs="*",
        type=Path,
        metavar="MODEL",
        help=".tflite, .xml or .onnx; default: every model under build/; if there is none, D0 is "
        "converted first",
    )
    where = parser.add_argument_group("where it runs")
    where.add_argument(
        "--board",
        metavar="ID,...",
        help="boards, as 'edge-edet devices' lists them; the latency of a board that cannot be "
        "reached is estimated, and marked as an estimate",
    )
    where.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="USER@ADDRESS of a board, or a name from hosts.toml; may be repeated: boards run side "
        "by side",
    )
    _add_browser(parser.add_argument_group("in browsers"))
    _add_grid(parser.add_argument_group("how it runs (a row for each combination of the lists)"))
    _add_rule(parser.add_argument_group("how it is measured"))
    _add_counting(parser.add_argument_group("counting instead of timing"))
    data = parser.add_argument_group("accuracy")
    data.add_argument(
        "--data", metavar="DIR", help="labelled pictures: each row gets the AP on them as well"
    )
    data.add_argument("--split", metavar="NAME", help="part of the data, such as test")
    data.add_argument(
        "--limit", type=int, metavar="N", help="only the first N pictures of the data"
    )
    data.add_argument(
        "--class-map",
        type=Path,
        metavar="FILE",
        help=".json, label of the model -> category of the data; default: equal names",
    )
    inputs = parser.add_argument_group("labels, and what a foreign model's file omits")
    add_input_arguments(inputs)
    add_range_argument(inputs)
    _add_output(parser.add_argument_group("output"))
    for old, new in RENAMED.items():
        add_renamed_option(parser, old, new)


def _add_browser(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--browser",
        action="store_true",
        help="serve a page, and measure in every browser that opens it: phones, tablets, laptops; Ctrl-C "
        "ends it",
    )
    add_reach_arguments(group)


def _add_counting(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--count",
        action="store_true",
        help="count the instructions of an inference on --host emulated:BOARD, or emulated:cortex-x; "
        "threads default to 1 (docs/how-to/count-instructions.md)",
    )
    group.add_argument(
        "--per-operator",
        action="store_true",
        help="with --count: each operator of the file alone as well",
    )
    group.add_argument(
        "--time-limit",
        type=float,
        default=600.0,
        metavar="S",
        help="with --count: seconds after which a model is given up; default: 600",
    )


def _add_output(output: argparse._ArgumentGroup) -> None:
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"file that each row is appended to when it is measured; default: {ROWS}",
    )
    output.add_argument(
        "--resume", action="store_true", help="skip the rows that the file has already"
    )
    form = output.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document at the end")
    form.add_argument(
        "--jsonl",
        action="store_true",
        help="events and rows as JSON Lines while it runs, and no file unless -o is given; this is "
        "how bench runs on a board (docs/measuring.md)",
    )
    output.add_argument(
        "--this-board",
        metavar="ID",
        help="with --jsonl: the board that this machine is, as the machine that reached it found",
    )
    output.add_argument("--skip", metavar="KEY,...", help="keys of rows to leave out")


def _add_grid(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--threads", metavar="N,...", help="CPU threads; default: physical cores, at most 4"
    )
    group.add_argument(
        "--runtime",
        metavar="R,...",
        help="for a .tflite ai-edge-litert, tflite-runtime or tensorflow, default: the first "
        "installed; for an .onnx onnxruntime (default) or openvino",
    )
    group.add_argument(
        "--device",
        metavar="D,...",
        help="processor: CPU, GPU, NPU or AUTO (a board's ID is accepted, as --board)",
    )
    group.add_argument(
        "--delegate",
        metavar="D,...",
        help="for a .tflite: none, xnnpack, gpu, edgetpu or a delegate library; with --browser wasm, "
        "webgpu or webnn",
    )
    group.add_argument(
        "--delegate-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="passed to the delegate; may be repeated",
    )
    group.add_argument(
        "--inference-precision",
        dest="precision",
        metavar="P",
        help="for an .xml, precision of the layers that are not INT8: f32, bf16, f16, or default, "
        "the device's choice",
    )
    group.add_argument(
        "--parallel",
        type=int,
        default=1,
        metavar="N",
        help="number of inferences at the same time, to measure throughput; default: 1",
    )
    add_verify_argument(group)
    group.add_argument(
        "--in-process",
        action="store_true",
        help="measure in this process, where none can be started; peak memory is not known then",
    )


def _add_rule(group: argparse._ArgumentGroup) -> None:
    rule = StopRule()
    for name, kind, letter, text in (
        ("warmup", int, "N", "least number of runs before sampling"),
        ("warmup_s", float, "S", "least seconds of runs before sampling"),
        ("min_samples", int, "N", "least number of samples"),
        (
            "relative_width",
            float,
            "X",
            "sample until the 95%% interval of the median is narrower than this part of it",
        ),
        ("max_samples", int, "N", "largest number of samples"),
        ("max_s", float, "S", "most seconds of sampling, once there are --samples"),
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
        "--sustain",
        metavar="TIME",
        help="run for 30m, 90s or 1h without a pause, and report whether latency drifts",
    )
    group.add_argument(
        "--stream-source",
        type=Path,
        metavar="FILE",
        help="measure the whole pipeline on this video instead: frames per second, delays, and what is "
        "dropped of a camera of 30 frames per second",
    )
    group.add_argument(
        "--images",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="pictures to run on, files or folders; default: a drawn blood smear of 640 x 480",
    )
    group.add_argument(
        "--score-threshold",
        type=float,
        default=0.3,
        metavar="X",
        help="lowest score of a detection; default: 0.3",
    )


def plan_of(args: argparse.Namespace) -> Plan:
    """Build the plan that the options describe.

    Raises
    ------
    InputError
        For options that exclude each other, or a value that is not possible.
    """
    if args.jsonl and args.resume and args.output is None:
        raise InputError("--jsonl keeps no rows to --resume from: give -o, or --skip")
    if args.this_board is not None and (not args.jsonl or boards_of(args) or args.host):
        raise InputError(
            "--this-board is for --jsonl on the board itself, without --board and --host: to measure "
            "or estimate a board give --board"
        )
    from edge_edet.benchmarks.bench import ConfigGrid, Plan, parse_list, parse_threads
    from edge_edet.benchmarks.measuring import parse_duration

    grid = ConfigGrid(
        threads=parse_threads(args.threads),
        runtimes=parse_list(args.runtime, "--runtime"),
        delegates=parse_list(args.delegate, "--delegate"),
        device_types=_devices(args)[0],
        delegate_options=tuple(sorted(parse_options(args.delegate_option).items())),
        precision=args.precision,
        streams=args.parallel,
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
    pictures = _pictures(args.images, args.picture_range)
    return Plan(
        grid,
        rule,
        pictures,
        args.score_threshold,
        sustain_s,
        args.verify,
        _input(args),
        args.count,
        args.per_operator,
        args.time_limit,
    )


def browser_plan_of(args: argparse.Namespace, models: Sequence[Path]) -> BrowserPlan:
    """Build the plan of `--browser` that the options describe.

    Raises
    ------
    InputError
        For options that mean nothing in a browser, or a value that is not possible.
    """
    from edge_edet.benchmarks.browser import BrowserPlan

    plan = plan_of(args)
    grid = plan.grid
    for option, given in (
        ("--board", boards_of(args)),
        ("--host", args.host),
        ("--runtime", args.runtime),
        ("--device", args.device),
        ("--delegate-option", args.delegate_option),
        ("--inference-precision", args.precision),
        ("--parallel", grid.streams > 1),
        ("--in-process", args.in_process),
        ("--this-board", args.this_board),
        ("--skip", args.skip),
        ("--count", args.count),
        ("--resume", args.resume),
        ("--data", args.data),
        ("--split", args.split),
        ("--limit", args.limit is not None),
        ("--class-map", args.class_map),
        ("--per-operator", args.per_operator),
        ("--no-verify", not args.verify),
        *((f"--{name.replace('_', '-')}", True) for name in plan.input),
    ):
        if given:
            raise InputError(f"{option} means nothing in a browser: leave it out, or --browser")
    return BrowserPlan(
        models=tuple(dict.fromkeys(models)),
        delegates=_named(grid.delegates),
        threads=_named(grid.threads),
        rule=plan.rule,
        sustain_s=plan.sustain_s,
        score_threshold=plan.score_threshold,
        pictures=plan.pictures,
    )


def _named(given: tuple[T | None, ...]) -> tuple[T, ...] | None:
    """Return what a list names; None where it was not given."""
    named = tuple(one for one in given if one is not None)
    return named or None


def _pictures(given: list[Path], picture_range: PictureRange) -> tuple[Path, ...]:
    """Select the pictures that can be read; others of a folder are left out, with a note."""
    if not given:
        return ()
    found = find_given(given)
    named, log = [path for path, by_name in found.items() if by_name], PictureLog()
    good = usable(found.paths, picture_range, log, strict=False, named=named)
    log.say()
    return tuple(good)


def _input(args: argparse.Namespace) -> dict[str, str]:
    """Options about input and labels. Raises InputError for values that are not possible."""
    given = {k: str(value) for k, value in input_options(args).items() if value is not None}
    InputOptions(**given)
    if args.picture_range is not None:
        given["picture_range"] = range_text(args.picture_range) or ""
    return given


def boards_of(args: argparse.Namespace) -> list[str]:
    """List the boards of --board, and those that people give to --device."""
    from edge_edet.benchmarks.bench import parse_list

    named = [board for board in parse_list(args.board, "--board") if board is not None]
    return list(dict.fromkeys([*named, *_devices(args)[1]]))


def _devices(args: argparse.Namespace) -> tuple[tuple[str | None, ...], list[str]]:
    """Split --device into processors, (None,) for the default one, and boards."""
    from edge_edet.benchmarks.bench import parse_list

    given = [one for one in parse_list(args.device, "--device") if one is not None]
    processors = [one for one in given if re.split("[.:]", one)[0].upper() in PROCESSORS]
    return tuple(processors) or (None,), [one for one in given if one not in processors]
