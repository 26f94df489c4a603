"""The way to a host, by how it is named."""

from __future__ import annotations

from edge_edet.devices.remote import adb, ssh
from edge_edet.devices.remote.emulated import Emulated
from edge_edet.devices.remote.hosts import Host
from edge_edet.devices.remote.transport import Transport

__all__ = ["open_transport"]


def open_transport(host: Host) -> Transport:
    """Nothing is opened before the first use."""
    if host.emulated is not None:
        return Emulated(host)
    return ssh.connect(host) if host.ssh is not None else adb.Adb(host)
