"""Seeded values for every tensor of a network, by name alone: a golden needs no weights file."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping

import numpy as np

_FUSION = re.compile(r"\.(edge_weights|p\d_w\d)$")  # effdet's name; zylo117's name


def seeded_weights(
    shapes: Mapping[str, tuple[int, ...]], gains: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """A float32 array for each name -> shape of a PyTorch state dict.

    The generator of a tensor is seeded with the CRC-32 of its name. Batch norms (whatever has a
    running_var beside it) get scales and variances from 0.5 to 1.5, shifts and means of spread
    0.2; fusion weights lie between 0.2 and 1.5; biases have spread 0.1 and kernels [out, in, ...]
    gain / sqrt(fan in). gains maps the first part of a name ("backbone", "fpn", ...) to the gain
    of its kernels, 1 where it has none.
    """
    gains = gains or {}
    return {
        name: _values(name, tuple(shape), f"{name.rpartition('.')[0]}.running_var" in shapes)
        * np.float32(gains.get(name.partition(".")[0], 1) if len(shape) > 1 else 1)
        for name, shape in shapes.items()
    }


def _values(name: str, shape: tuple[int, ...], batch_norm: bool) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    part = name.rpartition(".")[2]
    if _FUSION.search(name):
        values = random.uniform(0.2, 1.5, shape)
    elif batch_norm and part in ("weight", "running_var"):
        values = random.uniform(0.5, 1.5, shape)
    elif batch_norm:
        values = random.normal(0, 0.2, shape)
    elif part == "bias":
        values = random.normal(0, 0.1, shape)
    else:
        values = random.normal(0, 1 / math.sqrt(math.prod(shape[1:])), shape)
    return values.astype(np.float32)
