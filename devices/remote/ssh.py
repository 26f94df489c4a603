"""The transport "ssh": a board reached with the user's own OpenSSH client, keys and config."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from edge_edet.devices.boards import known_profiles
from edge_edet.devices.remote.agent_transport import AgentTransport
from edge_edet.devices.remote.channel import GIVE_UP_S, READ_BY_SHELL, Channel, bootstrap, readable
from edge_edet.errors import BackendError

if TYPE_CHECKING:
    from edge_edet.devices.remote.hosts import Host
    from edge_edet.errors import EdgeEdetError

__all__ = ["connect", "explain"]

# No questions, because nobody may be there to answer. A dead network is noticed within 15 s.
OPTIONS = (
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=3",
)
SSH_FAILED = 255  # ssh's own exit status
NOT_FOUND = 127  # a shell's
MOST_SAID = 200  # characters of one line


def connect(host: Host, patience_s: float = GIVE_UP_S) -> AgentTransport:
    """Make the transport to a host; no connection is opened before its first use.

    Parameters
    ----------
    host
        Its ssh is the destination.
    patience_s
        How long to try to connect again after the connection broke.
    """
    assert host.ssh is not None
    code, program = bootstrap(host.folder)
    there = f"exec {_unquoted(host.python)} -c {shlex.quote(code)}"
    command = ["ssh", *OPTIONS, *host.options, "--", host.ssh, there]
    channel = Channel(command, program, host.name, lambda *said: explain(host, *said), patience_s)
    return AgentTransport(host, channel)


def _unquoted(python: str) -> str:
    """Leave a leading ~ to the shell there; quote what else needs it."""
    if re.fullmatch(r"[\w./~+-]+", python):
        return python
    return shlex.quote(python)


def explain(host: Host, status: int, said: str, came: str = "", why: str = "") -> EdgeEdetError:
    """Make one line of what ssh, or the shell there, wrote before the agent answered.

    Parameters
    ----------
    host
        The host that was tried.
    status
        The exit status of ssh; 255 is ssh's own failure.
    said
        What came on stderr.
    came
        A description of what came on stdout.
    why
        Why the connection was ended; "": it ended by itself.

    Returns
    -------
    EdgeEdetError
        To be raised.
    """
    name = host.name
    call = shlex.join(["ssh", *host.options, str(host.ssh)])
    lines = [words for one in said.splitlines() if (words := readable(one, MOST_SAID))]
    last = lines[-1] if lines else ""
    if status == NOT_FOUND and "No such file or directory: 'ssh'" in said:
        return BackendError("there is no ssh on this machine: 'apt install openssh-client'")
    if not why and _lacks_python(host.python, status, said):
        return BackendError(
            f"{name} has no {host.python}: install it there, or name another in hosts.toml with "
            "python = '...'"
        )
    if status == READ_BY_SHELL:
        return BackendError(
            f"{name} starts another shell at login and drops the command: does a start-up file there, "
            f"such as .bashrc, end with 'exec'? '{call} {host.python} -V' must print a version"
        )
    for sign, of_ssh, text in (
        (
            "Could not resolve hostname",
            True,
            f"unknown host {host.ssh!r}: it has no address{_about_name(host)}",
        ),
        (
            "Permission denied",
            True,
            f"{name} refuses the login: it accepts none of ssh's keys; try "
            f"'{call}', or copy yours there with 'ssh-copy-id {host.ssh}'",
        ),
        (
            "Host key verification failed",
            True,
            f"{name} is unknown to ssh, or another machine than before: its "
            f"host key is not the one in known_hosts; {_about_key(host, said)}look with '{call}'",
        ),
        ("No space left on device", False, f"{name} has no space left on device"),
    ):
        if sign in said and (status == SSH_FAILED or not of_ssh):
            return BackendError(text)
    if status == SSH_FAILED and not why:
        parts = [f"cannot be reached: {last or 'ssh gives no reason'}"]
    else:
        parts = [why or f"does not answer as expected: it ended with status {status}"]
    if status != SSH_FAILED or came:
        parts.append(_instead(last, came))
    look = call if status == SSH_FAILED else f"{call} {host.python} -V"
    if re.search(r"password (change required|has expired|expired)", said + came, re.IGNORECASE):
        return BackendError(f"{name} {'; '.join(parts)}; log in with '{call}' and set a new one")
    return BackendError(f"{name} {'; '.join(parts)}; look with '{look}'")


def _instead(last: str, came: str) -> str:
    """Say what came instead of an answer. last: the last line of stderr."""
    if last and came:
        return f"what came instead: {came}, and on stderr '{last}'"
    if last or came:
        return f"what came instead: {came or repr(last)}"
    return "nothing came"


def _lacks_python(python: str, status: int, said: str) -> bool:
    """Check for the messages of the shells; csh does not even end with 127."""
    called = re.escape(python.rpartition("/")[2])
    missing = (
        rf"{called}: ([Cc]ommand )?not found|not found: .*{called}|Unknown command:? .*{called}"
    )
    return (status == NOT_FOUND and not said.strip()) or re.search(missing, said) is not None


def _about_key(host: Host, said: str) -> str:
    if "IDENTIFICATION HAS CHANGED" not in said:
        return ""
    machine = str(host.ssh).rpartition("@")[2]
    return f"if it was set up anew, remove the old key with 'ssh-keygen -R {machine}'; "


def _about_name(host: Host) -> str:
    if host.ssh not in known_profiles():
        return ""
    return f"; {host.ssh} is a kind of board, a host is such as pi@192.168.1.7"
