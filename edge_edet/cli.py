"""The `edge-edet` command: finds the command's module, runs it, turns errors into one line.

A command is a module with `add_arguments(parser)` and `run(args) -> int`, the exit status. Only the
module of the command that was asked for is imported, so that `edge-edet --help` needs no extras.
Exit status: 0 done, 1 failed, 2 bad input, 130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from edge_edet import __version__
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.optional_packages import missing_extra
from edge_edet.terminal import ended_politely, hidden_runtime_logs, shown_streams

__all__ = ["COMMANDS", "main", "parser_for"]

# name -> module, what it does
COMMANDS: dict[str, tuple[str, str]] = {
    "convert": (
        "edge_edet.converters.commands.convert",
        "convert a checkpoint to a model file, in float or INT8",
    ),
    "calibrate": (
        "edge_edet.converters.commands.calibrate",
        "measure the activation ranges that INT8 needs, and save them in a file",
    ),
    "inspect": (
        "edge_edet.converters.commands.inspect",
        "show what a model file holds, and where INT8 loses accuracy against float",
    ),
    "compare-float": (
        "edge_edet.converters.commands.compare_float",
        "compare an INT8 model with its float model, and write a parity report",
    ),
    "detect": ("edge_edet.commands.detect", "find objects in pictures with a model file"),
    "eval": ("edge_edet.benchmarks.commands.eval", "measure AP on labelled pictures"),
    "import-log": (
        "edge_edet.benchmarks.commands.import_log",
        "turn logs of TensorFlow's benchmark_model into rows",
    ),
    "bench": (
        "edge_edet.benchmarks.commands.bench",
        "measure latency of each stage, memory, energy and AP, here or on a board",
    ),
    "live": (
        "edge_edet.benchmarks.commands.live",
        "find objects in the camera's picture, in the browser of a phone or of this machine",
    ),
    "compare": (
        "edge_edet.benchmarks.commands.compare",
        "show what changed between two files of measurements, and whether it is noise",
    ),
    "report": (
        "edge_edet.benchmarks.commands.report",
        "draw accuracy against size, multiply-adds and latency, as one page and as files",
    ),
    "recommend": (
        "edge_edet.benchmarks.commands.recommend",
        "recommend a model for a board and a time limit, with the evidence",
    ),
    "reproduce": (
        "edge_edet.studies.reproduce",
        "reproduce the paper's cost figures here, beside the published ones",
    ),
    "variants": (
        "edge_edet.benchmarks.commands.variants",
        "list the networks, with parameters and multiply-adds",
    ),
    "weights": ("edge_edet.converters.commands.weights", "list and download trained checkpoints"),
    "devices": (
        "edge_edet.devices.commands.devices",
        "list the boards, identify this machine, check and clean boards behind ssh",
    ),
    "targets": (
        "edge_edet.devices.commands.targets",
        "list the programs and accelerators that model files are for, and what each needs",
    ),
    "check": (
        "edge_edet.devices.commands.check",
        "check whether a program or accelerator will run a model file, and what to do if not",
    ),
    "doctor": ("edge_edet.commands.doctor", "show what this machine can run, and what is missing"),
}

# former name -> present name; the former one answers with the present one
RENAMED = {"certify": "compare-float"}

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
MAX_MESSAGE = 2000  # characters of an error
NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP)
READER_GONE = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Errors are one line on stderr."""
    with shown_streams(), hidden_runtime_logs():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if argv is None else list(argv)
    _print_any_name()
    try:
        with ended_politely():
            status = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk or a closed pipe shows here, not at exit
        return status
    except BrokenPipeError:
        _finish_output()
        return READER_GONE
    except (Exception, KeyboardInterrupt) as error:
        _finish_output()
        if os.environ.get("EDGE_EDET_DEBUG") == "1":
            raise
        status, text = _explain(error, arguments[0] if arguments else "")
        print(f"edge-edet: error: {_one_line(text)}", file=sys.stderr)
        return status


def _run(argv: list[str]) -> int:
    if not argv:
        parser_for("").print_help()
        return 0
    asked = argv[0]
    if asked in RENAMED:
        raise InputError(f"'edge-edet {asked}' is now 'edge-edet {RENAMED[asked]}'")
    if not asked.startswith("-") and asked not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise InputError(f"unknown command {asked!r}: known are {known}; see 'edge-edet --help'")
    try:
        args, unknown = parser_for(asked).parse_known_args(argv)
    except SystemExit:  # --help and --version; errors are raised by _Parser.error
        return 0
    if unknown:
        texts = ", ".join(repr(text) for text in unknown)
        raise InputError(f"unknown arguments {texts}; see 'edge-edet {args.command} --help'")
    return int(importlib.import_module(COMMANDS[args.command][0]).run(args))


def parser_for(command: str) -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with the arguments of that one command."""
    parser = _Parser(
        prog="edge-edet",
        description="Takes a trained EfficientDet to phones, Raspberry Pis and Intel boxes.",
        epilog="'edge-edet COMMAND --help' explains one command and its options.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"edge-edet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, text) in COMMANDS.items():
        own = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if name == command:
            importlib.import_module(module).add_arguments(own)
    return parser


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, with the place to look for help."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see '{self.prog} --help'")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help or version. argparse's own swallows what goes wrong in writing."""
        print(message, end="", file=file)


def _explain(error: BaseException, command: str) -> tuple[int, str]:
    """Return the exit status and the one line for what went wrong."""
    if isinstance(error, EdgeEdetError):
        return error.exit_status, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, MemoryError):
        return 1, "out of memory: close other programs, or take a smaller variant"
    if isinstance(error, ImportError) and (extra := missing_extra(error, command)):
        return extra.exit_status, str(extra)
    if isinstance(error, OSError):
        status = InputError.exit_status if error.errno in NO_PATH else 1
        return status, _explain_os_error(error)
    if isinstance(
        error, UnicodeEncodeError
    ):  # a name in bytes that are not UTF-8, or "\ud800" of JSON
        shown = repr(error.object[max(error.start - 30, 0) : error.end + 30])
        return InputError.exit_status, f"{shown} is no text that can be written: rename it"
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return InputError.exit_status, "a name has a zero byte, which no path can have"
    place = "set EDGE_EDET_DEBUG=1 for the traceback, and report it with the command"
    return 1, f"unexpected {type(error).__name__}: {error}; {place}"


def _explain_os_error(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    where = f" {os.fsdecode(error.filename)!r}" if error.filename is not None else ""
    if error.errno == errno.ENOSPC:
        return f"no space left on device{where}: free some, then run the command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"not allowed to use{where}: {reason}"
    return f"cannot use{where}: {reason}" if where else f"the system refused: {reason}"


def _one_line(text: str) -> str:
    """Put a message into one line, and cut what is too long: values in files may be of any length."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 500]} ... {line[-500:]}"


def _print_any_name() -> None:
    """Print what the output's encoding lacks as escapes: file names need not be text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _finish_output() -> None:
    """Write out what stdout still holds; drop it where that fails, or the exit would fail too."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # stdout is closed, or is no file
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
