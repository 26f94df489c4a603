"""`edge-edet bench`: latency of each stage, memory, energy and accuracy, here or on a board."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.benchmarks.commands.bench_arguments import (
    ROWS,
    add_arguments,
    boards_of,
    browser_plan_of,
    plan_of,
)
from edge_edet.benchmarks.commands.browser_arguments import reach_of, refuse_reach
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.terminal import ended_politely

if TYPE_CHECKING:
    from edge_edet.benchmarks.bench import BenchOutput, Place

__all__ = ["add_arguments", "ended_politely", "run"]


def run(args: argparse.Namespace) -> int:
    """Measure all rows. Returns 0, or the status of the first failure; the other rows go on."""
    if not args.browser:
        refuse_reach(args)
    elif args.stream_source is not None:
        raise InputError(
            "--stream-source plays a video on this machine: leave it out, or --browser"
        )
    if args.stream_source is not None:
        from edge_edet.benchmarks.commands.bench_stream import run_stream

        return run_stream(args)
    from edge_edet.benchmarks.bench import (
        BenchOutput,
        BenchSession,
        check_countable,
        check_estimable,
        convert_d0,
        find_models,
        read_labelled,
    )
    from edge_edet.benchmarks.rows import open_rows

    if args.browser:
        return _run_browser(args)
    plan = plan_of(args)
    places = _places(args)
    for place in places:
        if plan.count:
            check_countable(place, plan, args.data)
        if place.kind == "estimate":  # refused before anything is converted or measured
            check_estimable(place, plan)
    data = read_labelled(args.data, args.split, args.limit, args.class_map)
    if data is not None and any(place.kind == "remote" for place in places):
        data.files()  # refused here what a board could not be given
    path = args.output or (None if args.jsonl else ROWS)
    form = "jsonl" if args.jsonl else "json" if args.json else "table"
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended_politely())
        file = stack.enter_context(open_rows(path)) if path is not None else None
        output = BenchOutput(form, file, path)
        stack.callback(output.clear)
        if path is not None:
            _recover(path, output)
        session = BenchSession(
            plan=plan,
            data=data,
            models=args.models or find_models() or convert_d0(output.note),
            named=bool(args.models),
            earlier=list(file.rows) if file is not None else [],
            resume=args.resume,
            skip=frozenset((args.skip or "").split(",")),
            fresh=not args.in_process,
            output=output,
        )
        try:
            failures = session.measure(places)
        finally:  # a sustained run that ended early is kept now, however it ended
            output.stopped = False
            if path is not None:
                _recover(path, output)
        for error in failures:
            output.error(error)
        output.end()
    return failures[0].exit_status if failures else 0


def _run_browser(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C. Returns 0 where a row came, 1 where none did."""
    from edge_edet.benchmarks.bench import BenchOutput
    from edge_edet.benchmarks.browser import bench_in_browsers, find_or_convert
    from edge_edet.benchmarks.rows import open_rows

    reach = reach_of(args)
    path = args.output or (None if args.jsonl else ROWS)
    form = "jsonl" if args.jsonl else "json" if args.json else "table"
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended_politely())
        file = stack.enter_context(open_rows(path)) if path is not None else None
        output = BenchOutput(form, file, path)
        stack.callback(output.clear)
        if path is not None:
            _recover(path, output)
        plan = browser_plan_of(args, args.models or find_or_convert(output.note))
        try:
            bench_in_browsers(plan, reach, args.litertjs, output)
        finally:
            if path is not None:
                _recover(path, output)
        output.end()
        if not output.rows:
            output.error(
                EdgeEdetError(
                    "no row came: open the address in a browser, tap Measure, and wait for the results"
                )
            )
    return 0 if output.rows else 1


def _places(args: argparse.Namespace) -> list[Place]:
    from edge_edet.benchmarks.bench import Place, find_places, name_device

    if args.this_board is not None:  # the other side knows what this machine is
        return [Place("local", name_device(args.this_board))]
    return find_places(boards_of(args), args.host)


def _recover(path: Path, output: BenchOutput) -> None:
    """Keep the minutes of sustained runs that did not come to their end."""
    from edge_edet.benchmarks.measuring import Journal, RowMeasured

    for row in Journal(path).recover():
        minutes = len(row.sustain.minutes) if row.sustain is not None else 0
        output.note(
            f"a sustained run of {row.model.file} ended early: its {minutes} minutes are kept as a row"
        )
        output(RowMeasured(row))
