"""What an interrupted or killed command leaves behind, and what the next command cleans up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from edge_edet.cli import main
from edge_edet.files.locks import SUFFIX, LockFile, lock_of
from edge_edet.files.scratch import _sweep, scratch_folder
from edge_edet.output_files.kinds import DRAWING
from edge_edet.output_files.outputs import Outputs, temporary_of
from tests.outputs.conftest import everything

WRITING = """
import sys, time
from pathlib import Path
from edge_edet import cli
from edge_edet.output_files import Outputs
from edge_edet.files import scratch_folder
from edge_edet.output_files import DRAWING

def wait(path):
    (path.parent / "begun").touch()
    while True:
        time.sleep(0.01)

def run(args):
    with scratch_folder() as folder, Outputs() as outputs:
        (folder / "twin").write_bytes(b"x")
        outputs.write(Path(sys.argv[1]), b"new", DRAWING, check=wait)
    return 0

cli._run = run
sys.exit(cli.main([]))
"""


def writing(target: Path, temporary: Path) -> subprocess.Popen[str]:
    """Run a command in the middle of its write, with a file in the folder of temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(target)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    while not (target.parent / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)
    (target.parent / "begun").unlink()
    return process


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_interrupted_command_leaves_nothing(
    how: signal.Signals, tmp_path: Path, temporary: Path
) -> None:
    target = tmp_path / "out" / "a.png"
    target.parent.mkdir()
    with writing(target, temporary) as process:
        assert len(everything(temporary)) == 2
        assert len(everything(target.parent)) == 2
        process.send_signal(how)
        process.send_signal(how)  # as 'timeout' does
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "edge-edet: error: interrupted\n")
    assert everything(tmp_path) == {}


def test_the_next_run_removes_what_a_killed_one_left(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It removes only our files of dead processes; another file in that folder is written meanwhile."""
    folder = tmp_path / "out"
    folder.mkdir()
    mine = {".a.png.tmp": b"1", ".b.png.edge-edet-12-deadbeef.tmp": b"2", "edge-edet.txt": b"3"}
    for name, data in mine.items():
        (folder / name).write_bytes(data)
    (temporary / "edge-edet-mine").mkdir()
    (temporary / "edge-edet-mine" / "notes").write_bytes(b"4")
    with writing(folder / "dead.png", temporary) as process:
        process.kill()
    with writing(folder / "alive.png", temporary) as process:
        try:
            living = {name for name in everything(folder) if ".alive.png" in name}
            assert len(living) == 2
            assert set(everything(folder)) == living | set(mine)
            twins = {path.parent for path in temporary.glob("edge-edet-*/twin")}
            assert len(twins) == 1  # of the living
            monkeypatch.setattr(tempfile, "tempdir", str(temporary))
            _sweep.cache_clear()
            with scratch_folder() as own, Outputs() as outputs:
                outputs.write(folder / "x.png", b"x", DRAWING)
                assert {path.parent for path in temporary.glob("edge-edet-*/twin")} == twins
                assert (own / SUFFIX).is_file()
            assert set(everything(folder)) == living | set(mine) | {"x.png"}
        finally:
            process.kill()
    with Outputs() as outputs:
        outputs.claim(folder / "y.png", DRAWING)
    assert everything(folder) == mine | {"x.png": b"x"}
    assert (temporary / "edge-edet-mine" / "notes").read_bytes() == b"4"


def test_a_lock_of_a_dead_process_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    lock_of(path).write_text("4194304\n")
    with Outputs() as outputs:
        outputs.write(path, b"x", DRAWING)
    assert everything(tmp_path) == {"a.png": b"x"}


def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    path = lock_of(tmp_path / "a.png")
    lock = LockFile.take(path)
    assert lock is not None
    read, write = os.pipe()
    begun, ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.write(ready, b"x")
        os.read(read, 1)  # until the test is over
        os._exit(0)
    os.read(begun, 1)
    try:
        lock.leave()  # as the end of this process would
        again = LockFile.take(path)
        assert again is not None
        again.close()
    finally:
        os.close(write)
        os.waitpid(child, 0)
        for one in (read, begun, ready):
            os.close(one)


def test_where_there_are_no_locks_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On such a file system dead and living processes cannot be distinguished."""
    left = temporary_of(tmp_path / "a.png")
    left.write_bytes(b"half")
    lock_of(tmp_path / "a.png").write_text("4194304\n")

    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("edge_edet.files.locks.fcntl.flock", no_locks)
    with Outputs() as outputs:
        outputs.write(tmp_path / "a.png", b"x", DRAWING)
    assert left.read_bytes() == b"half"


HANDLED = """
import signal
from edge_edet.terminal import ended_politely

seen = []
handler = lambda *_: seen.append(1)
signal.signal(signal.SIGTERM, handler)
with ended_politely():
    signal.raise_signal(signal.SIGTERM)
print(seen == [1], signal.getsignal(signal.SIGTERM) is handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
with ended_politely():
    print(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


def test_a_signal_that_is_handled_already_is_left_alone() -> None:
    """In a process of its own: handlers belong to the whole process, and other tests' libraries set some."""
    done = subprocess.run(
        [sys.executable, "-c", HANDLED], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True True\nTrue\nTrue\n"


def test_a_record_given_in_place_of_pictures_is_named_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edge_edet.converters.weights.source import asset

    record = asset("d0-bccd.calibration")
    command = ["calibrate", "d0", "--weights", "bundled", "-o", str(tmp_path / "x")]
    assert main([*command, "--calibration", str(record)]) == 2
    assert capsys.readouterr().err == (
        f"edge-edet: error: {str(record)!r} is already a calibration record, made from 205 pictures of d0: "
        "'edge-edet convert' takes it as it is; to calibrate again, give a folder of pictures\n"
    )
    (tmp_path / "one.jpg").write_bytes(b"picture")
    assert main([*command, "--calibration", str(tmp_path / "one.jpg")]) == 2
    err = capsys.readouterr().err
    assert "one.jpg' is a file, but --calibration of 'calibrate' takes a folder of pictures" in err
