"""The command as a person runs it: what it prints, where, and its exit status."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from edge_edet import __version__, cli
from edge_edet.errors import BackendError, ModelFileError


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_edet", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


# --- errors: one line on stderr, an exit status, no traceback ------------------------------------

ERRORS = [
    (["convrt"], 2, "unknown command 'convrt': known are convert, calibrate, "),
    (["--versio"], 2, "the following arguments are required: COMMAND"),
    (["variants", "--jsn"], 2, "unknown arguments '--jsn'; see 'edge-edet variants --help'"),
    (["variants", "extra"], 2, "unknown arguments 'extra'"),
    (["doctor", "--js"], 2, "unknown arguments '--js'"),
    (["weights", "push"], 2, "argument ACTION: invalid choice: 'push' (choose from "),
    (
        ["weights", "pull"],
        2,
        "arguments are required: VARIANT; see 'edge-edet weights pull --help'",
    ),
    (["weights", "pull", "d9"], 2, "unknown variant 'd9': known are d0, d1, d2, d3, d4, d5, d6, "),
    (["weights", "pull", "d0", "--from", "x"], 2, "is no address to download from: expected http"),
    (["convert", "d0"], 2, "say which precision to write: --int8, --fp16, --fp32, --int8-dynamic"),
    (["convert", "d9", "--int8"], 2, "unknown variant 'd9': known are d0, d1, d2, d3, d4, d5, "),
    (["convert", "d1", "--int8"], 2, "no weights for d1: get the official ones with 'edge-edet "),
    (["convert", "d0", "--int8", "--weights", "no.pth"], 2, "no.pth: cannot be read: No such file"),
    (
        ["convert", "d0", "--int8", "--threads", "x"],
        2,
        "argument --threads: invalid positive value",
    ),
    (["certify", "a", "--against", "b"], 2, "'edge-edet certify' is now 'edge-edet compare-float'"),
    (["calibrate", "d0"], 2, "say which pictures to calibrate on: --calibration DIR"),
    (["detect"], 2, "the following arguments are required: IMAGE; see 'edge-edet detect --help'"),
    (["detect", "no-such.jpg", "-m", "no-such.tflite"], 2, "no-such"),
    (["detect", "\udcff.jpg", "-m", "\udcff.tflite"], 2, ".tflite"),
]


@pytest.mark.parametrize(("arguments", "status", "text"), ERRORS)
def test_error_is_one_line(arguments: list[str], status: int, text: str, tmp_path: Path) -> None:
    result = run(*arguments, EDGE_EDET_HOME=str(tmp_path))
    assert result.returncode == status
    assert result.stdout == ""
    assert result.stderr.startswith("edge-edet: error: ")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr


def missing(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def broken_link() -> ImportError:
    return ImportError("libx.so: no such file", name="tflite_runtime.interpreter")


RAISED = [
    (ModelFileError("the file\n  is wrong"), 2, "the file is wrong"),
    (BackendError("refused"), 1, "refused"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (MemoryError(), 1, "out of memory: close other programs, or take a smaller variant"),
    (RecursionError("too deep"), 1, "unexpected RecursionError: too deep; set EDGE_EDET_DEBUG=1"),
    (
        OSError(errno.ENOSPC, "No space left on device", "a/b"),
        1,
        "no space left on device 'a/b': free some, then run the command again",
    ),
    (OSError(errno.EROFS, "Read-only file system", "a"), 1, "not allowed to use 'a': read-only"),
    (OSError(errno.EMFILE, "Too many open files"), 1, "the system refused: too many open files"),
    (FileNotFoundError(errno.ENOENT, "No such file", "a"), 1, "cannot use 'a': no such file"),
    (missing("h5py"), 1, "this needs the package h5py: pip install 'edge-edet[keras]'"),
    (missing("tqdm.auto"), 1, "this needs the package tqdm: pip install 'edge-edet[convert]'"),
    (missing("antigravity"), 1, "unexpected ModuleNotFoundError: No module named 'antigravity'"),
    (
        broken_link(),
        1,
        "the package tflite_runtime is here but broken (libx.so: no such file): pip",
    ),
]


def command_that(does: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(add_arguments=lambda parser: None, run=does)


def install(monkeypatch: pytest.MonkeyPatch, name: str, does: Any) -> None:
    monkeypatch.setitem(cli.COMMANDS, name, ("stand_in", "a stand-in"))
    monkeypatch.setitem(sys.modules, "stand_in", command_that(does))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "status", "text"), RAISED, ids=lambda v: type(v).__name__ if v else None
)
def test_exception_becomes_one_line(
    error: BaseException,
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(args: object) -> int:
        raise error

    monkeypatch.delenv("EDGE_EDET_DEBUG", raising=False)
    install(monkeypatch, "doctor", fail)
    assert cli.main(["doctor"]) == status
    printed = capsys.readouterr().err
    assert printed.startswith(f"edge-edet: error: {text}")
    assert printed.count("\n") == 1


def test_convert_names_its_own_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> int:
        raise missing("ai_edge_litert")

    for command, extra in (("convert", "convert"), ("detect", "litert")):
        install(monkeypatch, command, fail)
        assert cli.main([command]) == 1
        assert f"pip install 'edge-edet[{extra}]'" in capsys.readouterr().err


def test_debug_shows_the_traceback() -> None:
    result = run("convrt", EDGE_EDET_DEBUG="1")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "InputError: unknown command" in result.stderr


def test_exit_status_is_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "doctor", lambda args: 7)
    assert cli.main(["doctor"]) == 7


# --- the output ----------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("command", ["variants", "--help", "--version"])
def test_full_disk_under_the_output_is_one_line(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "edge_edet", command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 1
    assert result.stderr.startswith("edge-edet: error: no space left on device")
    assert result.stderr.count("\n") == 1


def test_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "edge_edet", "variants"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


def test_closed_output_is_no_traceback() -> None:
    script = f"{sys.executable} -m edge_edet --version >&-"
    result = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, text=True)
    assert "Traceback" not in result.stderr


def test_interrupt_is_one_line_and_status_130() -> None:
    code = (
        "import sys, types, time; from edge_edet import cli; "
        "cli.COMMANDS['doctor'] = ('slow', ''); sys.modules['slow'] = types.SimpleNamespace("
        "add_arguments=lambda p: None, run=lambda a: (print('on', flush=True), time.sleep(60)));"
        "sys.exit(cli.main(['doctor']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"edge-edet: error: interrupted\n")


def test_version_and_help() -> None:
    assert run("--version").stdout == f"edge-edet {__version__}\n"
    text = run("--help", COLUMNS="80").stdout
    for command in cli.COMMANDS:
        assert f"\n    {command}" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_help_of_every_command_fits_80_columns(command: str) -> None:
    result = run(command, "--help", COLUMNS="80")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: edge-edet {command} ")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_an_error_of_any_length_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["x" * 100_000]) == 2
    said = capsys.readouterr().err
    assert len(said) < 2100
    assert said.endswith("see 'edge-edet --help'\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "n"),
            "cannot use 'n': file name too long",
        ),
        (ValueError("embedded null byte"), "a name has a zero byte, which no path can have"),
        (
            UnicodeEncodeError("utf-8", "a\udce9b", 1, 2, "surrogates not allowed"),
            "'a\\udce9b' is no text that can be written: rename it",
        ),
    ],
)
def test_names_that_nothing_can_use_are_bad_input(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr("edge_edet.cli._run", fail)
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err == f"edge-edet: error: {said}\n"


def test_names_that_are_no_text_are_printed_escaped() -> None:
    code = "import sys; from edge_edet import cli; cli._print_any_name(); print('a\\udce9b\\u00e9')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout == b"a\\udce9b\\xe9\n", done.stderr
