"""`edge-edet doctor`: what this machine can run, what is missing for what, and how to get it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import textwrap
from typing import Any

from edge_edet import __version__
from edge_edet.system import (
    CPU_FEATURES,
    Check,
    Machine,
    check_counting,
    check_delegates,
    check_devices,
    check_extras,
    check_runtimes,
    this_machine,
)

__all__ = ["add_arguments", "run"]

COLUMNS = 80
NAME_COLUMNS = 16
GIB = 2**30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.epilog = "Exit status: 0 when a runtime works, 1 when none does."


def run(args: argparse.Namespace) -> int:
    """Print what this machine can run. Returns 0 when a runtime works, 1 when none does."""
    machine = this_machine()
    runtimes = check_runtimes()
    groups = {
        "runtimes": runtimes,
        "delegates": check_delegates(runtimes),
        "devices": check_devices(runtimes),
        "extras": check_extras(),
        "counting": [check_counting()],
    }
    if args.json:
        print(json.dumps(_as_json(machine, groups), indent=2))
    else:
        _print_machine(machine)
        for title, checks in groups.items():
            if checks:
                print(f"\n{title}")
            for check in checks:
                _print_check(check)
    return 0 if any(check.works for check in runtimes) else 1


def _as_json(machine: Machine, groups: dict[str, list[Check]]) -> dict[str, Any]:
    return {
        "edge_edet": __version__,
        "python": platform.python_version(),
        "machine": dataclasses.asdict(machine),
    } | {title: [dataclasses.asdict(check) for check in checks] for title, checks in groups.items()}


def _print_machine(machine: Machine) -> None:
    print(f"edge-edet {__version__}, Python {platform.python_version()}, {machine.system}")
    print("\nmachine")
    if machine.board:
        _print_row("board", machine.board)
    _print_row("CPU", f"{machine.cpu}, {machine.architecture}")
    _print_row("cores", f"{machine.cores}, {machine.threads} hardware threads to use")
    if machine.memory_bytes is not None:
        memory = f"{machine.memory_bytes / GIB:.1f} GiB"
        if machine.memory_available_bytes is not None:
            memory += f", {machine.memory_available_bytes / GIB:.1f} GiB available"
        _print_row("memory", memory)
    if not machine.features:
        _print_row("features", "this system does not report what the CPU has for INT8")
    for flag, here in machine.features.items():
        gives = CPU_FEATURES[machine.architecture][flag]
        _print_row(flag, f"{'yes' if here else 'no ':5}{gives}")


def _print_check(check: Check) -> None:
    state = "yes" if check.works else "no"
    version = f"{check.version}  " if check.version else ""
    _print_row(check.name, f"{state:5}{version}{check.note}", indent=5)


def _print_row(name: str, text: str, indent: int = 0) -> None:
    start = f"  {name:{NAME_COLUMNS}}"
    print(
        textwrap.fill(
            text,
            COLUMNS,
            initial_indent=start,
            subsequent_indent=" " * (len(start) + indent),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
