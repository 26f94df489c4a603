"""What people see of a running command: text, progress, interruption."""

from __future__ import annotations

from edge_edet.terminal.interrupts import ended_politely
from edge_edet.terminal.printable import (
    csv_cell,
    joined,
    shown,
    shown_address,
    shown_streams,
    unfit,
    xml_text,
)
from edge_edet.terminal.progress import INTERVAL_S, Progress, track
from edge_edet.terminal.runtime_logs import hidden_runtime_logs, without_runtime_logs
from edge_edet.terminal.waiting import SAY_AFTER_S, VARIABLE, say_waiting, wait_limit_s, within

__all__ = [
    "INTERVAL_S",
    "SAY_AFTER_S",
    "VARIABLE",
    "Progress",
    "csv_cell",
    "ended_politely",
    "hidden_runtime_logs",
    "joined",
    "say_waiting",
    "shown",
    "shown_address",
    "shown_streams",
    "track",
    "unfit",
    "wait_limit_s",
    "within",
    "without_runtime_logs",
    "xml_text",
]
