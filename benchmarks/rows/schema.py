"""One measurement, estimate, emulation or count of one model in one configuration: docs/measuring.md in code.

Rows are plain data. Statistics are functions of a row (`stats.py`), never stored beside the samples
that they could contradict; files of rows are read and appended to in `file.py`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from edge_edet.benchmarks.rows.browser_run import BrowserRun
from edge_edet.benchmarks.rows.counts import Counts
from edge_edet.benchmarks.rows.parts import (
    STAGES,
    Accuracy,
    ActualConfig,
    DeviceName,
    Energy,
    Estimate,
    MachineState,
    ModelFacts,
    RequestedConfig,
    Summary,
    Sustain,
    Throughput,
    Warned,
)
from edge_edet.benchmarks.rows.row_checks import (
    check_at_least,
    check_samples,
    check_time,
)
from edge_edet.errors import InputError
from edge_edet.files import from_json, to_json

__all__ = [
    "OPTIONS",
    "SAMPLING",
    "SCHEMA_VERSION",
    "BenchmarkRow",
    "row_from_dict",
    "row_key",
    "row_to_dict",
]

SCHEMA_VERSION = 1
# the fields of a protocol that say how many samples are taken -> the options of `edge-edet bench`
OPTIONS = {
    "warmup": "--warmup",
    "warmup_s": "--warmup-seconds",
    "min_samples": "--samples",
    "relative_width": "--ci-width",
    "max_samples": "--max-samples",
    "max_s": "--max-seconds",
}
SAMPLING = tuple(OPTIONS)  # that is no difference in what is measured


@dataclass(frozen=True)
class BenchmarkRow:
    """One row, with the fields of docs/measuring.md.

    Attributes
    ----------
    schema_version
        Of docs/measuring.md.
    how
        Whether it was measured, emulated or estimated.
    started_at
        ISO 8601, UTC.
    tool
        Name and version of what wrote it.
    model
        The file, and what it is.
    asked
        How it was to run.
    ran
        None: nothing ran, or nobody could read it back.
    device
        The board or machine.
    machine
        Its state; None: nothing ran.
    protocol
        All that must agree before two rows may be compared.
    samples_ms
        Stage -> in order; pictures in the same order.
    load_ms
        Loading the model; None: not measured.
    peak_memory_bytes
        Of the process; None: not measured.
    throughput
        Of parallel streams; None: not measured.
    energy
        For each picture; None: no sensor.
    sustain
        Minute by minute; None: not asked for.
    estimate
        None unless estimated.
    summary
        Statistics where there are no samples; None: there are.
    accuracy
        AP; None: not measured.
    warnings
        What makes its numbers mean less.
    study
        Of `edge-edet reproduce`, where the row was measured for one.

    Raises
    ------
    ValueError
        Where fields contradict each other.
    """

    schema_version: int
    how: Literal["measured", "emulated", "estimated", "counted"]
    started_at: str  # ISO 8601, UTC
    tool: str
    model: ModelFacts
    asked: RequestedConfig
    ran: ActualConfig | None  # None: nothing ran, or nobody could read it back
    device: DeviceName
    machine: MachineState | None
    protocol: dict[str, Any]
    samples_ms: dict[str, tuple[float, ...]]  # stage -> in order; pictures in the same order
    load_ms: float | None
    peak_memory_bytes: int | None
    throughput: Throughput | None
    energy: Energy | None
    sustain: Sustain | None
    estimate: Estimate | None
    summary: Summary | None
    accuracy: Accuracy | None
    warnings: tuple[Warned, ...]
    study: str | None = None  # of `edge-edet reproduce`, where the row was measured for one
    # None: by Python, on the device itself
    where: Literal["browser"] | None = field(default=None, metadata={"optional": True})
    browser: BrowserRun | None = field(default=None, metadata={"optional": True})
    counts: Counts | None = field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise ValueError(
                f"schema_version must be {SCHEMA_VERSION}, but is {self.schema_version}"
            )
        check_time(self.started_at)
        check_at_least(0, self, "load_ms", "peak_memory_bytes")
        if not isinstance(self.protocol.get("name"), str):
            raise ValueError("protocol.name must be text: rows compare only where protocols agree")
        for stage, samples in self.samples_ms.items():
            if stage not in STAGES:
                raise ValueError(f"samples_ms.{stage} is no stage: known are {', '.join(STAGES)}")
            check_samples(stage, samples)
        counts = {len(samples) for samples in self.samples_ms.values() if samples}
        if len(counts) > 1:
            raise ValueError(
                f"samples_ms must have as many of each stage, but has {sorted(counts)}"
            )
        if (self.how == "estimated") != (self.estimate is not None):
            raise ValueError("estimate must be there where how is 'estimated', and only there")
        if (self.how == "counted") != (self.counts is not None):
            raise ValueError("counts must be there where how is 'counted', and only there")
        if counts and (self.estimate or self.summary or self.counts):
            raise ValueError("samples_ms must be empty beside an estimate or a summary")
        if (self.where == "browser") != (self.browser is not None):
            raise ValueError("browser must be there where where is 'browser', and only there")
        if self.how == "measured" and not (counts or self.summary or self.sustain):
            raise ValueError("samples_ms must not be empty: the row says that it is measured")

    @property
    def key(self) -> str:
        """16 hex digits of what was asked for, see `row_key`."""
        return row_key(self.model.sha256, self.asked, self.device, self.protocol)


def row_key(
    sha256: str, asked: RequestedConfig, device: DeviceName, protocol: dict[str, Any]
) -> str:
    """Compute 16 hex digits of what was asked for: known before it runs, the same on every machine.

    Parameters
    ----------
    sha256
        Of the model.
    asked
        How it is to run.
    device
        The board or machine.
    protocol
        How it is measured.

    Returns
    -------
    str
        The digits.
    """
    described = [sha256, to_json(asked), device.id, to_json(protocol)]
    if device.host is not None:
        described.append(device.host)
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def row_to_dict(row: BenchmarkRow) -> dict[str, Any]:
    """Make the JSON object of a row, with its fields as keys.

    Parameters
    ----------
    row
        Any row.

    Returns
    -------
    dict[str, Any]
        What JSON can hold.
    """
    document: dict[str, Any] = to_json(row)
    return document


def row_from_dict(document: object, where: str) -> BenchmarkRow:
    """Read the JSON object of a row.

    Parameters
    ----------
    document
        What `json.loads` returned.
    where
        Names the place in messages.

    Returns
    -------
    BenchmarkRow
        The row.

    Raises
    ------
    InputError
        For another version, and for a key that is missing, unknown or of another type; the message names
        `where` and the key.
    """
    if isinstance(document, dict):
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{where}: schema_version must be {SCHEMA_VERSION}, but is {version!r}: "
                f"{'update edge-edet' if _newer(version) else 'give a row of edge-edet bench'}"
            )
    return from_json(BenchmarkRow, document, where)


def _newer(version: object) -> bool:
    return type(version) is int and version > SCHEMA_VERSION
