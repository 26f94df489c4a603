"""A board behind a real sshd: what is measured there arrives, once, whatever the line does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet import BackendError, EdgeEdetError, InputError
from edge_edet.devices.remote.agent_transport import AgentTransport
from edge_edet.devices.remote.ssh import connect

# As slow as a measurement, and as easy to check: 24 numbered rows in 1.2 s.
SLOW = """
import json, sys, time
for i in range(24):
    print(json.dumps({"row": i}), flush=True)
    time.sleep(0.05)
print("a last word", file=sys.stderr)
"""


@pytest.fixture
def board(sshd: Any, tmp_path: Path) -> Iterator[Callable[..., AgentTransport]]:
    """board(**settings of Host) connects to a folder of its own there; prepare is up to the test."""
    made: list[AgentTransport] = []

    def make(patience_s: float = 20, **settings: Any) -> AgentTransport:
        given = {"folder": str(tmp_path / "board"), "environment": sys.prefix, **settings}
        made.append(connect(sshd.host(**given), patience_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """program(text) is an environment whose `-m edge_edet` runs that text instead."""

    def make(text: str) -> str:
        folder = tmp_path / "environment"
        (folder / "bin").mkdir(parents=True)
        (folder / "program.py").write_text(text)
        script = (
            f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\n'
            f'shift 2; exec {sys.executable} {folder}/program.py "$@"\n'
        )
        (folder / "bin" / "python").write_text(script)
        (folder / "bin" / "python").chmod(0o755)
        return str(folder)

    return make


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f"{i}.png")
    return folder


def detect(model: Path | str, pictures: Path | str) -> list[str]:
    return ["detect", str(pictures), "-m", str(model), "--json", "--threads", "1"]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: row[key] for key in ("detections",)} for row in rows]


def test_a_run_there_is_a_run_here(
    board: Callable[..., AgentTransport], tiny_int8: Path, pictures: Path, tmp_path: Path
) -> None:
    pi = board()
    found = pi.prepare()
    assert found.device != ""
    assert found.system.endswith(f"Python {sys.version.split()[0]}")
    there = pi.push([tiny_int8, pictures])
    rows = list(pi.run(detect(there[tiny_int8], there[pictures])))
    here = subprocess.run(
        [sys.executable, "-m", "edge_edet", *detect(tiny_int8, pictures)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert len(rows) == 3
    assert without_times(rows) == without_times([json.loads(line) for line in here.splitlines()])
    assert list((tmp_path / "board" / "jobs").iterdir()) == []  # nothing is left of the run


def test_files_are_sent_once_by_their_content(
    board: Callable[..., AgentTransport], tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "x.bin", tmp_path / "b" / "x.bin"
    for path in (first, second):
        path.parent.mkdir()
        path.write_bytes(b"the same")
    pi = board()
    pi.prepare()
    there = pi.push([first, second])
    assert there[first] != there[second]
    assert {Path(one).read_bytes() for one in there.values()} == {b"the same"}
    (kept,) = (tmp_path / "board" / "files").iterdir()
    before = kept.stat().st_mtime_ns
    assert board().push([first, second]) == there
    second.write_bytes(b"another")
    changed = pi.push([first, second])
    assert Path(changed[second]).read_bytes() == b"another"
    assert Path(there[second]).read_bytes() == b"the same"
    assert kept.stat().st_mtime_ns == before


def test_an_openvino_model_comes_with_its_weights(
    board: Callable[..., AgentTransport], tmp_path: Path
) -> None:
    for name in ("m.xml", "m.bin"):
        (tmp_path / name).write_text(name)
    pi = board()
    pi.prepare()
    there = Path(pi.push([tmp_path / "m.xml"])[tmp_path / "m.xml"])
    assert there.with_suffix(".bin").read_text() == "m.bin"


def test_no_row_is_lost_or_doubled_when_the_connection_breaks(
    board: Callable[..., AgentTransport],
    sshd: Any,
    program: Callable[[str], str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    pi = board(environment=program(SLOW))
    pi.prepare()
    rows = []
    for row in pi.run([]):
        rows.append(row["row"])
        if row["row"] in (3, 15):
            assert sshd.cut() >= 1
    assert rows == list(range(24))
    said = capfd.readouterr().err
    assert said.count("pi: the connection broke; trying again in 0.5 s") == 2
    assert said.count("pi: a last word\n") == 1


def test_a_connection_that_breaks_while_a_file_is_sent(
    board: Callable[..., AgentTransport], sshd: Any, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    big.write_bytes(np.random.default_rng(0).bytes(64 << 20))
    pi = board()
    pi.prepare()
    cuts: list[int] = []

    def cut_once_begun() -> None:
        while not list((tmp_path / "board").glob("files/*.part")):
            time.sleep(0.001)
        cuts.append(sshd.cut())

    thread = threading.Thread(target=cut_once_begun)
    thread.start()
    there = pi.push([big])[big]
    thread.join()
    assert cuts[0] >= 1
    assert Path(there).read_bytes() == big.read_bytes()
    assert len(list((tmp_path / "board" / "files").iterdir())) == 1


def test_a_connection_that_stays_away(
    board: Callable[..., AgentTransport],
    start_sshd: Callable[[], Any],
    program: Callable[[str], str],
    tmp_path: Path,
) -> None:
    server = start_sshd()
    host = server.host(folder=str(tmp_path / "there"), environment=program(SLOW))
    pi = connect(host, patience_s=1)
    pi.prepare()
    rows = pi.run([])
    next(rows)
    server.process.kill()
    server.process.wait()
    for client in clients(server.port):
        os.kill(client, signal.SIGKILL)
    with pytest.raises(BackendError, match=r"^pi cannot be reached: .*refused.*; look with 'ssh "):
        list(rows)


def clients(port: int) -> list[int]:
    """The ssh processes of that port. Connections outlive an sshd that is killed."""
    listed = subprocess.run(["pgrep", "-f", f"^ssh .*-p {port} "], capture_output=True, text=True)
    return [int(word) for word in listed.stdout.split()]


def test_ending_early_ends_the_program_there(
    board: Callable[..., AgentTransport], program: Callable[[str], str], tmp_path: Path
) -> None:
    pi = board(environment=program(SLOW))
    pi.prepare()
    rows = pi.run([])
    assert next(rows) == {"row": 0}
    (pid_file,) = (tmp_path / "board" / "jobs").glob("*/pid")
    pid = pid_file.read_text().split()[0]
    rows.close()  # type: ignore[attr-defined]
    assert not pid_file.exists()
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_board_that_restarts_in_the_middle(
    board: Callable[..., AgentTransport], program: Callable[[str], str], tmp_path: Path
) -> None:
    pi = board(environment=program(SLOW))
    pi.prepare()
    rows = pi.run([])
    next(rows)
    (pid_file,) = (tmp_path / "board" / "jobs").glob("*/pid")
    os.killpg(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    with pytest.raises(
        BackendError, match=r"^pi: the measurement stopped before its end: was .*; run"
    ):
        list(rows)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "import sys; sys.exit('edge-edet: error: out of memory')",
            BackendError,
            "^pi: out of memory$",
        ),
        (
            "import sys; print('edge-edet: error: no d0', file=sys.stderr); sys.exit(2)",
            InputError,
            "^pi: no d0$",
        ),
        ("import sys; sys.exit(3)", BackendError, "^pi: exit status 3, without a message$"),
        ("print('hello')", BackendError, "^pi printed 'hello', expected only JSON lines$"),
    ],
)
def test_a_program_that_fails_there(
    board: Callable[..., AgentTransport],
    program: Callable[[str], str],
    text: str,
    kind: type[EdgeEdetError],
    message: str,
) -> None:
    pi = board(environment=program(text))
    pi.prepare()
    with pytest.raises(kind, match=message):
        list(pi.run([]))


def test_two_measurements_on_one_board_are_refused(
    board: Callable[..., AgentTransport], program: Callable[[str], str]
) -> None:
    environment = program(SLOW)
    one, other = board(environment=environment), board(environment=environment)
    one.prepare()
    other.prepare()
    rows = one.run([])
    next(rows)
    with pytest.raises(BackendError, match=r"^pi: it is busy with another measurement.*wait until"):
        list(other.run([]))
    with pytest.raises(BackendError, match=r"^pi: a measurement is running there: nothing was"):
        other.clean()
    assert [row["row"] for row in rows] == list(range(1, 24))


def test_cleaning_removes_all(board: Callable[..., AgentTransport], tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 100_000)
    pi = board()
    pi.prepare()
    pi.push([big])
    assert pi.clean() == 100_000  # a link is no second copy
    assert not (tmp_path / "board").exists()
