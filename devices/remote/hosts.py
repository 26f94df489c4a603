"""How a device is reached: given on the command line, or named once in the user's hosts.toml.

```toml
[kitchen-pi]            # any name; then `--host kitchen-pi` is enough
ssh = "pi@192.168.1.7"  # or a Host of ~/.ssh/config
board = "rpi4"          # optional: refuse to measure on another board
python = "python3.11"   # optional: the Python there
folder = "/mnt/ssd/edge-edet"   # optional: where things are put there
options = ["-p", "2222"]        # optional: further arguments for ssh
internet = false        # optional: send the wheels from here
environment = "/home/pi/venv"   # optional: your own, used as it is

[phone]
adb = "1A011FDEE006UW"  # the serial of `adb devices`
benchmark_model = "tools/android_aarch64_benchmark_model"
```
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.devices.boards import config_folder, read_toml
from edge_edet.errors import InputError

__all__ = ["Host", "find_host", "known_hosts"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
WORDS = {"ssh", "adb", "board", "python", "folder", "benchmark_model", "environment"}


@dataclass(frozen=True)
class Host:
    """One way to one device: exactly one of ssh, adb and emulated is set.

    Attributes
    ----------
    name
        What it is called: the name in hosts.toml, or the text that it was given as.
    ssh
        User@machine, or a Host of ~/.ssh/config.
    adb
        The serial of a phone.
    board
        The id of its board; measuring on another one is refused.
    python
        The Python there.
    folder
        Where things are put there.
    options
        Further arguments for ssh.
    internet
        Whether it installs packages by itself; if not, wheels are sent.
    environment
        A Python environment there that is used as it is.
    benchmark_model
        The path of TensorFlow's benchmark_model, for a phone.
    emulated
        The id of the board.
    """

    name: str
    ssh: str | None = None
    adb: str | None = None
    board: str | None = None
    python: str = "python3"
    folder: str = "~/.cache/edge-edet/board"
    options: tuple[str, ...] = ()
    internet: bool = True
    environment: str | None = None
    benchmark_model: str | None = None
    emulated: str | None = None  # the id of the board

    def describe(self) -> str:
        """Describe the way in a few words, such as "ssh pi@192.168.1.7, rpi4".

        Returns
        -------
        str
            One line.
        """
        way = f"ssh {self.ssh}" if self.ssh else f"adb -s {self.adb}"
        return f"{way}, {self.board}" if self.board else way

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return dataclasses.asdict(self)


def known_hosts(path: Path | None = None) -> dict[str, Host]:
    """Read the hosts of hosts.toml.

    Parameters
    ----------
    path
        The file; None: the one in the config folder.

    Returns
    -------
    dict
        Host by name; empty if there is no file.

    Raises
    ------
    InputError
        When the file is not valid, naming the file and the key.
    """
    path = config_folder() / "hosts.toml" if path is None else path
    if not path.exists():
        return {}
    return {name: _host(name, table, path) for name, table in read_toml(path).items()}


def find_host(text: str, hosts: dict[str, Host]) -> Host:
    """Find the host that a text stands for.

    Parameters
    ----------
    text
        A name of hosts.toml, adb:SERIAL, emulated:BOARD, or what ssh takes: user@machine, or a Host of
        ~/.ssh/config.
    hosts
        Those of hosts.toml.

    Returns
    -------
    Host
        The host.

    Raises
    ------
    InputError
        When ssh would take the text for an option, or for no host at all.
    """
    if text in hosts:
        return hosts[text]
    if text.startswith("adb:"):
        return Host(text, adb=text.removeprefix("adb:"))
    if text.startswith("emulated:"):
        return Host(text, emulated=text.removeprefix("emulated:"))
    return Host(text, ssh=_destination(text, "--host"))


def _destination(text: str, where: str) -> str:
    """Check a destination: what begins with a hyphen is an option to ssh, and options run commands."""
    if not text or text.startswith("-") or any(c.isspace() or not c.isprintable() for c in text):
        raise InputError(
            f"{where}: {text!r} is not a host: expected user@machine, a Host of ~/.ssh/config or a "
            f"name of {config_folder() / 'hosts.toml'}"
        )
    return text


def _host(name: str, table: Any, path: Path) -> Host:
    where = f"{path}, [{name}]"
    if not isinstance(table, dict) or not NAME.fullmatch(name):
        raise InputError(f"{path}: {name!r} must be a table, such as [kitchen-pi]")
    known = [
        field.name for field in dataclasses.fields(Host) if field.name not in ("name", "emulated")
    ]
    for key, value in table.items():
        if key == "device":
            raise InputError(f"{where}: 'device' is now 'board'")
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}: known are {', '.join(known)}")
        if key in WORDS and not (isinstance(value, str) and value):
            raise InputError(f"{where}: {key!r} must be a string, but is {value!r}")
        if key == "internet" and not isinstance(value, bool):
            raise InputError(f"{where}: {key!r} must be true or false, but is {value!r}")
        if key == "options" and not (
            isinstance(value, list) and all(isinstance(one, str) for one in value)
        ):
            raise InputError(f"{where}: {key!r} must be a list of strings, but is {value!r}")
    if ("ssh" in table) == ("adb" in table):
        raise InputError(f"{where}: expected one of 'ssh' and 'adb', the way to reach it")
    if "ssh" in table:
        _destination(table["ssh"], f"{where}, 'ssh'")
    return Host(name, **{**table, "options": tuple(table.get("options", ()))})
