"""Estimates as rows and as text: `bench --board rpi4` where there is no rpi4."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from edge_edet import __version__
from edge_edet.benchmarks.estimate.end_to_end import end_to_end
from edge_edet.benchmarks.estimate.estimate import SOURCE, check_asked, estimate_features
from edge_edet.benchmarks.estimate.features import read_features
from edge_edet.benchmarks.estimate.from_counts import CORES, estimate_from_counts
from edge_edet.benchmarks.estimate.other_runtimes import RUNTIMES, estimate_other
from edge_edet.benchmarks.rows import (
    SCHEMA_VERSION,
    BenchmarkRow,
    Counts,
    DeviceName,
    Estimate,
    EstimatedWhole,
    ModelFacts,
    RequestedConfig,
    model_facts,
)
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats import FORMATS

__all__ = [
    "PROTOCOL",
    "check_estimable",
    "configs_to_estimate",
    "estimate_rows",
    "how_to_measure",
    "in_words",
    "report",
]

PROTOCOL = {"name": "edge-edet estimate", "version": 1, "stage": "inference", "source": SOURCE}
COLUMNS = 80
DEFAULT_THREADS = (1, 2, 4)
_TFLITE = FORMATS[".tflite"].runtimes


def check_estimable(asked: RequestedConfig, device_id: str) -> None:
    """Raise InputError for a configuration that no board was measured with."""
    others = ("openvino", "onnxruntime") if device_id == "n100" else ()
    wrong: list[tuple[str, object, tuple[object, ...]]] = [
        ("runtime", asked.runtime, (None, *_TFLITE, *others)),
        ("delegate", asked.delegate, (None, "xnnpack")),
        ("device type", asked.device_type, (None, "CPU")),
        ("precision", asked.precision, (None, "f32", "default")),
        ("streams", asked.streams, (1,)),
        ("delegate options", asked.delegate_options, ({},)),
    ]
    for what, value, known in wrong:
        if value not in known:
            raise InputError(
                f"no estimate for {what} {value!r} on {device_id}: the published latencies are of "
                f"TensorFlow Lite with XNNPACK on the CPU, one picture at a time; measure it with --host"
            )


def estimate_rows(
    models: Sequence[Path],
    device: DeviceName,
    configs: Iterable[RequestedConfig],
    *,
    named: bool = True,
    note: Callable[[str], None] = print,
    counted: Iterable[BenchmarkRow] = (),
) -> list[BenchmarkRow]:
    """Estimate a row for each model and configuration, models first.

    Parameters
    ----------
    models
        Paths.
    device
        The board.
    configs
        Where threads are None, there are rows for 1, 2 and 4.
    named
        Whether the user named the models: one that cannot be estimated is an error then; otherwise it is left
        out, with a note.
    note
        Takes these notes.
    counted
        Rows; the counted ones of a model on the board's core make its estimate on one thread narrower.

    Returns
    -------
    list[BenchmarkRow]
        Rows that say that they are estimates.

    Raises
    ------
    InputError, ModelFileError
        As `estimate` and `check_estimable` do, and where no model is left.
    """
    asked = configs_to_estimate(configs, device.id)
    rows = []
    known = {
        row.model.sha256: row.counts
        for row in counted
        if row.counts is not None
        and row.counts.core == CORES.get(device.id)
        and row.asked.threads == 1
    }
    for path in models:
        try:
            facts = model_facts(path)
            found = [
                _counted(facts, device, each, known) or _estimate(path, device, each)
                for each in asked
            ]
        except EdgeEdetError as error:
            if named:
                raise
            note(f"left out: {error}")
            continue
        rows += [_row(facts, device, config, one) for config, one in zip(asked, found, strict=True)]
    if not rows:
        raise InputError(
            f"none of the models can be estimated for {device.id}: name the MODEL that you mean"
        )
    return rows


def configs_to_estimate(
    configs: Iterable[RequestedConfig], device_id: str
) -> list[RequestedConfig]:
    """State the threads of each configuration.

    Parameters
    ----------
    configs
        As asked for.
    device_id
        Id of the board.

    Returns
    -------
    list[RequestedConfig]
        Each with its threads.

    Raises
    ------
    InputError
        For a board, runtime, delegate or precision without an estimate.
    """
    asked = [each for config in configs for each in _with_threads(config)]
    for each in asked:
        assert each.threads is not None
        check_asked(device_id, each.threads)
        check_estimable(each, device_id)
    return asked


def _with_threads(asked: RequestedConfig) -> Iterator[RequestedConfig]:
    counts = DEFAULT_THREADS if asked.threads is None else (asked.threads,)
    return (dataclasses.replace(asked, threads=count) for count in counts)


def _counted(
    facts: ModelFacts, device: DeviceName, asked: RequestedConfig, known: Mapping[str, Counts]
) -> Estimate | None:
    """Estimate from counts, where the very same file was counted and one thread is asked for."""
    if asked.threads != 1 or facts.sha256 not in known or facts.format != "tflite":
        return None
    return estimate_from_counts(known[facts.sha256], device.id, facts.precision)


def _estimate(path: Path, device: DeviceName, asked: RequestedConfig) -> Estimate:
    assert asked.threads is not None
    if path.suffix.lower() in RUNTIMES:
        return estimate_other(path, device.id, asked)
    if asked.runtime in {runtime for each in RUNTIMES.values() for runtime in each}:
        raise InputError(
            f"no estimate for {path.name!r} in {asked.runtime}: a .tflite is estimated in TensorFlow Lite"
        )
    return estimate_features(read_features(path), device.id, asked.threads)


def _row(
    model: ModelFacts, device: DeviceName, asked: RequestedConfig, found: Estimate
) -> BenchmarkRow:
    source = {} if model.format == "tflite" else {"source": found.source}
    found = dataclasses.replace(found, end_to_end=end_to_end(found, device.id, model.image_size))
    return BenchmarkRow(
        schema_version=SCHEMA_VERSION,
        how="estimated",
        started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tool=f"edge-edet {__version__}",
        model=model,
        asked=asked,
        ran=None,
        device=device,
        machine=None,
        protocol=PROTOCOL | source,
        samples_ms={},
        load_ms=None,
        peak_memory_bytes=None,
        throughput=None,
        energy=None,
        sustain=None,
        estimate=found,
        summary=None,
        accuracy=None,
        warnings=(),
    )


def in_words(found: Estimate | EstimatedWhole) -> str:
    """Write `~176 ms (130-240, estimated)`, so that nobody takes it for a measurement."""
    ends = f"{_figure(found.low_ms)}-{_figure(found.high_ms)}"
    return f"~{_figure(found.p50_ms)} ms ({ends}, estimated)"


def _figure(ms: float) -> str:
    """Two digits below 10 ms, then whole milliseconds: more would not be known."""
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"


def report(rows: Sequence[BenchmarkRow]) -> str:
    """Lay out the tables of one board's estimates, with their sources and how to measure instead.

    Tables have at most 80 columns: a file name that is too long stands on a line of its own.

    Parameters
    ----------
    rows
        Estimates of one board.

    Returns
    -------
    str
        Several lines.
    """
    device, names = rows[0].device, [row.model.file for row in rows]
    lines = textwrap.wrap(f"{device.id} ({device.name}), estimated: nothing ran there", COLUMNS)
    judged = any(row.accuracy is not None for row in rows)
    heading = f"  threads  {'   AP  ' if judged else ''}inference, p50 (90 % interval)"
    cells, whole = [], []
    notes: dict[str, list[str]] = {}
    for name, row in zip(names, rows, strict=True):
        assert row.estimate is not None
        ap = f"{_ap(row)}  " if judged else ""
        cells.append((name, f"  {row.asked.threads:>7}  {ap}{in_words(row.estimate)}"))
        if row.estimate.end_to_end is not None:
            words = in_words(row.estimate.end_to_end)
            whole.append((name, f"  {row.asked.threads:>7}  {words}"))
        for note in row.estimate.notes:
            notes.setdefault(note, []).append(name)
    lines += ["", *_table(heading, cells)]
    lines += ["", *_table("  threads  end to end", whole), *_sources_of_whole(rows), ""]
    for text, of in notes.items():
        about = "" if len(of) == len(rows) else f"{', '.join(dict.fromkeys(of))}: "
        lines += textwrap.wrap(f"- {about}{text}", COLUMNS, subsequent_indent="  ")
    for source in dict.fromkeys(row.estimate.source for row in rows if row.estimate is not None):
        lines += textwrap.wrap(f"- {source}", COLUMNS, subsequent_indent="  ")
    return "\n".join([*lines, "", how_to_measure(device.id)])


def _table(heading: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Lines of names and the rest, whose lines are as long as the column of names allows."""
    room = COLUMNS - max(len(rest) for _, rest in [("", heading), *rows])
    width = max([len(name) for name, _ in rows if len(name) <= room] + [len("model")])
    yield f"{'model':{width}}{heading}"
    for name, rest in rows:
        if len(name) > width:
            yield name
            name = ""
        yield f"{name:{width}}{rest}"


def _sources_of_whole(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    wholes = [row.estimate.end_to_end for row in rows if row.estimate is not None]
    for source in dict.fromkeys(whole.source for whole in wholes if whole is not None):
        yield from textwrap.wrap(f"- end to end: {source}", COLUMNS, subsequent_indent="  ")


def _ap(row: BenchmarkRow) -> str:
    ap = row.accuracy.ap if row.accuracy is not None else None
    return "    -" if ap is None or ap < 0 else f"{ap:.3f}"


def how_to_measure(device_id: str) -> str:
    """Write the command that measures on the board."""
    user = "pi" if device_id.startswith("rpi") else "user"
    return f"to measure: edge-edet bench --board {device_id} --host {user}@ADDRESS"
