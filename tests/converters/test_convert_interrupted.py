"""`edge-edet convert` on a full disk, interrupted, killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = (
    "--to",
    "tflite",
    "--image-size",
    "64",
    "--weights",
    "random",
    "--threads",
    "1",
    "--recipe",
    "minmax",
)


def done(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stdout of a command that worked."""
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def files_in(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def limit_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_full_disk_keeps_the_old_file(command: Run, tmp_path: Path) -> None:
    arguments = ("convert", "--fp32", "lite0", *SMALL)
    done(command(*arguments))
    path = tmp_path / "build/lite0-64-fp32.tflite"
    before = path.read_bytes()
    result = command(*arguments, preexec_fn=limit_files(1_000_000))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "edge-edet: error: cannot use 'build/lite0-64-fp32.tflite': file too large"
    )
    assert path.read_bytes() == before
    assert files_in(tmp_path / "build") == [path.name]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("this process may not mount a small file system")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_full_device(command: Run, small_disk: Path) -> None:
    result = command("convert", "--fp32", "lite0", "-o", small_disk, *SMALL)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert f"no space left on device '{small_disk}/lite0-64-fp32.tflite': free some" in last
    assert files_in(small_disk) == []


def test_read_only_device(command: Run, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    result = command("convert", "--fp32", "lite0", "-o", small_disk / "deeper", *SMALL)
    assert result.returncode == 1
    assert "not allowed to use" in result.stderr.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_folder_without_permission(command: Run, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    result = command("convert", "--fp32", "lite0", "-o", folder, *SMALL)
    assert result.returncode == 1
    assert "not allowed to use" in result.stderr.splitlines()[-1]
    assert files_in(folder) == []


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge_edet", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"EDGE_EDET_HOME": str(tmp_path / "home")},
    )


def test_interrupt_is_one_line(smears: Path, tmp_path: Path) -> None:
    """While it calibrates, which is where people lose patience."""
    process = start(
        tmp_path,
        "convert",
        "--fp32",
        "--int8",
        "d0",
        "--weights",
        "bundled",
        "--calibration",
        str(smears),
        "--image-size",
        "1024",
        "--to",
        "tflite",
    )
    with process:
        while not (tmp_path / "build/d0-1024-fp32.tflite").exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert [line.split()[0] for line in output.splitlines()] == [
        "file",
        "build/d0-1024-fp32.tflite",
    ]
    assert (process.returncode, errors.splitlines()[-1]) == (130, "edge-edet: error: interrupted")
    assert "Traceback" not in errors
    assert files_in(tmp_path / "build") == ["d0-1024-fp32.tflite"]


def test_kill_leaves_the_old_file_or_the_new(command: Run, tmp_path: Path) -> None:
    """Killed at moments all over the run, most while it writes."""
    arguments = ("convert", "--fp32", "lite0", *SMALL)
    done(command(*arguments, "--seed", "1"))
    path = tmp_path / "build/lite0-64-fp32.tflite"
    whole = {path.read_bytes()}
    began = time.monotonic()
    done(command(*arguments, "--seed", "2"))
    took = time.monotonic() - began
    whole.add(path.read_bytes())
    assert len(whole) == 2
    for part, seed in ((0.5, "1"), (0.8, "2"), (0.9, "1"), (0.97, "2")):
        with start(tmp_path, *arguments, "--seed", seed) as process:
            time.sleep(part * took)
            process.kill()
        assert path.read_bytes() in whole
    left = [tmp_path / "build" / name for name in files_in(tmp_path / "build")]
    assert all(p == path or p.name.startswith(".") for p in left)  # and nothing that looks whole
    done(command(*arguments, "--seed", "1"))
    assert path.read_bytes() in whole
