"""Which board a host turned out to be, against what its user called it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_edet.devices.boards import Evidence, find_profile, known_profiles, recognize
from edge_edet.devices.remote.transport import Board
from edge_edet.errors import BackendError

if TYPE_CHECKING:
    from edge_edet.devices.remote.hosts import Host

__all__ = ["identify"]


def identify(host: Host, evidence: Evidence, system: str) -> Board:
    """Recognize the board behind a host.

    Parameters
    ----------
    host
        Its `device`, where set, must be the board.
    evidence
        What the system there says about itself.
    system
        Such as "aarch64, Python 3.11.2".

    Raises
    ------
    BackendError
        When the board is another one than the host's `board`.
    InputError
        When there is no profile of that name.
    """
    profiles = known_profiles()
    match = recognize(evidence, profiles)[0]
    wanted = host.board
    if wanted is not None and find_profile(wanted, profiles) != match.profile:
        raise BackendError(
            f"{host.name} is called {wanted}, by --board or in hosts.toml, but it is "
            f"{match.profile.id} ({match.because}): correct the one or the other"
        )
    return Board(match.profile.id, match.because, system)
