"""The profiles that there are: bundled ones, and those that the user added."""

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
    """Where the user's own profiles (devices/*.toml) and hosts.toml are, after XDG's rules."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".config"
    return base / "edge-edet"


def known_profiles(extra: Sequence[Path] = ()) -> dict[str, DeviceProfile]:
    """id -> profile, in order: bundled, of the config folder, then the files given.

    A later file of the same name replaces an earlier profile. Raises InputError for a file that
    is no profile.
    """
    own = sorted((config_folder() / "devices").glob("*.toml"))
    files = [*sorted(BUNDLED.glob("*.toml")), *own, *extra]
    profiles = {path.stem: read_profile(path) for path in files}
    host = profiles.pop(HOST)
    return {**profiles, HOST: host}  # last: what is not recognised


def find_profile(name: str, profiles: dict[str, DeviceProfile]) -> DeviceProfile:
    """Raises InputError for a name that is not known."""
    if name not in profiles:
        known = ", ".join(profiles)
        raise InputError(
            f"unknown device {name!r}: known are {known}; list them with 'edge-edet devices'"
        )
    return profiles[name]
