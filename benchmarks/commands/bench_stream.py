"""`edge-edet bench --stream-source`: the whole pipeline on a video file."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edge_edet.benchmarks.commands.bench_arguments import boards_of, plan_of
from edge_edet.errors import InputError
from edge_edet.foreign import input_options
from edge_edet.terminal import joined

if TYPE_CHECKING:
    from edge_edet.benchmarks.measuring import StreamBench

__all__ = ["run_stream"]

# of a camera or a stream; a path has one slash where an address has two
ADDRESS = re.compile(r"camera:|[A-Za-z][A-Za-z0-9+.-]+:/")
# of bench, which says nothing of a video
WITHOUT = ("data", "images", "sustain", "jsonl", "output", "resume", "skip", "this_board")


def run_stream(args: argparse.Namespace) -> int:
    """Measure each model on the video and print a table, or JSON. Returns 0."""
    from edge_edet.benchmarks.bench import convert_d0, find_models
    from edge_edet.benchmarks.measuring import bench_stream
    from edge_edet.detection import load

    options = _options(args)
    results = []
    for model in args.models or find_models() or convert_d0(print):
        with load(model, **options) as detector:
            result = bench_stream(args.stream_source, detector)
            info = detector.info
        about = {
            "model": info.model_path,
            "precision": info.precision,
            "runtime": f"{info.runtime} {info.runtime_version}",
            "threads": info.threads,
            "stream_source": str(args.stream_source),
        }
        results.append((about, result))
        if not args.json:
            print(joined(_lines(about, result)), flush=True)
    if args.json:
        documents = [{**about, **result.to_dict()} for about, result in results]
        print(json.dumps(documents, indent=1, ensure_ascii=False))
    return 0


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of `edge_edet.load`; each list of bench has one value here."""
    given = [f"--{name.replace('_', '-')}" for name in WITHOUT if getattr(args, name)]
    given += ["--host"] * bool(args.host) + ["--board"] * bool(boards_of(args))
    if given:
        raise InputError(
            f"{given[0]} is not for --stream-source, which plays a video on this machine: leave it out"
        )
    if ADDRESS.match(str(args.stream_source)):  # not shown: it may hold a password
        raise InputError(
            "--stream-source plays a video file twice, and a camera or an address was given: record a "
            "file from it first, or run 'edge-edet detect' on it, which tells its rate and delay"
        )
    if not args.stream_source.exists():
        raise InputError(f"cannot read {str(args.stream_source)!r}: no such file or directory")
    plan = plan_of(args)
    grid = plan.grid
    one: dict[str, Any] = {}
    for name, values in (
        ("threads", grid.threads),
        ("runtime", grid.runtimes),
        ("delegate", grid.delegates),
        ("device", grid.device_types),
    ):
        if len(values) > 1:
            raise InputError(
                f"--{name} takes one value with --stream-source, but got {len(values)}"
            )
        one[name] = values[0] if values else None
    return {
        **one,
        "precision": args.precision,
        "delegate_options": dict(grid.delegate_options),
        "verify": args.verify,
        "score_threshold": args.score_threshold,
        **input_options(args),
    }


def _lines(about: dict[str, Any], result: StreamBench) -> Iterator[str]:
    yield f"{about['model']} ({about['precision']}, {about['runtime']}, {about['threads']} threads)"
    yield (
        f"  as fast as it goes: {result.frames} frames, {result.fps:.1f} frames/s, each "
        f"{_ms(result.frame_ms)}"
    )
    share = result.dropped / (result.taken + result.dropped)
    yield (
        f"  as a camera of {result.camera_fps:g} frames/s: {result.taken} taken, {result.dropped} dropped "
        f"({share:.0%}), from capture to boxes {_ms(result.delay_ms)}"
    )


def _ms(percentiles: dict[int, float]) -> str:
    return ", ".join(f"p{one} {ms:.1f} ms" for one, ms in percentiles.items())
