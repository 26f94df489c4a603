"""Ways to a board: SSH, ADB, or emulation."""

from __future__ import annotations

from edge_edet.devices.remote.hosts import Host, find_host, known_hosts
from edge_edet.devices.remote.open import open_transport
from edge_edet.devices.remote.transport import Transport

__all__ = ["Host", "Transport", "find_host", "known_hosts", "open_transport"]
