"""The weights that a model is built from, and where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from edge_edet.converters.int8 import half
from edge_edet.network import Array
from edge_edet.variants import Variant


@dataclass(frozen=True)
class Source:
    """Trained or random weights of one variant, ready to build.

    Attributes
    ----------
    variant
        The variant, with the number of classes and the image size to build.
    weights
        Tensors by canonical name.
    labels
        Class names in order; None for a class without a name.
    provenance
        JSON values that describe where the weights come from, for the manifest.
    digest
        `weights_digest` of the tensors.
    notes
        Lines for the user: what was chosen for them, or assumed.
    labels_note
        What to do if no file names the classes; else empty.
    """

    variant: Variant
    weights: Mapping[str, Array]
    labels: tuple[str | None, ...]
    provenance: dict[str, Any]
    digest: str
    notes: tuple[str, ...]
    labels_note: str = ""

    @property
    def random(self) -> bool:
        """Whether the weights are random."""
        return bool(self.provenance["random"])


def asset(name: str) -> Path:
    """Return the path of a file in the installed package's assets.

    Parameters
    ----------
    name
        Of the file.

    Returns
    -------
    Path
        The path.
    """
    with as_file(files("edge_edet").joinpath("assets", name)) as path:
        return path


def weights_digest(weights: Mapping[str, Array]) -> str:
    """Return the sha256 over the tensors as float16: a file and its float16 copy have the same.

    Parameters
    ----------
    weights
        Tensors by canonical name.

    Returns
    -------
    str
        64 hexadecimal digits, over each name and shape with its values, sorted by name.
    """
    total = hashlib.sha256()
    for name in sorted(weights):
        total.update(f"{name} {weights[name].shape}".encode())
        total.update(half(weights[name]).tobytes())
    return total.hexdigest()
