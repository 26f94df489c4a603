"""What a conversion gives, and what it reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "Conversion",
    "ConvertedFile",
    "Event",
    "FileWritten",
    "Listener",
    "Note",
    "ParityReport",
    "SearchStep",
]


@dataclass(frozen=True)
class ParityReport:
    """The parity report of an INT8 model.

    Attributes
    ----------
    path
        Its page; `report.json` lies beside it.
    verdict, because
        In one word how the model compares with its float model, and the reason in a sentence.
    """

    path: Path
    verdict: str
    because: str


@dataclass(frozen=True)
class ConvertedFile:
    """One model that was written.

    Attributes
    ----------
    path
        The `.tflite`, `.xml` or `.onnx` file.
    variant, format, precision
        The network, and what it was written as.
    size_bytes
        Of all files of the model: an OpenVINO IR has two.
    operators
        How many the model has.
    non_integer_operators
        Of a `.tflite`; None for other formats.
    float_convolutions
        Of an INT8 OpenVINO IR; None for others.
    seconds
        Since the file before it, or since the variant was begun.
    parity
        Of an INT8 model that was compared with its float model.
    """

    path: Path
    variant: str
    format: str
    precision: str
    size_bytes: int
    operators: int
    non_integer_operators: int | None
    float_convolutions: int | None
    seconds: float
    parity: ParityReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what `edge-edet convert --json` prints; the parity report is not known yet then.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        found = {**vars(self), "path": str(self.path)}
        del found["parity"]
        return found


@dataclass(frozen=True)
class Conversion:
    """All that was written, in that order, and what there is to know about it.

    Attributes
    ----------
    files
        One entry for each model.
    notes
        Sentences: what was chosen or assumed, and what was found; each once.
    """

    files: tuple[ConvertedFile, ...]
    notes: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths of the files."""
        return tuple(file.path for file in self.files)


@dataclass(frozen=True)
class Note:
    """A sentence of `Conversion.notes`, as soon as it is known.

    Attributes
    ----------
    text
        One sentence.
    """

    text: str


@dataclass(frozen=True)
class SearchStep:
    """A line about the search within an accuracy budget.

    Attributes
    ----------
    text
        One line.
    """

    text: str


@dataclass(frozen=True)
class FileWritten:
    """A model is written; the comparison with its float model may follow.

    Attributes
    ----------
    file
        What was written.
    """

    file: ConvertedFile


Event = Note | SearchStep | FileWritten
Listener = Callable[[Event], None]
