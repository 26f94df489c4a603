"""The folder of a study's model files: made when they are first wanted, removed after the last."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet import __version__
from edge_edet.errors import ModelFileError
from edge_edet.formats import NAMED_FORMATS, files_of
from edge_edet.manifest import read_manifest
from edge_edet.studies.items import Way

if TYPE_CHECKING:
    from edge_edet.output_files import Outputs
    from edge_edet.variants import Variant

__all__ = ["ModelFolder"]


class ModelFolder:
    """Files of random weights under `folder`."""

    def __init__(
        self,
        folder: Path,
        threads: int,
        *,
        seed: int = 0,
        keep: bool = False,
        outputs: Outputs | None = None,
    ):
        self.folder, self.threads, self.seed, self.keep = folder, threads, seed, keep
        self.outputs = outputs

    def path(self, variant: Variant, way: Way) -> Path:
        return self.folder / f"{variant.name}-{way.precision}{NAMED_FORMATS[way.target].suffix}"

    def make(self, variant: Variant, ways: Iterable[Way]) -> None:
        """Makes all files of a network at once: they share weights and statistics."""
        from edge_edet.studies.build import StudyModel

        missing = {
            self.path(variant, way): way
            for way in ways
            if not self._is_there(self.path(variant, way), variant)
        }
        if missing:
            model = StudyModel(variant, self.seed, self.threads)
            for path, way in missing.items():
                model.write(path, way.target, way.precision, self.outputs)

    def drop(self, variant: Variant, way: Way) -> None:
        if self.keep or not self._is_there(self.path(variant, way), variant):
            return  # or somebody's own, which nobody asked to be removed
        for file in files_of(self.path(variant, way)):
            file.unlink(missing_ok=True)

    def _is_there(self, path: Path, variant: Variant) -> bool:
        """Whether the file is of a study: a person's own of the same name is not."""
        if not path.is_file():
            return False
        try:
            manifest = read_manifest(path)
        except ModelFileError:
            return False
        weights = manifest.provenance.get("weights") or {}
        return (
            manifest.variant == variant
            and manifest.generator == f"edge-edet {__version__}"
            and (weights.get("random"), weights.get("seed")) == (True, self.seed)
        )

    @staticmethod
    @functools.cache
    def multiply_adds(variant: Variant) -> int:
        from edge_edet.studies.build import size

        return size(variant)[1]
