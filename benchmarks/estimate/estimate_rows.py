"""Estimates as rows and as text: `bench --device rpi4` where there is no rpi4."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from edge_edet import __version__
from edge_edet.benchmarks.estimate.estimate import SOURCE, check_asked, estimate_features
from edge_edet.benchmarks.estimate.features import Features, features_of, read_estimable
from edge_edet.benchmarks.rows import (
    SCHEMA_VERSION,
    Asked,
    BenchmarkRow,
    DeviceName,
    Estimate,
    ModelFacts,
)
from edge_edet.devices.profile import DeviceProfile
from edge_edet.errors import InputError
from edge_edet.manifest import manifest_of
from edge_edet.model_file import sha256_of
from edge_edet.tflite_file import TfliteModel

__all__ = ["PROTOCOL", "check_estimable", "estimate_rows", "how_to_measure", "in_words", "report"]

PROTOCOL = {"name": "estimate", "stage": "inference", "source": SOURCE}
COLUMNS = 80
NAME = 34  # of a file: what the table has room for
_TFLITE = ("ai-edge-litert", "tflite-runtime", "tensorflow")


def check_estimable(asked: Asked, device_id: str) -> None:
    """Raises InputError where what was asked for is none of what was measured on boards."""
    wrong = [
        ("runtime", asked.runtime, (None, *_TFLITE)),
        ("delegate", asked.delegate, (None, "xnnpack")),
        ("device type", asked.device_type, (None, "CPU")),
        ("precision", asked.precision, (None, "f32", "default")),
        ("streams", asked.streams, (1,)),
    ]
    for what, value, known in wrong:
        if value not in known:
            raise InputError(
                f"no estimate for {what} {value!r} on {device_id}: the published latencies are of "
                f"TensorFlow Lite with XNNPACK on the CPU, one picture at a time; measure it with --host"
            )


def estimate_rows(models: Sequence[str | Path], profile: DeviceProfile, threads: Sequence[int],
                  asked: Asked | None = None) -> Iterator[BenchmarkRow]:  # fmt: skip
    """One row for each model and thread count, models first. asked: all but the threads.

    Raises as `estimate` and check_estimable do, before the first row.
    """
    asked = asked or Asked()
    check_estimable(asked, profile.id)
    for count in threads:
        check_asked(profile.id, count)
    read = [read_estimable(path) for path in models]
    work = [features_of(model) for model in read]
    for model, features in zip(read, work, strict=True):
        facts = model_facts(model, features)
        for count in threads:
            found = estimate_features(features, profile.id, count)
            yield _row(facts, profile, dataclasses.replace(asked, threads=count), found)


def model_facts(model: TfliteModel, features: Features) -> ModelFacts:
    """What a row says about the file; its parameters are not counted."""
    manifest = manifest_of(model)
    shape = model.input_tensors[0].shape  # [1, height, width, 3]
    return ModelFacts(
        file=model.path.name,
        sha256=sha256_of(model.path),
        size_bytes=model.size_bytes,
        variant=manifest.variant.name if manifest else None,
        image_size=(shape[1], shape[2]),
        precision=manifest.precision if manifest else features.precision,
        format="tflite",
        parameters=None,
        multiply_adds=features.total_multiply_adds,
    )


def _row(model: ModelFacts, profile: DeviceProfile, asked: Asked, found: Estimate) -> BenchmarkRow:
    return BenchmarkRow(
        schema_version=SCHEMA_VERSION, how="estimated",
        started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tool=f"edge-edet {__version__}", model=model, asked=asked, ran=None,
        device=DeviceName(profile.id, profile.name), machine=None, protocol=dict(PROTOCOL),
        samples_ms={}, load_ms=None, peak_memory_bytes=None, throughput=None, energy=None,
        sustain=None, estimate=found, summary=None, accuracy=None, warnings=(),
    )  # fmt: skip


def in_words(found: Estimate) -> str:
    """`~176 ms (130-240, estimated)`: nobody takes it for a measurement."""
    ends = f"{_figure(found.low_ms)}-{_figure(found.high_ms)}"
    return f"~{_figure(found.p50_ms)} ms ({ends}, estimated)"


def _figure(ms: float) -> str:
    """Two digits below 10 ms, then whole milliseconds: more would not be known."""
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"


def report(rows: Sequence[BenchmarkRow]) -> str:
    """The table, 80 columns wide, what to read it with, and last how to measure."""
    device, names = rows[0].device, [_name(row.model.file) for row in rows]
    width = max(map(len, [*names, "model"]))
    lines = textwrap.wrap(f"{device.id} ({device.name}), estimated: nothing ran there", COLUMNS)
    lines += ["", f"{'model':{width}}  threads  inference, p50 (90 % interval)"]
    notes: dict[str, list[str]] = {}
    for name, row in zip(names, rows, strict=True):
        assert row.estimate is not None
        lines.append(f"{name:{width}}  {row.asked.threads:>7}  {in_words(row.estimate)}")
        for note in row.estimate.notes:
            notes.setdefault(note, []).append(name)
    lines.append("")
    for text, of in notes.items():
        about = "" if len(of) == len(rows) else f"{', '.join(dict.fromkeys(of))}: "
        lines += textwrap.wrap(f"- {about}{text}", COLUMNS, subsequent_indent="  ")
    lines += textwrap.wrap(f"- {rows[0].estimate.source if rows[0].estimate else ''}", COLUMNS,
                           subsequent_indent="  ")  # fmt: skip
    return "\n".join([*lines, "", how_to_measure(device.id)])


def _name(file: str) -> str:
    return file if len(file) <= NAME else f"...{file[3 - NAME :]}"


def how_to_measure(device_id: str) -> str:
    user = "pi" if device_id.startswith("rpi") else "user"
    return f"to measure: edge-edet bench --device {device_id} --host {user}@ADDRESS"
