"""All targets that are known."""

from __future__ import annotations

from pathlib import Path

from edge_edet.devices.targets.target import Target, read_target
from edge_edet.errors import InputError

__all__ = ["BUNDLED", "find_target", "known_targets"]

ALSO = {"browser": "litertjs"}  # what people may call a target

BUNDLED = Path(__file__).resolve().parents[1] / "target_profiles"


def known_targets() -> dict[str, Target]:
    """Read all targets, by id.

    Returns
    -------
    dict[str, Target]
        Target by id.

    Raises
    ------
    InputError
        When a file is no valid target.
    """
    return {path.stem: read_target(path) for path in sorted(BUNDLED.glob("*.toml"))}


def find_target(name: str) -> Target:
    """Look up a target by its id or another name.

    Parameters
    ----------
    name
        The id of a target, such as frigate-cpu.

    Returns
    -------
    Target
        The target.

    Raises
    ------
    InputError
        For an unknown id; the message lists all known ones.
    """
    targets = known_targets()
    name = ALSO.get(name, name)
    if name not in targets:
        raise InputError(
            f"unknown target {name!r}: known are {', '.join(targets)}; list them with "
            "'edge-edet targets'"
        )
    return targets[name]
