"""Spread over a Dask cluster, one worker of which is killed: the same bits as in one process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.evaluation import evaluate, load_dataset
from edge_edet.errors import BackendError, InputError
from edge_edet.labels.coco import COCO_LABELS

PICTURES = 96


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield cluster


def kill_one_when(state: Path, lines: int, pids: list[int], killed: list[int]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if state.read_bytes().count(b"\n") > lines:
                os.kill(pids[0], signal.SIGKILL)
                killed.append(state.read_bytes().count(b"\n"))
                return
        time.sleep(0.005)


def test_lost_worker_loses_nothing(
    cluster: Any, shared: Path, foreign: Path, tmp_path: Path
) -> None:
    dataset = load_dataset(shared / "data" / "coco_val464").first(PICTURES)
    alone = evaluate(foreign, dataset, threads=1, resamples=100)
    state = tmp_path / "state.jsonl"
    pids = [nanny.pid for nanny in cluster.workers.values()]
    killed: list[int] = []
    killer = threading.Thread(target=kill_one_when, args=(state, 8, pids, killed))
    killer.start()
    spread = evaluate(
        foreign, dataset, threads=1, resamples=100, state=state, scheduler=cluster.scheduler_address
    )
    killer.join()
    assert killed, "no worker was killed"
    assert killed[0] < PICTURES, "it was over before the worker was killed"
    one, other = alone.to_dict(), spread.to_dict()
    for document in (one, other):
        del document["step_ms"]  # of the machine, not of the model
    assert one == other
    assert alone.resampled is not None
    assert spread.resampled is not None
    assert alone.resampled.tobytes() == spread.resampled.tobytes()


def test_options_of_a_foreign_model_reach_the_workers(
    cluster: Any, write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    """A worker looks its detector up by the options: lists too must do for that."""
    dataset = load_dataset(write_coco(tmp_path))
    options: dict[str, Any] = {"fit": "letterbox", "pad": [1, 2, 3], "labels": list(COCO_LABELS)}
    alone = evaluate(foreign, dataset, threads=1, resamples=0, **options)
    spread = evaluate(
        foreign, dataset, threads=1, resamples=0, scheduler=cluster.scheduler_address, **options
    )
    assert (spread.numbers, spread.detections) == (alone.numbers, alone.detections)


def test_what_a_worker_refuses_reaches_the_caller(
    cluster: Any, write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    file = write_coco(tmp_path)
    (tmp_path / "8.png").write_bytes(b"no picture")
    options: dict[str, Any] = {"threads": 1, "scheduler": cluster.scheduler_address}
    with pytest.raises(InputError, match=r"8\.png' is not a picture"):
        evaluate(foreign, load_dataset(file), strict=True, **options)
    left = evaluate(foreign, load_dataset(file), resamples=0, **options)
    assert (left.pictures, left.left_out) == (1, 1)


def test_no_scheduler_is_one_line(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("edge_edet.benchmarks.accuracy.cluster_wait.CONNECT_S", 1)
    dataset = load_dataset(write_coco(tmp_path))
    for address in ("tcp://127.0.0.1:1", "nowhere://"):
        with pytest.raises(InputError, match="no Dask scheduler at"):
            evaluate(foreign, dataset, threads=1, scheduler=address)


def test_cluster_without_workers_is_refused(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    from distributed import LocalCluster

    dataset = load_dataset(write_coco(tmp_path))
    with (
        LocalCluster(n_workers=0, dashboard_address=":0", host="127.0.0.1") as empty,
        pytest.raises(BackendError, match="has no workers"),
    ):
        evaluate(foreign, dataset, threads=1, scheduler=empty.scheduler_address)


def test_address_is_an_option(
    run_eval: Callable[..., subprocess.CompletedProcess[str]],
    cluster: Any,
    write_coco: Callable[..., Path],
    foreign: Path,
    tmp_path: Path,
) -> None:
    address = cluster.scheduler_address
    done = run_eval(foreign, "--data", write_coco(tmp_path), "--scheduler", address)
    assert done.returncode == 0, done.stderr
    assert "\nAP " in done.stdout
