"""All profiles: the bundled ones and the user's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edge_edet.devices.boards.profile import DeviceProfile, read_profile
from edge_edet.errors import InputError

__all__ = ["BUNDLED", "HOST", "config_folder", "find_profile", "known_profiles"]

BUNDLED = Path(__file__).resolve().parents[1] / "profiles"
HOST = "host"


def config_folder() -> Path:
    """Find the folder of the user's own profiles (devices/*.toml) and hosts.toml.

    XDG_CONFIG_HOME/edge-edet, else ~/.config/edge-edet (XDG Base Directory Specification).

    Returns
    -------
    Path
        The folder, which need not exist.
    """
    given = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".config"
    return base / "edge-edet"


def known_profiles(extra: Sequence[Path] = ()) -> dict[str, DeviceProfile]:
    """Read all profiles.

    Parameters
    ----------
    extra
        Files besides the bundled ones and those of the config folder. Of two files with one name the
        later one counts, in this order.

    Returns
    -------
    dict
        Profile by id; "host", which stands for every other machine, is last.

    Raises
    ------
    InputError
        When a file is no valid profile.
    """
    own = sorted((config_folder() / "devices").glob("*.toml"))
    files = [*sorted(BUNDLED.glob("*.toml")), *own, *extra]
    profiles = {path.stem: read_profile(path) for path in files}
    host = profiles.pop(HOST)
    return {**profiles, HOST: host}  # last: for what is not recognized


def find_profile(name: str, profiles: dict[str, DeviceProfile]) -> DeviceProfile:
    """Look up a profile.

    Parameters
    ----------
    name
        The id of a board, such as rpi4.
    profiles
        The known profiles by id.

    Returns
    -------
    DeviceProfile
        The profile of that id.

    Raises
    ------
    InputError
        For an unknown id; the message lists all known ones.
    """
    if name not in profiles:
        known = ", ".join(profiles)
        raise InputError(
            f"unknown board {name!r}: known are {known}; list them with 'edge-edet devices'"
        )
    return profiles[name]
