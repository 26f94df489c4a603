"""Run a detector on pictures with the workers of a Dask cluster.

Models and pictures are passed by path: workers must see the same files (a shared file system, or the
same machine), and a model whose bytes differ from the caller's is refused. Workers need edge-edet and the
runtime in the caller's versions. If a worker is lost, another one repeats its task. Rows arrive as they
are finished; apart from their times they do not depend on the worker.

A Dask scheduler executes whatever its clients send: use one that only you can reach.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edge_edet.benchmarks.accuracy.cluster_wait import connected, finished, workers_of
from edge_edet.benchmarks.accuracy.datasets import Picture
from edge_edet.benchmarks.accuracy.run_detector import EvalRow, Unread, run_detector
from edge_edet.errors import BackendError, InputError
from edge_edet.formats import files_of, sha256_of

if TYPE_CHECKING:
    from edge_edet.detection import Detector, PostprocessConfig

__all__ = ["run_on_cluster"]

CHUNK = 4  # pictures per task, which are repeated when a worker is lost
_loading = threading.Lock()


class Job(NamedTuple):
    """All that a worker needs to load the same detector."""

    model: str
    sha256: str
    runtime_version: str
    options: tuple[tuple[str, Any], ...]
    config: PostprocessConfig
    strict: bool


def run_on_cluster(
    scheduler: str,
    detector: Detector,
    pictures: list[Picture],
    config: PostprocessConfig,
    options: dict[str, Any],
    *,
    strict: bool = True,
) -> Iterator[EvalRow | Unread]:
    """Yield the rows of the pictures in the order in which they are finished.

    Parameters
    ----------
    scheduler
        Address of the Dask scheduler, such as tcp://192.168.1.7:8786.
    detector
        Loaded here; its model file and options are repeated on the workers.
    options
        The arguments that `detector` was loaded with.
    strict
        A picture that cannot be read is an error; else it is an `Unread`.

    Raises
    ------
    InputError
        There is no scheduler at the address, or a worker has no such files.
    BackendError
        There are no workers, they are lost, or have other versions.
    """
    import distributed  # noqa: F401 - if it is missing, fail before any work

    path = Path(detector.model.path).resolve()
    info = detector.info
    chosen = {**options, "threads": info.threads, "runtime": info.runtime}
    chosen["isolate"] = False  # the model has run here already
    if chosen.get("device"):
        chosen["device"] = info.execution_devices[0]  # the device that AUTO chose here
    if given := chosen.pop("delegate_options", None):
        chosen["delegate_options"] = tuple(sorted(given.items()))
    if chosen.get("labels") is not None:
        chosen["labels"] = detector.labels  # a worker may not see the labels file
    for name in (
        "mean",
        "std",
        "pad",
        "input_size",
    ):  # options are part of the key of the cached detector
        if isinstance(chosen.get(name), (list, np.ndarray)):
            chosen[name] = tuple(chosen[name])
    sha256 = sha256_of(path)
    job = Job(
        str(path),
        sha256,
        info.runtime_version,
        tuple(sorted(chosen.items())),
        config,
        strict,
    )
    here = [Picture(p.id, p.path.resolve(), p.size, p.objects) for p in pictures]
    chunks = [here[start : start + CHUNK] for start in range(0, len(here), CHUNK)]
    with connected(scheduler) as client:
        if not workers_of(client, scheduler):
            raise BackendError(
                f"the scheduler at {scheduler!r} has no workers: start 'dask worker'"
            )
        futures = client.map(_run_chunk, [job] * len(chunks), chunks, pure=False)
        for rows in finished(client, futures, scheduler):
            yield from rows


def _run_chunk(job: Job, pictures: list[Picture]) -> list[EvalRow | Unread]:
    """Run on a worker."""
    with _loading:  # the threads of a worker share one detector
        detector = _detector(job)
    return list(run_detector(detector, pictures, job.config, strict=job.strict))


@functools.lru_cache(maxsize=1)
def _detector(job: Job) -> Detector:
    from edge_edet.detection import load

    path = Path(job.model)
    if not all(each.is_file() for each in files_of(path)):
        raise InputError(
            f"a worker does not see {job.model!r}: give all workers the same file system"
        )
    if sha256_of(path) != job.sha256:
        raise InputError(f"a worker has another {job.model!r}: give all workers the same file")
    options = dict(job.options)
    if "delegate_options" in options:
        options["delegate_options"] = dict(options["delegate_options"])
    detector = load(path, config=job.config, **options)
    version = detector.info.runtime_version
    if version != job.runtime_version:
        raise BackendError(
            f"a worker has {detector.info.runtime} {version}, but {job.runtime_version} is installed "
            "here: install the same version"
        )
    return detector
