"""The transport "ssh": a board reached with the person's own OpenSSH client, keys and config."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from edge_edet.devices.agent_transport import AgentTransport
from edge_edet.devices.channel import GIVE_UP_S, Channel, bootstrap
from edge_edet.errors import BackendError

if TYPE_CHECKING:
    from edge_edet.devices.hosts import Host
    from edge_edet.errors import EdgeEdetError

__all__ = ["connect", "explain"]

# No questions: nobody may be there to answer. A silent network shows within 15 s.
OPTIONS = (
    "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
    "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
)  # fmt: skip
SSH_FAILED = 255  # ssh's own exit status
NOT_FOUND = 127  # a shell's


def connect(host: Host, patience_s: float = GIVE_UP_S) -> AgentTransport:
    """Nothing is opened before it is used. patience_s: how long to try after a broken connection."""
    assert host.ssh is not None
    code, program = bootstrap(host.folder)
    there = f"exec {_unquoted(host.python)} -c {shlex.quote(code)}"
    command = ["ssh", *OPTIONS, *host.options, "--", host.ssh, there]
    channel = Channel(command, program, host.name, lambda *said: explain(host, *said), patience_s)
    return AgentTransport(host, channel)


def _unquoted(python: str) -> str:
    """A leading ~ stays the shell's business."""
    if re.fullmatch(r"[\w./~+-]+", python):
        return python
    return shlex.quote(python)


def explain(host: Host, status: int, said: str) -> EdgeEdetError:
    """One line for what ssh, or the shell there, wrote before the agent could speak."""
    name, login = host.name, f"'ssh {host.ssh}'"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit status {status}, without a word"
    if status == NOT_FOUND and "No such file or directory: 'ssh'" in said:
        return BackendError("there is no ssh here: 'apt install openssh-client'")
    if status == NOT_FOUND:
        return BackendError(
            f"{name} has no {host.python}: install it there, or name another in hosts.toml with "
            "python = '...'"
        )
    for sign, text in (
        ("Could not resolve hostname", f"unknown host {host.ssh!r}: no address is known for it"),
        ("Permission denied", f"{name} refuses the login: it knows none of ssh's keys; try {login}, "
         f"or bring yours there with 'ssh-copy-id {host.ssh}'"),
        ("Host key verification failed", f"{name} is unknown to ssh, or not what it was: its host "
         f"key is not the one in known_hosts; look with {login}"),
        ("No space left on device", f"{name} has no space left on device"),
    ):  # fmt: skip
        if sign in said:
            return BackendError(text)
    what = "cannot be reached" if status == SSH_FAILED else "does not answer as expected"
    return BackendError(f"{name} {what}: {last}; look with {login}")
