"""Count models on an emulated core: outputs are checked first, then each model gets a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_edet import __version__
from edge_edet.benchmarks.counting.operators import operator_models
from edge_edet.benchmarks.rows import (
    SCHEMA_VERSION,
    ActualConfig,
    BenchmarkRow,
    Counts,
    DeviceName,
    ModelFacts,
    OperatorCounts,
    RequestedConfig,
    model_facts,
)
from edge_edet.devices.counting import (
    KINDS,
    Core,
    CountedRun,
    KindCounts,
    disagreement,
    find_core,
    run_counted,
    run_same_wheel,
)
from edge_edet.devices.emulation import SITES
from edge_edet.errors import BackendError, EdgeEdetError, InputError
from edge_edet.files import scratch_folder

__all__ = ["MOST_ERROR", "count_rows", "to_count"]

PROTOCOL = {"name": "edge-edet bench --count", "version": 1}
MOST_ERROR = 0.005  # of two inferences: more would not be exact
FEW = 5000  # instructions by which Python itself differs around a call: much only of a tiny model
RUNTIME = "ai-edge-litert"
Note = Callable[[str], None]


def to_count(asked: RequestedConfig) -> RequestedConfig:
    """State the runtime and the threads of a configuration, one thread where none was asked for.

    Parameters
    ----------
    asked
        As given.

    Returns
    -------
    RequestedConfig
        With runtime and threads.

    Raises
    ------
    InputError
        For what is not counted.
    """
    for option, given in (
        ("--delegate", asked.delegate not in (None, "xnnpack")),
        ("--device", asked.device_type not in (None, "CPU")),
        ("--parallel", asked.streams > 1),
        ("--inference-precision", asked.precision is not None),
        ("--delegate-option", bool(asked.delegate_options)),
    ):
        if given:
            raise InputError(
                f"--count is of XNNPACK's kernels, one inference at a time: leave {option} out"
            )
    runtime = asked.runtime or RUNTIME
    if runtime not in SITES:
        raise InputError(
            f"--count cannot run {runtime!r} on an emulated core: known are {', '.join(SITES)}"
        )
    return dataclasses.replace(asked, runtime=runtime, threads=asked.threads or 1)


def count_rows(
    models: Sequence[Path],
    configs: Iterable[RequestedConfig],
    board: str,
    *,
    per_operator: bool,
    timeout_s: float,
    done: Callable[[str], bool],
    note: Note,
) -> Iterator[BenchmarkRow | EdgeEdetError]:
    """Yield a row for each model and configuration, or why there is none.

    Parameters
    ----------
    models
        `.tflite` files.
    configs
        As asked for.
    board
        The id of a board that QEMU has a core for, or of a core alone.
    per_operator
        Count each operator alone as well.
    timeout_s
        Seconds after which a model is given up.
    done
        Whether a row of this key is there already.
    note
        Takes what is told to people meanwhile.

    Yields
    ------
    BenchmarkRow | EdgeEdetError
        A row, or the error in its place.

    Raises
    ------
    InputError, BackendError
        For an unknown board, a model that is no `.tflite`, or a missing program.
    """
    core = find_core(board)
    facts = {model: model_facts(model) for model in models}
    for model, of in facts.items():
        if of.format != "tflite":
            raise InputError(f"--count runs a .tflite, but got {str(model)!r}")
    for asked in map(to_count, configs):
        left = [
            one for one in models if not done(_empty(facts[one], asked, core, per_operator).key)
        ]
        for model in left:
            note(f"emulated:{core.id}: counting {model.name}")
            try:
                yield _row(model, facts[model], asked, core, per_operator, timeout_s)
            except EdgeEdetError as error:
                yield error


def _row(
    model: Path,
    facts: ModelFacts,
    asked: RequestedConfig,
    core: Core,
    per_operator: bool,
    timeout_s: float,
) -> BenchmarkRow:
    assert asked.runtime is not None
    assert asked.threads is not None
    how: dict[str, Any] = {
        "threads": asked.threads,
        "runtime": asked.runtime,
        "timeout_s": timeout_s,
    }
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    (here,) = run_same_wheel([model], **how)
    if isinstance(here, BackendError):
        raise here
    (there,) = run_counted([model], core.cpu, **how)
    if isinstance(there, BackendError):
        raise there
    if (why := disagreement(here.outputs, there.outputs)) is not None:
        raise BackendError(
            f"{model.name}: the emulated core {core.cpu} computes something else than this machine with "
            f"the same {asked.runtime} ({why}): its counts are not those of a board; take another core"
        )
    counts = _counts(model.name, core.cpu, there)
    if per_operator:
        operators = tuple(_operators(model, core.cpu, how))
        counts = dataclasses.replace(counts, operators=operators)
    empty = _empty(facts, asked, core, per_operator)
    return dataclasses.replace(empty, started_at=started, ran=_ran(there.ran), counts=counts)


def _counts(name: str, cpu: str, run: CountedRun) -> Counts:
    totals = [one.instructions for one in run.inferences]
    difference = max(totals) - min(totals)
    error = difference / min(totals)
    if error > MOST_ERROR and difference > FEW:
        raise BackendError(
            f"{name}: two inferences on {cpu} differ by {error:.1%} in their instructions, more than "
            f"{MOST_ERROR:.1%}: count with --threads 1"
        )
    last = run.inferences[-1]
    kinds = _kinds(last)
    return Counts(cpu, kinds, last.loaded, last.stored, last.waiting, len(totals), error)


def _kinds(one: KindCounts) -> dict[str, int]:
    return {kind: n for kind, n in zip(KINDS, one.kinds, strict=True) if n}


def _operators(model: Path, cpu: str, how: dict[str, Any]) -> Iterator[OperatorCounts]:
    """Count each operator alone; yields the largest first."""
    with scratch_folder() as folder:
        alone = operator_models(model, folder)
        runs = run_counted([one.path for one in alone], cpu, **how)
    found = []
    for one, run in zip(alone, runs, strict=True):
        if isinstance(run, CountedRun):
            last = run.inferences[-1]
            numbers = (_kinds(last), last.loaded, last.stored, None)
        else:
            numbers = ({}, 0, 0, str(run))  # type: ignore[assignment]
        found.append(OperatorCounts(one.name, one.shape, one.times, *numbers))
    yield from sorted(found, key=lambda one: -one.instructions)


def _ran(info: dict[str, Any]) -> ActualConfig:
    return ActualConfig(
        runtime=info["runtime"],
        version=info["runtime_version"],
        delegate=info["delegate"],
        operators=info["total_operators"],
        delegated=info["delegated_operators"],
        partitions=info["partitions"],
        precision=info["inference_precision"],
        threads=info["threads"],
        streams=info["streams"],
        device=info["device"],
        execution_devices=tuple(info["execution_devices"]),
        layers=None,
        nms=None,
    )


def _empty(
    facts: ModelFacts, asked: RequestedConfig, core: Core, per_operator: bool
) -> BenchmarkRow:
    """Make the row before anything ran: its key is known."""
    return BenchmarkRow(
        schema_version=SCHEMA_VERSION,
        how="counted",
        started_at="1970-01-01T00:00:00+00:00",
        tool=f"edge-edet {__version__}",
        model=facts,
        asked=asked,
        ran=None,
        device=DeviceName(core.id, core.name),
        machine=None,
        protocol={**PROTOCOL, "core": core.cpu, "per_operator": per_operator},
        samples_ms={},
        load_ms=None,
        peak_memory_bytes=None,
        throughput=None,
        energy=None,
        sustain=None,
        estimate=None,
        summary=None,
        accuracy=None,
        warnings=(),
        counts=Counts(core.cpu, {"unknown": 1}, 0, 0, 0, 1, 0.0),
    )
