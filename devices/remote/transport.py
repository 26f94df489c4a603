"""What every way to a device can do, and what is known of the device once it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Board", "Transport"]


@dataclass(frozen=True)
class Board:
    """The device that answered."""

    device: str  # the id of its profile
    because: str  # what told so
    system: str  # such as "aarch64, Python 3.11.2"


class Transport(Protocol):
    """One device and the way to it. Use in this order; every error is an EdgeEdetError.

    name: as the user named it. how: what its numbers are, "measured" or "emulated"; times of an
    emulated device mean nothing. program: what `run` runs there, "edge-edet" or "benchmark_model".
    """

    name: str
    how: str
    program: str

    def prepare(self, extras: Sequence[str] = ("litert", "devices")) -> Board:
        """Reaches the device and makes ready what `run` needs: edge-edet with these extras."""

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Where each file or folder is there. Sent once: known by its content, not by its name."""

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Each JSON line that the program prints, once and in order, as it comes.

        Raises BackendError, or InputError for exit status 2, with the program's last line, where
        the program fails. Closing the iterator early ends the program there too.
        """

    def clean(self) -> int:
        """Removes all that was ever put there; how many bytes that were."""

    def close(self) -> None:
        """Ends the connection."""
