"""Rows of an emulated board: its outputs and partitions count, its times do not."""

from __future__ import annotations

import dataclasses

from edge_edet.benchmarks.rows import BenchmarkRow, Warned, row_key

__all__ = ["board_key", "without_times"]

MARK = "emulated"  # in the protocol, so that nobody takes the row for a measurement that is done
EMULATED = Warned(
    "emulated",
    "an emulated processor ran this: its outputs and partitions are those of a board, its times are "
    "not, and were left out",
    "measure on the board itself: --host USER@ADDRESS",
)


def without_times(row: BenchmarkRow) -> BenchmarkRow:
    """Make the row that may be kept, without times, memory and machine: they are the emulator's."""
    return dataclasses.replace(
        row,
        how="emulated",
        machine=None,
        protocol={**row.protocol, MARK: True},
        samples_ms={},
        load_ms=None,
        peak_memory_bytes=None,
        throughput=None,
        energy=None,
        sustain=None,
        warnings=(EMULATED,),  # the others are about times, and about this machine
    )


def board_key(row: BenchmarkRow) -> str:
    """Compute the key that the row had on the board, where it was neither emulated nor behind a host."""
    protocol = {key: value for key, value in row.protocol.items() if key != MARK}
    device = dataclasses.replace(row.device, host=None)
    return row_key(row.model.sha256, row.asked, device, protocol)
