"""Errors of tensors, blocks and constants of an INT8 model against its float model."""

from __future__ import annotations

from edge_edet.converters.inspect.errors.block_error import BlockError, errors_of_blocks
from edge_edet.converters.inspect.errors.constants import (
    BAD_WEIGHTS_DB,
    ConstantError,
    compare_constants,
    stated_changes,
)
from edge_edet.converters.inspect.errors.error_sums import Doubles, decibels
from edge_edet.converters.inspect.errors.tensor_error import (
    Pixels,
    Sums,
    TensorError,
    by_harm,
    compare,
)

__all__ = [
    "BAD_WEIGHTS_DB",
    "BlockError",
    "ConstantError",
    "Doubles",
    "Pixels",
    "Sums",
    "TensorError",
    "by_harm",
    "compare",
    "compare_constants",
    "decibels",
    "errors_of_blocks",
    "stated_changes",
]
