"""Where a row comes from: this machine, a board that can be reached, or an estimate."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_edet.benchmarks.rows import DeviceName
from edge_edet.devices.boards import HOST, find_profile, known_profiles, read_evidence, recognize
from edge_edet.devices.remote import Host, find_host, known_hosts
from edge_edet.errors import InputError
from edge_edet.system import this_machine

__all__ = ["Place", "find_places", "name_device"]


@dataclass(frozen=True)
class Place:
    """Where rows come from.

    Attributes
    ----------
    kind
        This machine, a host, or an estimate.
    device
        The machine; None for a host, which is asked once it is reached.
    host
        How a "remote" one is reached.
    """

    kind: Literal["local", "remote", "estimate"]
    device: DeviceName | None
    host: Host | None = None


def find_places(devices: Sequence[str], hosts: Sequence[str]) -> list[Place]:
    """Find a place for each board or host that was named; this machine where none was.

    A board is measured here where this machine is one, else through the hosts of hosts.toml that are
    listed as one, else it is estimated.

    Parameters
    ----------
    devices
        Ids of boards.
    hosts
        As --host has them.

    Returns
    -------
    list[Place]
        In the order in which they were named.

    Raises
    ------
    InputError
        For an unknown board, a host that is given twice, or several boards with --host.
    """
    profiles = known_profiles()
    named = known_hosts()
    for device in devices:
        find_profile(device, profiles)
    if hosts:
        if len(devices) > 1:
            raise InputError(
                "with --host give one --board at most: which host is which board would not be clear"
            )
        twice = [text for text in hosts if hosts.count(text) > 1]
        if twice:
            raise InputError(
                f"--host {twice[0]!r} is given twice: a board runs one thing at a time"
            )
        found = [find_host(text, named) for text in hosts]
        if devices:
            found = [dataclasses.replace(host, board=devices[0]) for host in found]
        return [Place("remote", None, host) for host in found]
    here = [match.profile.id for match in recognize(read_evidence(), profiles)]
    if not devices:
        return [Place("local", name_device(here[0]))]
    places = []
    for device in devices:
        behind = [host for host in named.values() if host.board == device]
        if device in here or device == HOST:
            places.append(Place("local", name_device(device)))
        elif behind:
            places += [Place("remote", None, host) for host in behind]
        else:
            places.append(Place("estimate", name_device(device)))
    return places


def name_device(device: str) -> DeviceName:
    """Name a board by its profile; `host`, and a board without a profile, by the machine's own name.

    Parameters
    ----------
    device
        Id of the board.

    Returns
    -------
    DeviceName
        Id and name, as rows have them.
    """
    profile = known_profiles().get(device)
    if profile is None or device == HOST:
        machine = this_machine()
        return DeviceName(device, machine.board or machine.cpu)
    return DeviceName(device, profile.name)
