"""`edge-edet recommend`: the model to use on a board within a time, and what that rests on."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.benchmarks.commands.bench_arguments import ROWS
from edge_edet.benchmarks.commands.report import DEFAULT_SOURCE, add_published_arguments
from edge_edet.commands import add_renamed_option
from edge_edet.errors import InputError
from edge_edet.terminal import joined

if TYPE_CHECKING:
    from edge_edet.benchmarks.analysis import Candidate, Choice, Value

__all__ = ["add_arguments", "run"]

COLUMNS = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `recommend`."""
    parser.add_argument(
        "rows",
        nargs="*",
        type=Path,
        metavar="ROWS",
        help=f"files of 'edge-edet bench'; default: {ROWS}, or published numbers alone if there is "
        "no such file",
    )
    parser.add_argument(
        "--board",
        required=True,
        metavar="ID",
        help="the board that rows are of, such as rpi4, or the name that was typed in a browser",
    )
    add_renamed_option(parser, "--device", "--board")
    parser.add_argument(
        "--budget", required=True, metavar="TIME", help="longest time, such as 100ms or 0.5s"
    )
    parser.add_argument("--min-ap", type=float, metavar="POINTS", help="lowest AP, from 0 to 100")
    add_published_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.epilog = "Exit status 1 if no model fits."


def run(args: argparse.Namespace) -> int:
    """Print the Pareto front and the pick. Returns 0, or 1 where no model fits."""
    from edge_edet.benchmarks.analysis import (
        Notes,
        Options,
        candidates_of,
        choose_model,
        parse_budget,
        parse_min_ap,
        published_candidates,
        published_from,
    )
    from edge_edet.benchmarks.rows import read_rows

    budget_ms, min_ap = parse_budget(args.budget), parse_min_ap(args.min_ap)
    published = published_from(args.published or DEFAULT_SOURCE, args.published_split)
    paths = args.rows or [path for path in (ROWS,) if path.is_file()]
    notes = Notes()
    if paths:
        rows = [row for path in paths for row in read_rows(path)]
        options = Options(published, args.published_ap)
        candidates = candidates_of(rows, args.board, options, notes)
    elif published is None:
        raise InputError(
            f"no ROWS, no {ROWS}, and --published none: there are no numbers to choose from"
        )
    else:
        candidates = published_candidates(args.board, published)
        notes.add(
            "no ROWS were given: all numbers are published ones, none was measured on your board or "
            "with your model"
        )
    choice = choose_model(candidates, budget_ms, min_ap)
    if args.json:
        print(json.dumps(_document(choice, args.board, budget_ms, min_ap, notes.lines()), indent=1))
    else:
        print(joined(_lines(choice, args.board, budget_ms, min_ap, notes.lines())))
    return 0 if choice.pick is not None else 1


def _lines(
    choice: Choice, device: str, budget_ms: float, min_ap: float, notes: tuple[str, ...]
) -> Iterator[str]:
    asked = f"within {budget_ms:g} ms" + (f" and at least {min_ap:g} AP" if min_ap else "")
    yield f"{device}, {asked}; the Pareto front, * is the pick:"
    yield f"  {'ms':>9}  {'interval':17} {'AP':>5}  model"
    shown = choice.front
    if choice.pick is not None and choice.pick not in shown:  # its interval is narrower
        shown = tuple(sorted((*shown, choice.pick), key=lambda one: one.time.middle))
    for one in shown:
        mark = "*" if one is choice.pick else " "
        ends = _ends(one.time)
        start = f"{mark} {_how(one.time)}{one.time.middle:>8.4g}  {ends:17} {one.ap.middle:5.1f}  "
        yield from textwrap.wrap(
            one.name, COLUMNS, initial_indent=start, subsequent_indent=" " * len(start)
        )
    yield ""
    if choice.pick is not None:
        yield from _wrapped(f"pick: {choice.pick.name}")
        yield from _rests(choice.pick, budget_ms, min_ap)
    if choice.better is not None:
        yield from _wrapped(
            f"{choice.better.name} has AP {choice.better.ap.middle:.1f}, but only the middle of its time "
            f"is within the budget ({choice.better.time.middle:.4g} ms, {_ends(choice.better.time)})"
        )
    if choice.pick is None:
        yield "nothing fits; nearest:"
    for near in choice.nearest:
        time = f"{near.time.middle:.4g} ms, {near.time.how}"
        yield from _wrapped(f"- {near.name}: {time}; AP {near.ap.middle:.1f}, {near.ap.how}")
    for note in notes:
        yield from _wrapped(f"- {note}")


def _rests(pick: Candidate, budget_ms: float, min_ap: float) -> Iterator[str]:
    stage = pick.stage.replace("_", " ")
    alone = "" if pick.stage == "end_to_end" else " alone: decoding and the like come on top"
    yield from _wrapped(f"- time: {pick.time.how}, of {stage}{alone}; {pick.time.basis}")
    if pick.time.high is None:
        yield "- no interval is known: whether it stays within the budget is open"
    else:
        word = "inside" if pick.surely_within(budget_ms) else "OUTSIDE"
        yield from _wrapped(
            f"- upper end of the interval: {pick.time.high:.4g} ms, {word} the budget"
        )
    ends = f", {_ends(pick.ap)}" if pick.ap.low is not None else ""
    yield from _wrapped(f"- AP: {pick.ap.how}{ends}; {pick.ap.basis}")
    if pick.ap.low is not None and pick.ap.low < min_ap:
        yield "- the lower end of its AP is below what was asked for"
    for note in pick.notes:
        yield from _wrapped(f"- warning: {note}")


def _how(value: Value) -> str:
    return " " if value.how == "measured" else "~"


def _ends(value: Value) -> str:
    return (
        "-" if value.low is None or value.high is None else f"{value.low:.4g} to {value.high:.4g}"
    )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, subsequent_indent="  ")


def _document(
    choice: Choice, device: str, budget_ms: float, min_ap: float, notes: tuple[str, ...]
) -> dict[str, Any]:
    def told(one: Candidate | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {
            "name": one.name,
            "model": one.row.model.file if one.row else None,
            "row": one.row.key if one.row else None,
            "stage": one.stage,
            "time_ms": vars(one.time),
            "ap": vars(one.ap),
            "within_budget": one.within(budget_ms),
            "upper_end_within_budget": one.surely_within(budget_ms),
            "notes": list(one.notes),
        }

    return {
        "device": device,
        "budget_ms": budget_ms,
        "min_ap": min_ap,
        "pick": told(choice.pick),
        "front": [told(one) for one in choice.front],
        "better_but_unsure": told(choice.better),
        "nearest": [told(one) for one in choice.nearest],
        "notes": list(notes),
    }
