"""The weights that a model is built from, and where they came from."""

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
    """Trained (or random) weights of one variant, ready to build. digest: of the tensors."""

    variant: Variant
    weights: Mapping[str, Array]
    labels: tuple[str | None, ...]
    provenance: dict[str, Any]
    digest: str
    notes: tuple[str, ...]  # a line each: what was chosen for the user, or assumed
    labels_note: str = ""  # where nothing but the person can name the classes

    @property
    def random(self) -> bool:
        return bool(self.provenance["random"])


def asset(name: str) -> Path:
    """A file of the installed package."""
    with as_file(files("edge_edet").joinpath("assets", name)) as path:
        return path


def weights_digest(weights: Mapping[str, Array]) -> str:
    """sha256 over the canonical tensors as float16: the same for a file and its float16 copy."""
    total = hashlib.sha256()
    for name in sorted(weights):
        total.update(f"{name} {weights[name].shape}".encode())
        total.update(half(weights[name]).tobytes())
    return total.hexdigest()
