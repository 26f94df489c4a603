"""What the names of google/automl and of the Object Detection API have in common: Keras layers.

Both number their backbones as EfficientNet does, and below a layer's name both have the variables that
Keras gives it (tf-keras, layers/convolutional and layers/normalization/batch_normalization.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from edge_edet.converters.checkpoints.mapping import HWIM, HWIO, Source
from edge_edet.network import parameter_shapes
from edge_edet.variants import Variant

__all__ = ["EFFICIENTNETS", "layer_sources"]

# (width, depth) of a backbone -> its number, B0 or Lite0 and so on: automl's efficientnet_builder.py and
# efficientnet_lite_builder.py.
EFFICIENTNETS = {
    (1.0, 1.0): 0,
    (1.0, 1.1): 1,
    (1.1, 1.2): 2,
    (1.2, 1.4): 3,
    (1.4, 1.8): 4,
    (1.6, 2.2): 5,
    (1.8, 2.6): 6,
    (2.0, 3.1): 7,
}
_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def layer_sources(
    variant: Variant,
    layers: Mapping[str, str],
    fusion_weights: Callable[[str, int], Source],
) -> dict[str, Source]:
    """Find the variable of each canonical tensor.

    Parameters
    ----------
    variant
        Whose canonical tensors are asked for.
    layers
        Canonical module to the scope of its Keras layer. A depthwise and a pointwise convolution that are
        one separable layer have the same scope.
    fusion_weights
        Makes the source of a node's fusion weights from the scope of the node and its number of inputs.

    Returns
    -------
    dict
        Canonical name to the source, for all tensors of the variant.
    """
    return {
        name: _source(name, shape, layers, fusion_weights)
        for name, shape in parameter_shapes(variant).items()
    }


def _source(
    name: str,
    shape: tuple[int, ...],
    layers: Mapping[str, str],
    fusion_weights: Callable[[str, int], Source],
) -> Source:
    module, leaf = name.rsplit(".", 1)
    scope = layers[module]
    if leaf == "edge_weights":
        return fusion_weights(scope, shape[0])
    if re.search(r"(^|\.)bn\d?$", module):
        return Source((f"{scope}/{_BATCH_NORM[leaf]}",), shape)
    if leaf == "bias":
        return Source((f"{scope}/bias",), shape)
    if module.endswith(".conv_dw"):
        return Source.of(f"{scope}/depthwise_kernel", shape, HWIM)
    separable = module.endswith(".conv_pw") and not module.startswith("backbone.")
    return Source.of(f"{scope}/{'pointwise_' * separable}kernel", shape, HWIO)
