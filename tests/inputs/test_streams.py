"""A log may come through a pipe: it is read to its end, and waiting has a limit."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_edet import InputError
from edge_edet.cli import main
from edge_edet.files.input import Limit
from edge_edet.files.stream import read_stream

LIMIT = Limit(1 << 20, "cut it")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Make a pipe; return its name, and a descriptor to write to."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    handle = os.open(path, os.O_RDWR)  # as this opens it for both, it does not wait
    yield path, handle
    os.close(handle)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = b"line\n" * 100_000  # more than a pipe holds
    writer = threading.Thread(target=path.write_bytes, args=(text,))
    writer.start()
    assert read_stream(path, "log", LIMIT, 30) == text
    writer.join()


def test_an_unnamed_pipe_whose_writer_is_gone() -> None:
    """A shell makes one for `import-log <(adb logcat -d)`."""
    end, writer = os.pipe()
    os.write(writer, b"all of it")
    os.close(writer)
    assert read_stream(f"/dev/fd/{end}", "log", LIMIT, 30) == b"all of it"
    os.close(end)


def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        InputError, match=r"^log is a pipe, and no byte came for 0.2 s, after 0: end"
    ):
        read_stream(tmp_path / "pipe", "log", LIMIT, 0.2)


def test_a_pipe_that_falls_silent(
    pipe: tuple[Path, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, handle = pipe
    os.write(handle, b"a few bytes")
    monkeypatch.setattr("edge_edet.files.stream.SAY_AFTER_S", 0.05)
    with pytest.raises(
        InputError, match=r"for 0.2 s, after 11: .* EDGE_EDET_WAIT_S to wait longer"
    ):
        read_stream(path, "log", LIMIT, 0.2)
    assert capsys.readouterr().err == "waiting for log: no byte has come, up to 0.2 s\n"


def test_a_pipe_without_an_end_is_read_up_to_the_limit(pipe: tuple[Path, int]) -> None:
    path, handle = pipe
    os.set_blocking(handle, False)
    os.write(handle, b"x" * 60_000)
    with pytest.raises(InputError, match=r"log has more than 50,000 bytes, the most .*: cut it"):
        read_stream(path, "log", Limit(50_000, "cut it"), 30)


def test_the_time_is_the_variables(
    tmp_path: Path,
    tiny_int8: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.mkfifo(tmp_path / "pipe")
    command = ["import-log", str(tmp_path / "pipe"), "-m", str(tiny_int8), "--board", "rpi4"]
    monkeypatch.setenv("EDGE_EDET_WAIT_S", "0.1")
    assert main(command) == 2
    assert "is a pipe, and no byte came for 0.1 s, after 0" in capsys.readouterr().err
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("EDGE_EDET_WAIT_S", wrong)
        assert main(command) == 2
        assert f"EDGE_EDET_WAIT_S must be seconds, above 0 and up to 1000000, but is '{wrong}'" in (
            capsys.readouterr().err
        )


def test_a_device_is_no_log(tiny_int8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-log", "/dev/zero", "-m", str(tiny_int8), "--board", "rpi4"]) == 2
    assert "log '/dev/zero': it is a device, expected a regular file" in capsys.readouterr().err
