"""Random weights: seeded, complete, and nothing in them is trivial."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights
from edge_edet.network.architecture import parameter_shapes
from edge_edet.variants import get_variant


@pytest.mark.parametrize("name", ["d0", "d7x", "lite0"])
def test_every_tensor_is_there_and_random(name):
    variant = get_variant(name)
    weights = random_weights(variant, 0)
    assert {key: array.shape for key, array in weights.items()} == parameter_shapes(variant)
    for key, array in weights.items():
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
        if key == "class_net.predict.conv_pw.bias":
            np.testing.assert_allclose(array, -math.log(99), rtol=1e-6)
        else:
            assert np.ptp(array) > 0, key
        if key.endswith("running_var"):
            assert array.min() > 0


def test_the_seed_decides():
    variant = get_variant("d0")
    one, same, other = (random_weights(variant, seed) for seed in (1, 1, 2))
    assert all((one[key] == same[key]).all() for key in one)
    assert not (one["backbone.conv_stem.weight"] == other["backbone.conv_stem.weight"]).any()
