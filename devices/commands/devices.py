"""`edge-edet devices`: the boards that there are profiles of, and which one this machine is."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import textwrap
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

COLUMNS = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="tell all about this one")
    parser.add_argument(
        "--profile",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a profile of your own besides those in the config folder; may be repeated",
    )
    visit = parser.add_mutually_exclusive_group()
    visit.add_argument(
        "--check", metavar="HOST", help="reach this host, say what it is, make it ready to measure"
    )
    visit.add_argument(
        "--clean", metavar="HOST", help="remove all that edge-edet ever put on this host"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.epilog = f"Your own profiles and hosts: {config_folder()}/devices/*.toml and hosts.toml"


def run(args: argparse.Namespace) -> int:
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
    if args.device is not None:
        _print_one(shown[args.device])
        return 0
    for profile in shown.values():
        mark = "*" if any(match.profile.id == profile.id for match in matches) else " "
        line = f"{mark} {profile.id:17} {profile.name:33} {profile.cpu}"
        print(line if len(line) <= COLUMNS else f"{line[: COLUMNS - 3]}...")  # DEVICE tells all
    for match in matches:
        print(f"\n* this machine: {match.profile.id} ({match.because})", end="")
    print()
    for name, host in known_hosts().items():
        print(f"\n  host {name}: {host.describe()}")
    return 0


def _refuse_beside(args: argparse.Namespace) -> None:
    """What would be left out without a word."""
    option = "--clean" if args.check is None else "--check"
    if args.device is not None:
        raise InputError(f"{option} takes a host alone, and {args.device!r} is left over")
    if args.profile:
        raise InputError(
            f"{option} does not take --profile: put {args.profile[0]} in {config_folder()}/devices"
        )


def _visit(host: str, args: argparse.Namespace) -> int:
    with contextlib.closing(open_transport(find_host(host, known_hosts()))) as device:
        found = device.prepare() if args.check is not None else None
        removed = device.clean() if args.clean is not None else 0
    if args.json:
        told = {"removed_bytes": removed} if found is None else dataclasses.asdict(found)
        print(json.dumps({"host": device.name, **told}, indent=2))
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


def _print_one(profile: DeviceProfile) -> None:
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
    for key, text in rows.items():
        start = f"{key:13}"
        print(textwrap.fill(text, COLUMNS, initial_indent=start, subsequent_indent=" " * 13))
