"""`edge-edet bench --host`: the same command, measured elsewhere, its rows in a file here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.rows.file import dump_row, read_rows

QUICK = ("--samples", "6", "--max-samples", "6", "--warmup", "0", "--warmup-seconds", "0")


@pytest.fixture
def there(sshd: Any, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """there(name, ...) writes hosts.toml with these hosts; the environment that finds it."""

    def make(*names: str, **settings: str) -> dict[str, str]:
        folder = tmp_path / "config" / "edge-edet"
        folder.mkdir(parents=True)
        text = ""
        for name in names:
            host = sshd.host(name)
            given = {"folder": str(tmp_path / name), "environment": sys.prefix, **settings}
            text += f"[{name}]\nssh = '{host.ssh}'\noptions = {json.dumps(list(host.options))}\n"
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
        (folder / "hosts.toml").write_text(text)
        return {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}

    return make


def bench(
    environment: dict[str, str], folder: Path, *arguments: object
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_edet", "bench", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_boards_side_by_side(
    there: Callable[..., dict[str, str]], tiny_int8: Path, tmp_path: Path
) -> None:
    environment = there("one", "two")
    hosts = ("--host", "one", "--host", "two", "--threads", "1")
    done = bench(environment, tmp_path, tiny_int8, *hosts, *QUICK, "-o", "rows.jsonl")
    assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "rows.jsonl")
    assert {row.device.host for row in rows} == {"one", "two"}
    assert len({row.key for row in rows}) == 2  # that they differ is the user's word
    assert "(one)" in done.stdout  # beside the device's name
    assert "(two)" in done.stdout
    for row in rows:
        assert row.how == "measured"
        assert {stage: len(samples) for stage, samples in row.samples_ms.items()} == dict.fromkeys(
            ("decode", "preprocess", "inference", "postprocess", "end_to_end"), 6
        )
        assert row.model.file == tiny_int8.name
    (tmp_path / "one.jsonl").write_text(
        "".join(f"{dump_row(row)}\n" for row in rows if row.device.host == "one")
    )
    again = bench(environment, tmp_path, tiny_int8, *hosts, *QUICK, "-o", "one.jsonl", "--resume")
    assert again.returncode == 0, again.stderr
    assert [row.device.host for row in read_rows(tmp_path / "one.jsonl")] == ["one", "two"]
    assert "one: 1 of 1 rows are there already" in again.stderr


def test_a_connection_that_breaks_costs_no_row(
    there: Callable[..., dict[str, str]], sshd: Any, tiny_int8: Path, tmp_path: Path
) -> None:
    rows_file = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "edge_edet", "bench", str(tiny_int8), "--host", "one", *QUICK]
    command += ["--threads", "1,2,3", "-o", str(rows_file)]
    process = subprocess.Popen(
        command,
        env=there("one"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    cuts = 0
    while process.poll() is None and cuts < 2:
        time.sleep(0.05)
        if rows_file.exists() and rows_file.read_bytes().count(b"\n") > cuts:
            cuts += sshd.cut() > 0
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert "one: the connection broke; trying again in 0.5 s" in said
    assert [row.asked.threads for row in read_rows(rows_file)] == [1, 2, 3]


def test_a_command_that_was_killed_holds_no_board(
    there: Callable[..., dict[str, str]], tiny_int8: Path, tmp_path: Path
) -> None:
    environment, path = there("one"), tmp_path / "rows.jsonl"
    endless = ("--samples", "1000000", "--max-samples", "2000000", "--max-seconds", "3600")
    where = (str(tiny_int8), "--host", "one", "--threads", "1", "-o", str(path))
    command = [sys.executable, "-m", "edge_edet", "bench", *where, *endless]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    ) as process:
        while not list(tmp_path.glob("one/jobs/*/pid")):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    (left,) = (int(found.read_text().split()[0]) for found in tmp_path.glob("one/jobs/*/pid"))
    done = bench(environment, tmp_path, *where, *QUICK, "--resume")
    assert done.returncode == 0, done.stderr
    assert "one: ending a measurement that a killed command left running there\n" in done.stderr
    assert len(read_rows(path)) == 1
    assert not Path(f"/proc/{left}").exists() or is_zombie(left)


def test_another_board_than_was_meant(
    there: Callable[..., dict[str, str]], tiny_int8: Path, tmp_path: Path
) -> None:
    environment = there("one", board="jetson-nano")
    done = bench(environment, tmp_path, tiny_int8, "--board", "jetson-nano", *QUICK)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()[-1:]
    assert line.startswith(
        "edge-edet: error: one is called jetson-nano, by --board or in hosts.toml, but it is "
    )


def test_an_emulated_board(tiny_int8: Path, tmp_path: Path, arm_root: Path) -> None:
    """The true ARM kernels, and not one time."""
    where = ("--host", "emulated:rpi4", "--threads", "1", "-o", tmp_path / "rows.jsonl")
    done = bench(dict(os.environ), arm_root.parents[1], tiny_int8, *where)
    assert done.returncode == 0, done.stderr
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert (row.how, row.device.id, row.samples_ms) == ("emulated", "rpi4", {})
    assert row.ran is not None
    assert (row.ran.runtime, row.ran.delegate) == ("ai-edge-litert", "xnnpack")
    assert row.ran.operators


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("emulated:pixel6", "pixel6 cannot be emulated: boards that can are "),
        ("emulated:rpi44", "unknown board 'rpi44': known are "),
    ],
)
def test_what_is_not_emulated(tiny_int8: Path, tmp_path: Path, host: str, message: str) -> None:
    done = bench(dict(os.environ), tmp_path, tiny_int8, "--host", host, "-o", "rows.jsonl")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"edge-edet: error: {message}")


def test_ctrl_c_ends_what_runs_on_every_board(
    there: Callable[..., dict[str, str]], tiny_int8: Path, tmp_path: Path
) -> None:
    endless = ("--samples", "1000000", "--max-samples", "2000000", "--max-seconds", "3600")
    hosts = ("--host", "one", "--host", "two", "--threads", "1", "-o", str(tmp_path / "rows.jsonl"))
    command = [sys.executable, "-m", "edge_edet", "bench", str(tiny_int8), *hosts, *endless]
    process = subprocess.Popen(
        command,
        env=there("one", "two"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(list(tmp_path.glob("*/jobs/*/pid"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    pids = [int(path.read_text().split()[0]) for path in tmp_path.glob("*/jobs/*/pid")]
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "edge-edet: error: interrupted"
    assert "connection broke" not in said
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists() and not is_zombie(pid)] == []
    assert list(tmp_path.glob("*/jobs/*")) == []


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
