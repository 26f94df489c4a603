"""The wheels that a board needs: that of edge-edet and those that it depends on."""

from __future__ import annotations

from edge_edet.devices.remote.wheels.downloaded import fetch_wheels, platforms
from edge_edet.devices.remote.wheels.own import write_wheel

__all__ = ["fetch_wheels", "platforms", "write_wheel"]
