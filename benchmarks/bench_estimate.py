"""Rows for a board that is not at hand: estimates, said to be so in every one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from edge_edet import __version__
from edge_edet.benchmarks.bench_plan import Note, Plan
from edge_edet.benchmarks.model_facts import model_facts
from edge_edet.benchmarks.rows import SCHEMA_VERSION, Asked, BenchmarkRow, DeviceName
from edge_edet.benchmarks.typed_json import to_json
from edge_edet.errors import EdgeEdetError

__all__ = ["PROTOCOL", "estimate_rows"]

PROTOCOL = {"name": "edge-edet estimate", "version": 1}
DEFAULT_THREADS = 4  # what load takes on a board with four cores


def estimate_rows(
    models: Sequence[Path], plan: Plan, device: DeviceName, *, named: bool, note: Note
) -> Iterator[BenchmarkRow]:
    """One for each model and thread count. named: as of `make_jobs`."""
    from edge_edet.benchmarks.estimate.estimate import check_asked, estimate

    for threads in plan.ways.threads:
        check_asked(device.id, threads or DEFAULT_THREADS)
    for model in models:
        try:
            facts = model_facts(model)
            found = [
                (threads, estimate(model, device.id, threads or DEFAULT_THREADS))
                for threads in plan.ways.threads
            ]
        except EdgeEdetError as error:
            if named:
                raise
            note(f"left out: {error}")
            continue
        for threads, one in found:
            yield BenchmarkRow(
                schema_version=SCHEMA_VERSION,
                how="estimated",
                started_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                tool=f"edge-edet {__version__}",
                model=facts,
                asked=Asked(threads=threads or DEFAULT_THREADS),
                ran=None,
                device=device,
                machine=None,
                protocol=to_json(PROTOCOL),
                samples_ms={},
                load_ms=None,
                peak_memory_bytes=None,
                throughput=None,
                energy=None,
                sustain=None,
                estimate=one,
                summary=None,
                accuracy=None,
                warnings=(),
            )
