"""Choose the transport to a host."""

from __future__ import annotations

from edge_edet.devices.remote import adb, ssh
from edge_edet.devices.remote.emulated import Emulated
from edge_edet.devices.remote.hosts import Host
from edge_edet.devices.remote.transport import Transport

__all__ = ["open_transport"]


def open_transport(host: Host) -> Transport:
    """Make the transport to a host; no connection is opened before its first use.

    Parameters
    ----------
    host
        Where to.

    Returns
    -------
    Transport
        A transport by ssh, adb or QEMU.
    """
    if host.emulated is not None:
        return Emulated(host)
    return ssh.connect(host) if host.ssh is not None else adb.Adb(host)
