"""Batch norm statistics fitted to pictures, so that seeded weights pass the picture on as trained ones do.

Behind a swish or a sum of many inputs the constant part of a channel outweighs what the picture moves:
with seeded statistics a network forgets its input. A golden keeps the statistics in coarse steps, one
byte or two each: they are part of the network, so that their rounding is no error.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

DEVIATIONS_PER_OCTAVE = 4  # steps of the standard deviation: powers of 2 ** (1/4)
MEANS_PER_DEVIATION = 8  # steps of the mean: eighths of the standard deviation
LEAST = 2.0**-16  # of a standard deviation
# In deviations, what is left of the mean: most values are then where swish and relu6 are nearly straight,
# and float32's rounding grows less from layer to layer.
SHIFT = 1.0


def textured_picture(size: int, seed: int) -> np.ndarray:
    """[1, size, size, 3] uint8: coarse, middle and fine patches over each other, the colours apart."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size, 3))
    for patch, strength in ((64, 90), (16, 60), (4, 50), (1, 30)):
        cells = random.uniform(0, 1, (-(-size // patch),) * 2 + (3,)) * strength
        total += np.kron(cells, np.ones((patch, patch, 1)))[:size, :size]
    total += np.array((40, 10, -20))
    return total.clip(0, 255).astype(np.uint8)[None]


def steps_of(mean: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means [c] and standard deviations [c] in steps, int16 each."""
    octaves = np.log2(np.maximum(deviation, LEAST))
    widths = np.rint(octaves * DEVIATIONS_PER_OCTAVE).astype(np.int16)
    rounded = 2.0 ** (widths / DEVIATIONS_PER_OCTAVE)
    return np.rint(mean / rounded * MEANS_PER_DEVIATION).astype(np.int16), widths


def statistics_of(means: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The other way: running mean and running variance, float32."""
    deviation = 2.0 ** (widths / DEVIATIONS_PER_OCTAVE)
    mean = (means / MEANS_PER_DEVIATION - SHIFT) * deviation
    return mean.astype(np.float32), (deviation**2).astype(np.float32)


def norms_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Name of each batch norm of a state dict -> its channels, by name."""
    end = ".running_var"
    return {n.removesuffix(end): shapes[n][0] for n in sorted(shapes) if n.endswith(end)}


def fitted_weights(
    weights: Mapping[str, np.ndarray], means: np.ndarray, widths: np.ndarray
) -> dict[str, np.ndarray]:
    """The weights with the stored steps of all batch norms, one after the other, as statistics."""
    found, start = dict(weights), 0
    for name, channels in norms_of({n: a.shape for n, a in weights.items()}).items():
        part = slice(start, start + channels)
        mean, variance = statistics_of(means[part], widths[part])
        found |= {f"{name}.running_mean": mean, f"{name}.running_var": variance}
        start += channels
    assert start == len(means) == len(widths)
    return found
