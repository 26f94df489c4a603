"""All targets that are known."""

from __future__ import annotations

from pathlib import Path

from edge_edet.devices.targets.target import Target, read_target
from edge_edet.errors import InputError

__all__ = ["ALSO", "BUNDLED", "find_target", "known_targets", "taken_as"]

# what people may call a target: the one that is meant, and others of that name
ALSO = {
    "browser": ("litertjs",),
    "frigate": ("frigate-cpu", "frigate-edgetpu", "frigate-openvino"),
    "pycoral": ("edgetpu",),
}

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
    found = ALSO[name][0] if name in ALSO else name
    if found not in targets:
        raise InputError(
            f"unknown target {name!r}: known are {', '.join(targets)}, also called "
            f"{', '.join(ALSO)}; list them with 'edge-edet targets'"
        )
    return targets[found]


def taken_as(name: str) -> str | None:
    """Say which target another name stands for.

    Parameters
    ----------
    name
        As a user gave it.

    Returns
    -------
    str or None
        One sentence, with the other targets of that name; None for a target's own id.
    """
    if name not in ALSO:
        return None
    meant, *others = ALSO[name]
    more = f"; there are also {' and '.join(others)}" if others else ""
    return f"{name!r} is taken as {meant}{more}"
