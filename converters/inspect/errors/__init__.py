"""Errors of tensors, blocks and constants of an INT8 model against its float model."""

from __future__ import annotations

from edge_edet.converters.inspect.errors.block_error import BlockError, block_errors
from edge_edet.converters.inspect.errors.constants import (
    BAD_WEIGHTS_DB,
    ConstantError,
    compare_constants,
    stated_changes,
)
from edge_edet.converters.inspect.errors.error_sums import Doubles, decibels
from edge_edet.converters.inspect.errors.tensor_error import (
    Pixels,
    TensorError,
    TensorSums,
    by_harm,
    tensor_errors,
)

__all__ = [
    "BAD_WEIGHTS_DB",
    "BlockError",
    "ConstantError",
    "Doubles",
    "Pixels",
    "TensorError",
    "TensorSums",
    "block_errors",
    "by_harm",
    "compare_constants",
    "decibels",
    "stated_changes",
    "tensor_errors",
]
