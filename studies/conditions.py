"""State where, when and with what the times of a table were measured, and what disturbed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_edet.benchmarks.rows import BenchmarkRow

__all__ = ["measuring_conditions"]

DISTURBED = {
    "busy": "other programs kept the processor busy",
    "throttled": "the clock was held down",
}


def measuring_conditions(rows: Sequence[BenchmarkRow]) -> list[str]:
    """Return sentences for below a table; none without rows."""
    return list(_sentences(rows)) if rows else []


def _sentences(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    days = sorted({row.started_at[:10] for row in rows})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    machines = dict.fromkeys(_machine(row) for row in rows)
    runtimes = dict.fromkeys(_runtime(row) for row in rows if row.ran is not None)
    yield f"measured {when} on {' and on '.join(machines)}; {', '.join(runtimes)}"
    samples = [len(row.samples_ms.get("inference", ())) for row in rows]
    rounds = max(row.protocol.get("round", 1) for row in rows)
    counts = f"{min(samples)} to {max(samples)}" if min(samples) < max(samples) else f"{samples[0]}"
    text = f"{rounds} round{'s' * (rounds != 1)} of {counts} samples"
    if rounds == 1:
        text += "; intervals cover the noise within the round, not changes from minute to minute"
    yield text
    for code, disturbance in DISTURBED.items():
        count = sum(any(one.code == code for one in row.warnings) for row in rows)
        if count:
            yield f"WARNING: {disturbance} in {count} of {len(rows)} measurements: repeat on a quiet machine"


def _machine(row: BenchmarkRow) -> str:
    machine = row.machine
    if machine is None:
        return row.device.place
    cores = f", {machine.cores} core{'s' * (machine.cores != 1)}" if machine.cores else ""
    features = ", ".join(name for name, there in machine.features.items() if there)
    return f"{machine.cpu or row.device.name}{cores}{f' ({features})' if features else ''}"


def _runtime(row: BenchmarkRow) -> str:
    assert row.ran is not None
    delegate = f" {row.ran.delegate}" if row.ran.delegate not in ("none", "") else ""
    return f"{row.ran.runtime} {row.ran.version}{delegate}"
