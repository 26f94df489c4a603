"""Graphs to self-describing model files, in each format."""

from __future__ import annotations

from edge_edet.converters.write.model_writer import ModelArtifact, ModelWriter, write_checked

__all__ = ["ModelArtifact", "ModelWriter", "write_checked"]
