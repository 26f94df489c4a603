"""Whether an emulated core computes what the same runtime computes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["disagreement"]

# XNNPACK's integer kernels round alike everywhere: all outputs were equal on the cores that compute
# correctly, and up to 152 steps apart on one that does not. The margin is for a tie that is rounded the
# other way.
MOST_STEPS = 2
LEAST_EQUAL = 0.99
# Float kernels add in another order: 2e-6 of the range on D0 in float, 2e-2 where activations are made
# integers while running, since a tie moves a whole step.
MOST_OF_RANGE = 0.05


def disagreement(here: Sequence[npt.NDArray[Any]], there: Sequence[npt.NDArray[Any]]) -> str | None:
    """Return how the outputs of two processors differ, in a few words; None where they agree.

    Parameters
    ----------
    here, there
        Outputs of the same model for the same input, in the same order.

    Returns
    -------
    str | None
        A few words.
    """
    if [(a.shape, a.dtype) for a in here] != [(b.shape, b.dtype) for b in there]:
        return "its outputs have other shapes or types"
    for number, (a, b) in enumerate(zip(here, there, strict=True)):
        if a.size == 0:
            continue
        if a.dtype.kind in "iu":
            steps = np.abs(a.astype(np.int64) - b.astype(np.int64))
            equal = float((steps == 0).mean())
            if steps.max() > MOST_STEPS or equal < LEAST_EQUAL:
                return f"output {number} is up to {steps.max()} steps apart, {equal:.1%} of it is equal"
        elif a.dtype.kind == "f":
            if not np.isfinite(b).all():
                return f"output {number} is not finite"
            apart = float(np.abs(a.astype(np.float64) - b).max())
            span = float(a.max()) - float(a.min())
            if apart > MOST_OF_RANGE * span:
                return f"output {number} is up to {apart:.3g} apart, of a range of {span:.3g}"
        elif not np.array_equal(a, b):
            return f"output {number} differs"
    return None
