"""`edge-edet devices`: the boards that have a profile, and which of them this machine is."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_edet.devices.boards import (
    DeviceProfile,
    Match,
    config_folder,
    find_profile,
    known_profiles,
    read_evidence,
    recognize,
)
from edge_edet.devices.remote import find_host, known_hosts, open_transport
from edge_edet.errors import InputError

__all__ = ["add_arguments", "run"]

LEAST_WIDTH = 80  # columns; a narrower terminal breaks the lines by itself
GAP = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `edge-edet devices`."""
    parser.add_argument("device", nargs="?", metavar="BOARD", help="show all about this board")
    parser.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a profile of your own, beside those in the config folder; may be repeated",
    )
    visit = parser.add_mutually_exclusive_group()
    visit.add_argument(
        "--check",
        metavar="HOST",
        help="connect to this host, print which board it is and prepare it for measuring",
    )
    visit.add_argument(
        "--clean", metavar="HOST", help="remove everything that edge-edet put on this host"
    )
    parser.add_argument(
        "--wide", action="store_true", help="one line for each board, however wide the terminal is"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.epilog = f"Your own profiles and hosts: {config_folder()}/devices/*.toml and hosts.toml"


def run(args: argparse.Namespace) -> int:
    """List the boards, show one, or check or clean a host; returns the exit status."""
    host = args.clean if args.check is None else args.check
    if host is not None:
        _refuse_beside(args)
        return _visit(host, args)
    profiles = known_profiles(args.profile)
    shown = profiles
    if args.device is not None:
        shown = {args.device: find_profile(args.device, profiles)}
    matches = recognize(read_evidence(), profiles)
    if args.json:
        print(json.dumps(_as_json(shown, matches), indent=2))
        return 0
    width = None if args.wide else max(shutil.get_terminal_size().columns, LEAST_WIDTH)
    if args.device is not None:
        _print_one(shown[args.device], width)
        return 0
    here = {match.profile.id for match in matches}
    rows = [
        (f"{'*' if one.id in here else ' '} {one.id}", one.name, one.cpu) for one in shown.values()
    ]
    for line in table_lines(rows, width):
        print(line)
    for match in matches:
        print(f"\n* this machine: {match.profile.id} ({match.because})", end="")
    print()
    for name, host in known_hosts().items():
        print(f"\n  host {name}: {host.describe()}")
    return 0


def _refuse_beside(args: argparse.Namespace) -> None:
    """Raise InputError for arguments that --check and --clean would ignore."""
    option = "--clean" if args.check is None else "--check"
    if args.device is not None:
        raise InputError(f"{option} takes only a host: {args.device!r} is one argument too many")
    if args.profile:
        raise InputError(
            f"{option} does not take --profile: put {args.profile[0]} in {config_folder()}/devices"
        )


def _visit(host: str, args: argparse.Namespace) -> int:
    with contextlib.closing(open_transport(find_host(host, known_hosts()))) as device:
        found = device.prepare() if args.check is not None else None
        removed = device.clean() if args.clean is not None else 0
    if args.json:
        facts = {"removed_bytes": removed} if found is None else dataclasses.asdict(found)
        print(json.dumps({"host": device.name, **facts}, indent=2))
    elif found is not None:
        print(f"{device.name}: {found.device} ({found.because}), {found.system}: ready")
    else:
        print(f"{device.name}: {removed / 1e6:.1f} MB removed")
    return 0


def _as_json(profiles: dict[str, DeviceProfile], matches: list[Match]) -> dict[str, Any]:
    return {
        "this_machine": [{"id": one.profile.id, "because": one.because} for one in matches],
        "devices": [profile.to_dict() for profile in profiles.values()],
        "hosts": {name: host.to_dict() for name, host in known_hosts().items()},
    }


def table_lines(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Lay out rows in columns; what does not fit into the last column goes on below it.

    Parameters
    ----------
    rows
        Cells of text, as many in each row. All but the last column get the width of their longest cell.
    width
        Columns of the terminal; None: one line for each row.

    Yields
    ------
    str
        The lines, none longer than width unless a single word or the other columns are.
    """
    widths = [max(map(len, column)) + GAP for column in zip(*rows, strict=True)][:-1]
    indent = " " * sum(widths)
    for *cells, last in rows:
        start = "".join(f"{cell:{size}}" for cell, size in zip(cells, widths, strict=True))
        yield from _wrapped(last, width, start, indent)


def _wrapped(text: str, width: int | None, start: str, indent: str) -> list[str]:
    if width is None:
        return [(start + text).rstrip()]
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,  # an address stays whole
        break_on_hyphens=False,
    ) or [start.rstrip()]


def _print_one(profile: DeviceProfile, width: int | None) -> None:
    memory = ", ".join(f"{size / 1024:g}" for size in profile.memory_mb)
    rows = {
        "name": profile.name,
        "CPU": profile.cpu,
        "arch": profile.arch,
        "cores": str(profile.cores or "by model"),
        "memory": f"{memory} GB" if memory else "by model",
        "threads": ", ".join(map(str, profile.threads)),
        "delegates": ", ".join(profile.delegates),
        "emulated as": profile.emulated_cpu or "not emulated",
        "limits": "; ".join(profile.limits),
        "source": profile.source,
    }
    for line in table_lines(list(rows.items()), width):
        print(line)
