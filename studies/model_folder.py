"""The folder of a study's model files: built when first needed, removed after their last use."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet import __version__
from edge_edet.errors import ModelFileError
from edge_edet.formats import NAMED_FORMATS, files_of
from edge_edet.manifest import read_manifest
from edge_edet.studies.study_networks import RunConfig

if TYPE_CHECKING:
    from edge_edet.output_files import Outputs
    from edge_edet.variants import Variant

__all__ = ["ModelFolder"]


class ModelFolder:
    """Model files with random weights under `folder`."""

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

    def path(self, variant: Variant, config: RunConfig) -> Path:
        """Return the path of a model file."""
        return (
            self.folder / f"{variant.name}-{config.precision}{NAMED_FORMATS[config.target].suffix}"
        )

    def make(self, variant: Variant, configs: Iterable[RunConfig]) -> None:
        """Build all files of a network at once, as they share weights and statistics."""
        from edge_edet.studies.study_model import StudyModel

        missing = {
            self.path(variant, config): config
            for config in configs
            if not self._is_there(self.path(variant, config), variant)
        }
        if missing:
            model = StudyModel(variant, self.seed, self.threads)
            for path, config in missing.items():
                model.write(path, config.target, config.precision, self.outputs)

    def drop(self, variant: Variant, config: RunConfig) -> None:
        """Remove a file that was built by a study, unless files are kept."""
        if self.keep or not self._is_there(self.path(variant, config), variant):
            return  # or a file of the person's own, which must stay
        for file in files_of(self.path(variant, config)):
            file.unlink(missing_ok=True)

    def _is_there(self, path: Path, variant: Variant) -> bool:
        """Return whether the file was built by a study, unlike a person's own of the same name."""
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
        """Return the multiply-adds of a network."""
        from edge_edet.studies.study_model import size

        return size(variant)[1]
