"""Read trained checkpoints of every supported format into canonical weights."""

from __future__ import annotations

from edge_edet.converters.checkpoints.reader import Checkpoint, read_checkpoint
from edge_edet.converters.checkpoints.safetensors_file import write_safetensors
from edge_edet.converters.checkpoints.seeded_weights import random_weights
from edge_edet.converters.checkpoints.which_variant import find_variant

__all__ = ["Checkpoint", "find_variant", "random_weights", "read_checkpoint", "write_safetensors"]
