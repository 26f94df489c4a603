"""The networks that the paper compares EfficientDet with, and the variants of its ablations."""

from __future__ import annotations

from edge_edet.studies.networks.catalog import comparators, feature_networks, fusions, scalings

__all__ = ["comparators", "feature_networks", "fusions", "scalings"]
