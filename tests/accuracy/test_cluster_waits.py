"""A cluster that goes away or does not answer: one line, an end, and nothing done twice."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.cluster_wait import finished
from edge_edet.benchmarks.accuracy.evaluation import evaluate, load_dataset
from edge_edet.errors import BackendError, InputError

PICTURES = 400


class Processes:
    """A scheduler and its worker, each a process that can be killed or stopped."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
        self.scheduler = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        assert self.scheduler.stderr is not None
        told = (line for line in self.scheduler.stderr if "Scheduler at" in line)
        self.address = next(told).split()[-1]
        threading.Thread(target=self.scheduler.stderr.read, daemon=True).start()
        command = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny"]
        self.worker = subprocess.Popen(
            [*command, "--nthreads", "1", "--no-dashboard"], stderr=subprocess.DEVNULL
        )

    def end(self) -> None:
        for process in (self.worker, self.scheduler):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


@pytest.fixture
def processes() -> Iterator[Processes]:
    pytest.importorskip("distributed")
    made = Processes()
    yield made
    made.end()


@pytest.fixture
def many(write_coco: Callable[..., Path], tmp_path: Path) -> Path:
    """One picture under many ids: enough to be interrupted."""
    names = [f"{n}.png" for n in range(100, 100 + PICTURES)]
    images = [
        {"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names, 1)
    ]
    objects = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 30, 30], "area": 900}]
    file = write_coco(tmp_path, images=images, annotations=objects)
    for name in names:
        (tmp_path / name).hardlink_to(tmp_path / "3.png")
    return file


def rows_in(state: Path) -> int:
    return state.read_bytes().count(b"\n") - 1 if state.exists() else 0


ENDS: dict[str, tuple[Callable[[Processes], None], str]] = {
    "the worker is killed": (
        lambda cluster: cluster.worker.kill(),
        "has had no workers for 3 s: start some, and run the same command again",
    ),
    "the scheduler is killed": (
        lambda cluster: cluster.scheduler.kill(),
        "is lost: restart it, and run the same command again",
    ),
    "the worker hangs": (
        lambda cluster: cluster.worker.send_signal(signal.SIGSTOP),
        "gave a result for 3 s: check them, or set EDGE_EDET_WAIT_S to wait longer",
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_cluster_that_goes_away_ends_in_one_line(
    case: str, processes: Processes, many: Path, foreign: Path, tmp_path: Path
) -> None:
    act, said = ENDS[case]
    state = tmp_path / "state.jsonl"
    command = [
        sys.executable,
        "-m",
        "edge_edet",
        "eval",
        str(foreign),
        "--data",
        str(many),
        "--threads",
        "1",
        "--scheduler",
        processes.address,
        "--state",
        str(state),
        "--bootstrap",
        "0",
    ]
    waits = {**os.environ, "EDGE_EDET_WAIT_S": "3"}
    for _ in range(50):  # the worker may not have come yet
        run = subprocess.Popen(
            command, env=waits, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while run.poll() is None and rows_in(state) < 8:
            time.sleep(0.01)
        if run.poll() is None:
            break
        assert "has no workers" in run.communicate()[1]
    act(processes)
    errors = run.communicate(timeout=120)[1]
    assert run.returncode == 1, errors
    assert said in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert sum(line.startswith("edge-edet: error: ") for line in errors.splitlines()) == 1
    kept = rows_in(state)
    assert 8 <= kept < PICTURES
    again = evaluate(foreign, load_dataset(many), state=state, threads=1, resamples=0)
    assert again.resumed == kept, "finished pictures are not run again"


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "tcp://",
        "tcp://127.0.0.1:99999",
        "tcp://a b:1",
        "a" * 300 + ":80",
        "http://h:1",
        "tcp://[::1",
        "tcp://h:0",
        "tcp://" + "b" * 70 + ".org:1",
        "tcp://h:1\0",
        "tcp://h:1/path",
    ],
)
def test_what_is_no_address_is_refused_at_once(
    address: str, write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    dataset = load_dataset(write_coco(tmp_path))
    with pytest.raises(
        InputError, match=r"no Dask scheduler at .*: expected an address such as tcp:"
    ):
        evaluate(foreign, dataset, threads=1, scheduler=address)


def test_a_port_that_never_answers(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv("EDGE_EDET_WAIT_S", "0.5")
    dataset = load_dataset(write_coco(tmp_path))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(InputError, match="no Dask scheduler at"):
            evaluate(foreign, dataset, threads=1, scheduler=address)


class FakeClient:
    """A scheduler with as many workers as the test says, one number an answer."""

    def __init__(self, workers: list[int]):
        self.workers = workers
        self.scheduler = self

    def ncores(self) -> None:
        """Is asked through sync."""

    def sync(self, call: object, *, callback_timeout: float) -> dict[int, int]:
        return dict.fromkeys(range(self.workers.pop(0)), 1)


class FakeFuture(Future[Any]):
    def release(self) -> None:
        """Nothing is held."""


def clock_of(step_s: float) -> Callable[[], float]:
    now = [0.0]

    def clock() -> float:
        now[0] += step_s
        return now[0]

    return clock


def test_workers_that_come_back_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge_edet.benchmarks.accuracy.cluster_wait.POLL_S", 0.001)
    client, future = FakeClient([1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]), FakeFuture()
    with pytest.raises(BackendError, match="has had no workers for 60 s"):
        list(finished(client, [future], "tcp://x:1", clock=clock_of(25.0)))
    waiting = "waiting for a worker: the scheduler at 'tcp://x:1' has none left, up to 60 s\n"
    assert capsys.readouterr().err == f"{waiting}a worker has joined: continuing\n{waiting}"


def test_a_result_starts_the_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_edet.benchmarks.accuracy.cluster_wait.POLL_S", 0.001)
    futures = [FakeFuture() for _ in range(3)]
    futures[0].set_result("a")
    futures[1].set_result("b")
    client = FakeClient([1] * 20)
    found = finished(client, futures, "tcp://x:1", clock=clock_of(250.0))
    assert [next(found), next(found)] == ["a", "b"]
    with pytest.raises(BackendError, match="no worker of 'tcp://x:1' gave a result for 600 s"):
        next(found)
    assert len(client.workers) >= 15, "not before the time is over, and not long after"


def test_what_a_worker_dies_of_is_one_line() -> None:
    future = FakeFuture()
    future.set_exception(RuntimeError("the task was\nkilled"))
    with pytest.raises(
        BackendError, match=r"a worker of 'tcp://x:1' failed: RuntimeError: the task"
    ):
        list(finished(FakeClient([]), [future], "tcp://x:1"))
