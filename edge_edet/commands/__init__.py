"""The command lines of the runtime: arguments in, exit status out."""

from __future__ import annotations

from edge_edet.commands.detect import (
    add_isolate_argument,
    add_run_arguments,
    add_verify_argument,
    parse_options,
    run_options,
)
from edge_edet.commands.renamed import add_renamed_option

__all__ = [
    "add_isolate_argument",
    "add_renamed_option",
    "add_run_arguments",
    "add_verify_argument",
    "parse_options",
    "run_options",
]
