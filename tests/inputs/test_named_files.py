"""A named input that is no regular file is refused in one line: no command waits or fills memory."""

from __future__ import annotations

import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet import InputError
from edge_edet.cli import main
from edge_edet.files.input import Limit, open_input, read_input, sha256_input

# kind of input -> command; BAD is the file under test, MODEL and PICTURE are sound ones
COMMANDS = {
    "tflite": "detect -m BAD.tflite PICTURE",
    "ir": "detect -m BAD.xml PICTURE",
    "onnx": "detect -m BAD.onnx PICTURE",
    "model of any name": "inspect BAD.model",
    "picture": "detect -m MODEL BAD.png",
    "labels": "detect -m MODEL --labels BAD.txt PICTURE",
    "rows": "compare BAD.jsonl BAD.jsonl",
    "rows of a report": "report BAD.jsonl -o OUT",
    "rows to choose from": "recommend BAD.jsonl --board rpi4 --budget 50ms",
    "rows to add to": "bench MODEL --images PICTURE -o BAD.jsonl",
    "profile": "devices --profile bad.toml",
    "checkpoint": "convert --fp32 d0 --weights BAD.pth --to tflite -o OUT",
    "checkpoint as onnx": "convert --fp32 d0 --weights BAD.onnx --to tflite -o OUT",
    "project": "convert --fp32 d0 --weights random --project BAD.yml --to tflite -o OUT",
    "hparams": "convert --fp32 d0 --weights random --hparams BAD.yaml --to tflite -o OUT",
    "labels of a conversion": "convert --fp32 d0 --weights random --labels BAD.txt --to tflite -o OUT",
    "record": "convert --int8 d0 --weights bundled --calibration BAD.calibration --to tflite -o OUT",
    "coco": "eval MODEL --data BAD.json",
    "data.yaml": "eval MODEL --data BAD.yaml",
    "class map": "eval MODEL --class-map BAD.json --data PICTURE",
    "model of a log": "import-log LOG -m BAD.tflite --board rpi4",
}

LOG = """STARTING!
count=1 curr=5
count=2 first=200 curr=200 min=100 max=200 avg=150 std=50
Inference timings in us: Init: 10, First inference: 5, Warmup (avg): 5, Inference (avg): 150
"""


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


KINDS: dict[str, Callable[[Path], None]] = {
    "a pipe": a_pipe,
    "a device": a_device,
    "a socket": a_socket,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", COMMANDS)
def test_what_is_no_file_is_refused_at_once(
    what: str,
    kind: str,
    tiny_int8: Path,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = COMMANDS[what].split()
    (bad,) = {word for word in words if word.lower().startswith("bad")}
    KINDS[kind](tmp_path / bad)
    log = tmp_path / "log.txt"
    log.write_text(LOG)
    known = {
        bad: tmp_path / bad,
        "MODEL": tiny_int8,
        "PICTURE": picture,
        "OUT": tmp_path / "out",
        "LOG": log,
    }
    status = main([str(known.get(word, word)) for word in words])
    said = capsys.readouterr().err
    assert status == 2, said
    said = said.splitlines()[-1] if said.startswith("note: ") else said.rstrip("\n")
    assert "\n" not in said
    assert "unexpected" not in said
    assert str(tmp_path / bad) in said or f"{Path(bad).name}:" in said, said
    assert any(
        text in said
        for text in (
            f"is {kind}",
            "is no file",
            "is no regular file",
            "no data",
            "no calibration",
            "no pic",
        )
    ), said


def test_a_pipe_that_takes_the_files_place_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the place between the check of the file and its opening."""
    path = tmp_path / "x"
    path.write_bytes(b"")
    regular = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr("edge_edet.files.input.os.stat", lambda path: regular)
    with pytest.raises(InputError, match="it is a pipe, expected a regular file"):
        open_input(path, "x")


def test_a_file_beyond_its_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole, no disk space
    tracemalloc.start()
    limit = Limit(1 << 20, "names are short")
    with pytest.raises(
        InputError, match=r"x: it has 1,099,511,627,776 bytes, at most 1,048,576 are"
    ):
        read_input(path, "x", limit)
    with pytest.raises(InputError, match=r"are read: names are short$"):
        open_input(path, "x", limit=limit)
    assert tracemalloc.get_traced_memory()[1] < 1 << 18
    tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_up_to_its_limit_is_read(size: int, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * size)
    assert read_input(path, "x", Limit(100, "")) == b"x" * size


def test_a_file_that_states_no_size_is_read_up_to_its_limit() -> None:
    """Files of /proc are such."""
    path = Path("/proc/self/status")
    if not path.exists():
        pytest.skip("no /proc")
    assert b"Name:" in read_input(path, "x", Limit(1 << 20, ""))
    with pytest.raises(InputError, match="it has more than 20 bytes, at most 20"):
        read_input(path, "x", Limit(20, "short"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none", "cannot read x: No such file or directory"),
        ("n" * 300, "cannot read x: File name too long"),
        ("a\0b", "cannot read x: its name has a zero byte"),
        ("a\ud800b", "cannot read x: its name cannot be encoded as a path"),
    ],
)
def test_a_name_that_cannot_be_opened(path: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        open_input(tmp_path / path, "x")
    with pytest.raises(InputError, match=said.replace("read x", "read picture .*")):
        sha256_input(tmp_path / path, kind="picture")


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="cannot read x: Too many levels"):
        open_input(tmp_path / "a", "x")


def test_what_is_said_where_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^make one with bench$"):
        open_input(tmp_path / "none", "x", missing="make one with bench")
