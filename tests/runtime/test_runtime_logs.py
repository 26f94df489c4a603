"""What runtimes log on standard error past Python does not reach who runs a command."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_edet import Manifest
from edge_edet.terminal import hidden_runtime_logs, without_runtime_logs

LOGGED = [
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795874469.840861   10198 port.cc:153] oneDNN custom operations are on.",
    "To enable the following instructions: AVX2 AVX512F, in other operations, rebuild TensorFlow",
    "2024-05-01 10:00:00.123456: I tensorflow/core/util/port.cc:113] oneDNN custom operations",
    "W0501 10:00:00.123456  4711 delegate.cc:1] something",
]
KEPT = [
    "ERROR: failed to create XNNPACK runtime",
    "E0000 00:00:1795874469.840861   10198 x.cc:1] failed",
    "WARNING:root:of Python's logging",
    "Warning: of the user's own program",
    "libfoo.so: cannot open shared object file",
]


def write(*lines: str) -> None:
    os.write(2, "".join(f"{line}\n" for line in lines).encode())


def test_lines_of_info_and_warning_are_dropped_and_others_kept(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with hidden_runtime_logs(), without_runtime_logs():
        write(*LOGGED[:3], *KEPT, *LOGGED[3:])
    write("INFO: after it")
    assert capfd.readouterr().err.splitlines() == [*KEPT, "INFO: after it"]


def test_what_python_writes_keeps_its_order(capfd: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    with hidden_runtime_logs():
        print("before", file=sys.stderr)
        with without_runtime_logs():
            write(LOGGED[0])
            handler.emit(logging.makeLogRecord({"msg": "within"}))
        print("after", file=sys.stderr)
    assert capfd.readouterr().err.splitlines() == ["before", "within", "after"]


def test_a_library_leaves_standard_error_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with without_runtime_logs():
        write(LOGGED[0])
        assert capfd.readouterr().err.splitlines() == LOGGED[:1]


def test_standard_error_is_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with hidden_runtime_logs(), contextlib.suppress(ValueError), without_runtime_logs():
        write(LOGGED[0], KEPT[0])
        raise ValueError
    assert capfd.readouterr().err.splitlines() == KEPT[:1]


def test_models_that_load_at_the_same_time(capfd: pytest.CaptureFixture[str]) -> None:
    together = threading.Barrier(4)

    def load(number: int) -> None:
        together.wait()
        for _ in range(20):
            with without_runtime_logs():
                write(LOGGED[0], f"line of {number}")

    with hidden_runtime_logs():
        threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    write("the end")
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines[:-1]) == sorted(f"line of {n}" for n in range(4) for _ in range(20))
    assert lines[-1] == "the end"


def test_a_closed_standard_error_is_no_obstacle(tiny_int8: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "edge_edet", "detect", "-m", str(tiny_int8), "a.png"]
    line = 'exec "$@" 2>&-'
    done = subprocess.run(
        ["sh", "-c", line, "sh", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.count("2 objects")) == (0, 1)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".xml"])
def test_detect_writes_nothing_on_standard_error(
    suffix: str,
    build_tiny: Callable[..., Path],
    build_onnx: Callable[..., Path],
    build_ir: Callable[..., Path],
    make_manifest: Callable[..., Manifest],
    tmp_path: Path,
) -> None:
    build = {".tflite": build_tiny, ".onnx": build_onnx, ".xml": build_ir}[suffix]
    path = build(tmp_path / f"m{suffix}", given=make_manifest())
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")  # no padding, of which a note would speak
    command = [sys.executable, "-m", "edge_edet", "detect", "-m", str(path), "a.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
