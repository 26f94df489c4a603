"""The naming of each implementation of EfficientDet, mapped to the canonical one."""

from __future__ import annotations

from edge_edet.converters.checkpoints.families.automl import AUTOML, normalize_automl
from edge_edet.converters.checkpoints.families.effdet import EFFDET
from edge_edet.converters.checkpoints.families.effdet_models import (
    effdet_family,
    notes_on_name,
    own_changes,
)
from edge_edet.converters.checkpoints.families.network_prefix import take_network
from edge_edet.converters.checkpoints.families.tfod import TFOD
from edge_edet.converters.checkpoints.families.tfod_prepare import prepare_tfod
from edge_edet.converters.checkpoints.families.zylo117 import ZYLO117

__all__ = [
    "AUTOML",
    "EFFDET",
    "TFOD",
    "ZYLO117",
    "effdet_family",
    "normalize_automl",
    "notes_on_name",
    "own_changes",
    "prepare_tfod",
    "take_network",
]
