"""The options that say who can open a page: of `bench --browser` and of `live`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.errors import InputError

if TYPE_CHECKING:
    from edge_edet.benchmarks.browser import Reach

__all__ = ["add_reach_arguments", "reach_of", "refuse_reach"]


def add_reach_arguments(group: argparse._ActionsContainer) -> None:
    """Add --port, --lan, --http and --litertjs."""
    group.add_argument(
        "--port", type=int, default=0, metavar="N", help="port of the page; default: a free one"
    )
    group.add_argument(
        "--lan",
        action="store_true",
        help="let other machines on the network open the page, by https with a certificate that is made "
        "for this run; default: this machine only, and phones behind adb",
    )
    group.add_argument(
        "--http",
        action="store_true",
        help="with --lan: no certificate, so that browsers give the page one thread of WebAssembly only",
    )
    group.add_argument(
        "--litertjs",
        type=Path,
        metavar="DIR",
        help="folder with the packages of LiteRT.js, as 'npm pack' or 'npm install' makes it; default: "
        "npm fetches them once",
    )


def refuse_reach(args: argparse.Namespace) -> None:
    """Refuse these options where no page is served. Raises InputError for the first that was given."""
    for name in ("port", "lan", "http", "litertjs"):
        if getattr(args, name):
            raise InputError(
                f"--{name} is for --browser, which serves a page: leave it out, or add --browser"
            )


def reach_of(args: argparse.Namespace) -> Reach:
    """Read these options. Raises InputError for those that exclude each other."""
    from edge_edet.benchmarks.browser import Reach

    return Reach(args.port, args.lan, args.http)
