"""The command lines of the runtime: arguments in, exit status out."""

from __future__ import annotations

from edge_edet.commands.detect import (
    add_isolate_argument,
    add_run_arguments,
    add_verify_argument,
    parse_options,
    run_options,
)

__all__ = [
    "add_isolate_argument",
    "add_run_arguments",
    "add_verify_argument",
    "parse_options",
    "run_options",
]
