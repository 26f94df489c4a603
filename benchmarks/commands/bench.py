"""`edge-edet bench`: latency of each stage, memory, energy and accuracy, here or on a board."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.benchmarks.commands.bench_arguments import ROWS, add_arguments, boards_of, plan_of
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.terminal import ended_politely

if TYPE_CHECKING:
    from edge_edet.benchmarks.bench import BenchOutput, Labelled, Place, Plan
    from edge_edet.benchmarks.rows import BenchmarkRow

__all__ = ["add_arguments", "ended_politely", "run"]


def run(args: argparse.Namespace) -> int:
    """0 when every row was measured, else the first failure's status; the others go on."""
    from edge_edet.benchmarks.bench import BenchOutput, read_labelled
    from edge_edet.benchmarks.rows import open_rows

    plan = plan_of(args)
    places = _places(args)
    for place in places:
        if place.kind == "estimate":  # refused before anything is converted or measured
            _check_estimable(args, place, plan)
    data = read_labelled(args.data, args.split, args.limit)
    if data is not None and any(place.kind == "remote" for place in places):
        data.to_send()
    path = args.output or (None if args.jsonl else ROWS)
    form = "jsonl" if args.jsonl else "json" if args.json else "table"
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended_politely())
        file = stack.enter_context(open_rows(path)) if path is not None else None
        output = BenchOutput(form, file, path)
        if path is not None and file is not None:
            _recover(path, output)
        earlier = list(file.rows) if file is not None else []
        models, named = args.models, bool(args.models)
        if not named:
            from edge_edet.benchmarks.bench import convert_d0, find_models

            models = find_models() or convert_d0(output.note)
        try:
            status = _measure_all(args, places, models, named, plan, data, earlier, output)
        finally:  # a sustained run that ended early is kept now, however it ended
            output.stopped = False
            if path is not None:
                _recover(path, output)
        output.end()
    return status


def _places(args: argparse.Namespace) -> list[Place]:
    from edge_edet.benchmarks.bench import Place, find_places, name_device

    if args.this_board is not None:  # the other side knows what this machine is
        return [Place("local", name_device(args.this_board))]
    return find_places(boards_of(args), args.host)


def _measure_all(
    args: argparse.Namespace,
    places: list[Place],
    models: list[Path],
    named: bool,
    plan: Plan,
    data: Labelled | None,
    earlier: list[BenchmarkRow],
    output: BenchOutput,
) -> int:
    """Devices side by side, what is on this machine in its turn."""
    failures: list[EdgeEdetError] = []

    def one(place: Place) -> None:
        try:
            for error in _measure(args, place, models, named, plan, data, earlier, output):
                failures.append(error)
        except EdgeEdetError as error:
            failures.append(error)

    here = [place for place in places if place.kind != "remote"]
    away = [place for place in places if place.kind == "remote"]
    if len(places) == 1:
        failures += _measure(args, places[0], models, named, plan, data, earlier, output)
    else:
        with ThreadPoolExecutor(len(away) or 1) as pool:
            running = [pool.submit(one, place) for place in away]
            try:
                for place in here:
                    one(place)
                for future in running:
                    future.result()
            except KeyboardInterrupt:
                output.stopped = True  # each ends with its next line, and ends what runs there
                raise
    for error in failures:
        print(f"edge-edet: error: {error}", file=sys.stderr)
    return failures[0].exit_status if failures else 0


def _measure(
    args: argparse.Namespace,
    place: Place,
    models: list[Path],
    named: bool,
    plan: Plan,
    data: Labelled | None,
    earlier: list[BenchmarkRow],
    output: BenchOutput,
) -> Iterator[EdgeEdetError]:
    """The hook: hands over to what measures at this kind of place. Gives what failed there."""
    from edge_edet.benchmarks.rows import row_to_dict

    known = earlier if args.resume else []
    if place.kind == "remote":
        from edge_edet.benchmarks.bench import measure_remote
        from edge_edet.devices.remote import open_transport

        assert place.host is not None
        with contextlib.closing(open_transport(place.host)) as transport:
            measure_remote(transport, models, plan, known, output, data)
    elif place.kind == "estimate":
        from edge_edet.benchmarks.bench import with_accuracy, with_data
        from edge_edet.benchmarks.estimate import estimate_rows
        from edge_edet.benchmarks.rows import done_keys

        assert place.device is not None
        configs, done = list(plan.grid.all()), done_keys(with_data(known, data))
        found = estimate_rows(models, place.device, configs, named=named, note=output.note)
        left: Iterable[BenchmarkRow] = [row for row in found if row.key not in done]
        if data is not None:
            left = with_accuracy(left, models, data, [*earlier, *output.rows], output.note)
        for row in left:
            output({"kind": "row", "key": row.key, "row": row_to_dict(row)})
    else:
        yield from _measure_here(args, place, models, named, plan, data, known, output)


def _check_estimable(args: argparse.Namespace, place: Place, plan: Plan) -> None:
    """Raises InputError for what only a measurement gives."""
    from edge_edet.benchmarks.estimate import configs_to_estimate

    assert place.device is not None
    configs_to_estimate(plan.grid.all(), place.device.id)
    asked = {"--sustain": args.sustain, "--images": args.images}
    for option in (option for option, value in asked.items() if value):
        raise InputError(
            f"no {place.device.id} is at hand, and an estimate of the inference has no {option}: give "
            f"--host, or leave {option} out"
        )


def _measure_here(
    args: argparse.Namespace,
    place: Place,
    models: list[Path],
    named: bool,
    plan: Plan,
    data: Labelled | None,
    known: list[BenchmarkRow],
    output: BenchOutput,
) -> Iterator[EdgeEdetError]:
    from edge_edet.benchmarks.bench import expected_words, make_jobs, measure_jobs, with_data
    from edge_edet.benchmarks.rows import done_keys

    assert place.device is not None
    jobs = make_jobs(models, plan, place.device, named=named, note=output.note)
    done = done_keys(with_data(known, data)) | set((args.skip or "").split(","))
    left = [job for job in jobs if job.key not in done]
    if len(left) < len(jobs):
        output.note(f"{len(jobs) - len(left)} of {len(jobs)} rows are there already")
    if left and (not named or len(left) > 1 or data is not None):
        output.note(expected_words(left, data.pictures if data is not None else 0))
    dataset, limit = (data.dataset, data.limit) if data is not None else (None, None)
    for failure in measure_jobs(
        left, known, output, dataset=dataset, limit=limit, fresh=not args.in_process
    ):
        yield failure.error


def _recover(path: Path, output: BenchOutput) -> None:
    """Keeps the minutes of sustained runs that did not come to their end."""
    from edge_edet.benchmarks.measuring import Journal
    from edge_edet.benchmarks.rows import row_to_dict

    for row in Journal(path).recover():
        minutes = len(row.sustain.minutes) if row.sustain is not None else 0
        output.note(
            f"a sustained run of {row.model.file} ended early: its {minutes} minutes are kept as a row"
        )
        output({"kind": "row", "key": row.key, "row": row_to_dict(row)})
