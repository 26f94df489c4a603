"""What every way to a device (a transport) can do, and what is known of the device once it answers."""

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
    because: str  # the evidence for it
    system: str  # such as "aarch64, Python 3.11.2"


class Transport(Protocol):
    """One device and the way to it: prepare, push, run, then close. Every error is an EdgeEdetError.

    Attributes
    ----------
    name
        As the user named the device.
    how
        What its numbers are: "measured", or "emulated", whose times mean nothing.
    program
        What `run` runs there: "edge-edet" or "benchmark_model".
    """

    name: str
    how: str
    program: str

    def prepare(self, extras: Sequence[str] = ("litert", "devices")) -> Board:
        """Connect to the device and install what `run` needs: edge-edet with these extras.

        Parameters
        ----------
        extras
            The extras of pyproject.toml to install with it.

        Returns
        -------
        Board
            What the board is.
        """

    def push(self, paths: Sequence[Path]) -> Mapping[Path, str]:
        """Send files and folders, unless their content is there already.

        Parameters
        ----------
        paths
            Files and folders here.

        Returns
        -------
        Mapping[Path, str]
            The path there of each.
        """

    def run(self, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Run the program and yield each JSON line that it prints, once and in order, as it comes.

        Closing the iterator early ends the program there too.

        Parameters
        ----------
        arguments
            Of edge-edet there.

        Returns
        -------
        Iterator[dict[str, Any]]
            A line, as parsed JSON.

        Raises
        ------
        BackendError
            When the program fails, with its last line.
        InputError
            When it ends with exit status 2.
        """

    def clean(self) -> int:
        """Remove everything that edge-edet put there.

        Returns
        -------
        int
            How many bytes were removed.
        """

    def close(self) -> None:
        """End the connection."""
