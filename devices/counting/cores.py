"""The cores whose instructions can be counted: those of the boards, and one of newer phones."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.devices.boards import find_profile, known_profiles
from edge_edet.devices.emulation import CPUS
from edge_edet.errors import InputError

__all__ = ["CORES", "Core", "find_core"]

# QEMU 7.2 has no Cortex-X and no switch for int8 matrix instructions alone: `max` has them, and the core of
# rpi5 is what a core without them runs. SVE and SME are off: their registers have another size on every
# chip, and with SME QEMU 7.2 computes INT8 convolutions wrongly.
NEWEST = "max,sme=off,sve=off"


@dataclass(frozen=True)
class Core:
    """A core to count on.

    Attributes
    ----------
    id, name
        Of the board, as rows have them.
    cpu
        What QEMU's -cpu takes.
    """

    id: str
    name: str
    cpu: str


CORES = {
    "cortex-x": Core("cortex-x", "Arm core with int8 matrix instructions (Cortex-X2)", NEWEST),
}
assert NEWEST in CPUS


def find_core(board: str) -> Core:
    """Find the core that stands in for a board's.

    Parameters
    ----------
    board
        Id of the board.

    Returns
    -------
    Core
        The core.

    Raises
    ------
    InputError
        When the board is unknown, or QEMU has no core like its own.
    """
    if board in CORES:
        return CORES[board]
    profiles = known_profiles()
    can = [one.id for one in profiles.values() if one.emulated_cpu]
    if board not in profiles:
        raise InputError(
            f"no core to count on is called {board!r}: known are {', '.join([*can, *CORES])}"
        )
    profile = find_profile(board, profiles)
    if profile.emulated_cpu is None:
        raise InputError(
            f"{profile.id} cannot be emulated, so that nothing can be counted: cores to count on are "
            f"{', '.join([*can, *CORES])}"
        )
    return Core(profile.id, profile.name, profile.emulated_cpu)
