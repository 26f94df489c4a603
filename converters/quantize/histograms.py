"""What calibration keeps of a tensor: a histogram over float16 bit patterns, and channel extremes.

A float16's upper bits are a logarithmic scale: with 12 bits kept, a bin is 1.6 % wide at any
magnitude. So one pass needs no range beforehand, counts of two pictures add up, and the error of any
int8 grid, also after an activation, can be computed later from the histogram alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import FLOAT16_MAX
from edge_edet.errors import InputError
from edge_edet.network import Array, Graph

DROPPED_BITS = 4
BINS = 65536 >> DROPPED_BITS
MAX_SAMPLES = 1 << 16  # values of one tensor and picture that enter the histogram

Doubles = npt.NDArray[np.float64]


def bin_centers() -> Doubles:
    """Return the value in the middle of each bin; infinities and NaN patterns become the largest float16."""
    bits = (np.arange(BINS) << DROPPED_BITS | 1 << (DROPPED_BITS - 1)).astype(np.uint16)
    centers = bits.view(np.float16).astype(np.float64)
    return np.where(np.isfinite(centers), centers, np.copysign(FLOAT16_MAX, centers))


CENTERS = bin_centers()


@dataclass
class Statistics:
    """Of one tensor over all pictures.

    counts: [BINS], how many sampled values fell into each bin; low, high: exact extremes;
    channel_low, channel_high: [channels], each picture's extremes, averaged over the pictures.

    Attributes
    ----------
    counts
        [BINS], how many sampled values fell into each bin.
    low
        The smallest value.
    high
        The largest value.
    channel_low
        [channels], each picture's smallest, averaged over the pictures.
    channel_high
        [channels], each picture's largest, averaged over the pictures.
    pictures
        How many were seen.
    """

    counts: npt.NDArray[np.int64]
    low: float
    high: float
    channel_low: Doubles
    channel_high: Doubles
    pictures: int

    @classmethod
    def empty(cls, channels: int) -> Statistics:
        """Return the statistics of a tensor of which nothing was seen yet.

        Parameters
        ----------
        channels
            Of the tensor.

        Returns
        -------
        Statistics
            Of 0 pictures.
        """
        zeros = np.zeros(channels)
        return cls(np.zeros(BINS, np.int64), np.inf, -np.inf, zeros, zeros.copy(), 0)

    def add(self, values: Array) -> None:
        """Take in one picture's tensor [1, h, w, channels].

        Parameters
        ----------
        values
            [1, height, width, channels].

        Raises
        ------
        InputError
            For NaN and infinity.
        """
        flat = values.reshape(-1, values.shape[-1])
        low, high = flat.min(axis=0), flat.max(axis=0)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise InputError(
                "the float network gives values that are not finite: its weights are not those of "
                "a trained detector"
            )
        self.low, self.high = min(self.low, float(low.min())), max(self.high, float(high.max()))
        self.pictures += 1
        self.channel_low += (low - self.channel_low) / self.pictures
        self.channel_high += (high - self.channel_high) / self.pictures
        step = -(-flat.size // MAX_SAMPLES)
        while step > 1 and np.gcd(step, flat.shape[1]) != 1:
            step += 1  # else some channels would never be sampled
        sample = np.clip(flat.reshape(-1)[::step], -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
        self.counts += np.bincount(sample.view(np.uint16) >> DROPPED_BITS, minlength=BINS)


def merged(parts: list[Statistics]) -> Statistics:
    """Return the statistics of several tensors that share one grid."""
    return Statistics(
        np.sum([part.counts for part in parts], axis=0),
        min(part.low for part in parts),
        max(part.high for part in parts),
        np.min([part.channel_low for part in parts], axis=0),
        np.max([part.channel_high for part in parts], axis=0),
        sum(part.pictures for part in parts),
    )


def with_passed(graph: Graph, statistics: Mapping[str, Statistics]) -> dict[str, Statistics]:
    """Return the statistics, and those of tensors that only pass values on (of a max pool: at most these)."""
    found = dict(statistics)
    for node in graph.nodes:
        parts = [found[name] for name in node.inputs if name in found]
        if len(parts) < len(node.inputs):
            continue
        if node.op in ("maxpool", "resize"):
            found[node.name] = parts[0]
        elif node.op == "concat" and node.attrs.get("axis") == 3:
            found[node.name] = Statistics(
                np.sum([part.counts for part in parts], axis=0),
                min(part.low for part in parts),
                max(part.high for part in parts),
                np.concatenate([part.channel_low for part in parts]),
                np.concatenate([part.channel_high for part in parts]),
                parts[0].pictures,
            )
    return found
