"""`edge-edet reproduce ap`: AP and latency of variants x precisions x runtimes on labelled pictures.

Each configuration of a model is one row of `bench` with its AP. Finished work is not repeated, down to
single pictures: rows are known by their keys, evaluations by the files in build/eval/.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats import FORMATS
from edge_edet.runtimes import RUNTIMES
from edge_edet.studies.runtimes import find_runtimes

if TYPE_CHECKING:
    from edge_edet.benchmarks.measuring import Job

__all__ = ["add_arguments", "run"]

ROWS = "ap.rows.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sweep.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    group = parser.add_argument_group("ap: AP of every variant, precision and runtime")
    group.add_argument("--data", type=Path, metavar="PATH", help="labelled pictures, as in 'eval'")
    group.add_argument("--split", metavar="NAME", help="split of the data, such as test")
    group.add_argument("--limit", type=int, metavar="N", help="use only the first N pictures")
    group.add_argument("--weights", metavar="NAME|FILE", help="as in 'convert'; default: official")
    group.add_argument("--calibration", metavar="DIR|RECORD", help="for INT8, as in 'convert'")
    group.add_argument(
        "--models",
        nargs="+",
        type=Path,
        default=[],
        metavar="MODEL",
        help="evaluate these files instead of converting any",
    )
    group.add_argument(
        "--scheduler", metavar="URL", help="spread the pictures over this Dask cluster"
    )


def run(args: argparse.Namespace) -> int:
    """Run the sweep; return 0, or the first failure's status if a row is missing.

    Parameters
    ----------
    args
        The parsed command line.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    InputError
        Without --data.
    """
    from edge_edet.benchmarks.bench import BenchOutput, measure_jobs, read_labelled
    from edge_edet.benchmarks.rows import done_keys, open_rows
    from edge_edet.studies.ap.table import to_document, to_text
    from edge_edet.terminal import ended_politely

    if args.data is None:
        raise InputError(
            "reproduce ap needs labelled pictures: give --data (see 'edge-edet eval --help')"
        )
    data = read_labelled(args.data, args.split, args.limit)
    assert data is not None
    failures: list[EdgeEdetError] = []
    path = args.output / ROWS
    with ended_politely(), open_rows(path) as file:
        jobs = list(_jobs(args, failures))
        done = done_keys(row for row in file.rows if data.is_in(row))
        left = [job for job in jobs if job.key not in done]
        output = BenchOutput("quiet", file, path)
        if len(left) < len(jobs):
            output.note(f"{len(jobs) - len(left)} of {len(jobs)} rows exist already")
        for failure in measure_jobs(left, file.rows, output, data=data, scheduler=args.scheduler):
            failures.append(failure.error)
        keys = {job.key for job in jobs}
        rows = {row.key: row for row in file.rows if row.key in keys and data.is_in(row)}
    if args.json:
        print(json.dumps(to_document(list(rows.values())), indent=1))
    elif rows:
        print(to_text(list(rows.values())))
        print(f"\nfor the curves: edge-edet report {path} -o {args.output / 'report'}")
    for error in failures:
        print(f"edge-edet: error: {error}", file=sys.stderr)
    return failures[0].exit_status if failures else 0


def _jobs(args: argparse.Namespace, failures: list[EdgeEdetError]) -> Iterator[Job]:
    """Yield a job for each file, number of threads and runtime that reads the file."""
    from edge_edet.benchmarks.bench import ConfigGrid, Plan, find_places, make_jobs, parse_threads
    from edge_edet.benchmarks.measuring import StopRule

    (place,) = find_places([], [])
    assert place.device is not None
    threads = parse_threads(args.threads)
    rule = StopRule(2, 0.5, args.samples, 0.05, max(100, args.samples), 10.0)
    runtimes = find_runtimes(args.runtime, [form.runtimes[0] for form in FORMATS.values()])
    for found in _models(args, runtimes, threads):
        if isinstance(found, EdgeEdetError):
            failures.append(found)
            continue
        for runtime in _taken(found, runtimes):
            plan = Plan(ConfigGrid(threads=threads, runtimes=(runtime,)), rule)
            try:
                yield from make_jobs([found], plan, place.device, named=True, note=_say)
            except EdgeEdetError as error:
                failures.append(error)


def _models(
    args: argparse.Namespace, runtimes: Sequence[str], threads: Sequence[int | None]
) -> Iterator[Path | EdgeEdetError]:
    from edge_edet.benchmarks.bench import parse_list
    from edge_edet.studies.ap.models import PRECISIONS, ApModels, find_variants

    if args.models:
        for path in args.models:
            if path.suffix not in FORMATS:
                raise InputError(f"{str(path)!r} is no model file: expected {', '.join(FORMATS)}")
        yield from args.models
        return
    variants = find_variants([name for name in parse_list(args.variants, "--variants") if name])
    precisions = _chosen(args.precision, "--precision", PRECISIONS)
    models = ApModels(
        args.output, args.weights or "official", args.calibration, max(n or 1 for n in threads)
    )
    models.check_same()
    yield from models.make(variants, runtimes, precisions)


def _chosen(text: str | None, option: str, known: Iterable[str]) -> list[str]:
    """Return all of the known where nothing is given."""
    from edge_edet.benchmarks.bench import parse_list

    names = [name for name in parse_list(text, option) if name] or list(known)
    for name in names:
        if name not in known:
            raise InputError(f"{option} {name!r}: known are {', '.join(known)}")
    return names


def _taken(model: Path, chosen: Sequence[str]) -> list[str]:
    """Return the installed runtimes of those chosen that take the file."""
    able = FORMATS[model.suffix].runtimes
    return [name for name in able if name in chosen and RUNTIMES[name].is_installed]


def _say(text: str) -> None:
    print(f"edge-edet: {text}", file=sys.stderr, flush=True)
