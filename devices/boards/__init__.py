"""Profiles of boards, and recognizing which board a machine is."""

from __future__ import annotations

from edge_edet.devices.boards.catalog import HOST, config_folder, find_profile, known_profiles
from edge_edet.devices.boards.profile import DeviceProfile, read_toml
from edge_edet.devices.boards.recognition import (
    Evidence,
    Match,
    parse_properties,
    read_evidence,
    recognize,
)

__all__ = [
    "HOST",
    "DeviceProfile",
    "Evidence",
    "Match",
    "config_folder",
    "find_profile",
    "known_profiles",
    "parse_properties",
    "read_evidence",
    "read_toml",
    "recognize",
]
