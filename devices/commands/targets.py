"""`edge-edet targets`: the consumers of model files that are known, and what each needs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator

from edge_edet.devices.commands.devices import LEAST_WIDTH, table_lines
from edge_edet.devices.targets import ALSO, Evidence, Target, find_target, known_targets, taken_as

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `edge-edet targets`."""
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="show what this one needs, and how that is known",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.epilog = (
        "How a rule is known: run, a test runs the consumer's own code; emulated, a test does what the "
        "consumer is described to do; documented, by its makers; reported, by its users. Other names: "
        f"{', '.join(f'{name} for {meant[0]}' for name, meant in ALSO.items())}."
    )


def run(args: argparse.Namespace) -> int:
    """List the targets, or show one; returns the exit status."""
    one = find_target(args.target) if args.target is not None else None
    targets = [one] if one else list(known_targets().values())
    if args.target is not None and (said := taken_as(args.target)):
        print(f"note: {said}", file=sys.stderr)
    if args.json:
        print(json.dumps({"targets": [target.to_dict() for target in targets]}, indent=2))
        return 0
    width = max(shutil.get_terminal_size().columns, LEAST_WIDTH)
    lines = _one(one, width) if one else table_lines(_rows(targets), width)
    for line in lines:
        print(line)
    return 0


def _rows(targets: list[Target]) -> list[tuple[str, str, str]]:
    return [(one.id, ", ".join(one.known), one.summary) for one in targets]


def _one(target: Target, width: int) -> Iterator[str]:
    facts = [("name", target.name), ("loads it", target.loads), ("for", target.summary)]
    yield from table_lines(facts, width)
    for rule in target.rule:
        yield ""
        rows: list[tuple[str, str]] = [(rule.otherwise, rule.what)]
        rows += [("", described(source)) for source in rule.evidence]
        yield from table_lines(rows, width)


def described(source: Evidence) -> str:
    """One line for a piece of evidence."""
    return f"{source.known}: {source.version}, {source.date}, {source.source}"
