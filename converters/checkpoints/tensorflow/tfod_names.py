"""Recognize checkpoints of the Object Detection API, and name their variables by paths below the model.

TF2: keys follow Python attributes, below the detection model, which a training loop calls `model`, or
below the optimizer, where that keeps the model's variables too. TF1: scopes of slim's feature extractors
and box predictors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from edge_edet.converters.checkpoints.tensorflow.object_graph import paths_below
from edge_edet.errors import CheckpointError

__all__ = ["choose_averages", "refuse_other_networks", "tfod_names"]

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = "/.OPTIMIZER_SLOT/"
_AVERAGE = "/average"  # official/modeling/optimization/ema_optimizer.py, the slot's name
_PARTS = frozenset({"_feature_extractor", "_box_predictor"})
_MODEL = re.compile(r"^(?:[^/]+/)?(?=(?:_feature_extractor|_box_predictor)/)")
_EFFICIENTDET = re.compile(r"(^|/)_feature_extractor/_bifpn_stage/")

# Part of the names of only one of the API's other networks -> what it is.
_OTHERS = {
    r"(^|/)_prediction_head_dict/": "CenterNet",
    r"(^|/)(_feature_extractor_for_proposal_features|_first_stage_box_predictor)": "Faster R-CNN",
    r"^(First|Second)Stage\w+/": "Faster R-CNN, trained in TensorFlow 1",
    r"(^|/)_feature_extractor/_fpn_features_generator/": "an SSD with a feature pyramid (FPN)",
    r"^FeatureExtractor/\w+/": "an SSD, trained in TensorFlow 1",
    r"(^|/)(_feature_extractor|_box_predictor)/": "an SSD of another backbone",
}


def _kind(names: Iterable[str]) -> str | None:
    """Find out which of the API's networks has these names; None: none of them."""
    listed = list(names)
    if any(_EFFICIENTDET.search(name) for name in listed):
        return "EfficientDet"
    for pattern, kind in _OTHERS.items():
        if any(re.search(pattern, name) for name in listed):
            return kind
    return None


def refuse_other_networks(names: Iterable[str]) -> None:
    """Raise CheckpointError for the API's networks other than EfficientDet, naming the network."""
    kind = _kind(names)
    if kind not in (None, "EfficientDet"):
        raise CheckpointError(
            f"is a checkpoint of the TensorFlow Object Detection API, but of {kind}: expected one of its "
            "EfficientDets, ssd_efficientdet_d0 to d7"
        )


def tfod_names(keys: Iterable[str], graph: bytes | None) -> dict[str, str] | None:
    """Map checkpoint keys to paths below the model, of its variables and their moving averages.

    Parameters
    ----------
    keys
        Of the checkpoint.
    graph
        Its object graph; without one, or without a model in it, the paths are taken from the keys.

    Returns
    -------
    dict or None
        None: the checkpoint is not the API's.

    Raises
    ------
    CheckpointError
        For another network of the API, and for two models.
    """
    found = paths_below(graph, _PARTS, _AVERAGE[1:]) if graph is not None else None
    if found is not None:
        refuse_other_networks(found.values())
        return found
    if _kind(keys) is None:
        return None
    names: dict[str, str] = {}
    for key in keys:
        variable = key.removesuffix(_VALUE)
        before, slot, after = variable.partition(_SLOT)
        if slot and not after.endswith(_AVERAGE):
            continue
        name, count = _MODEL.subn("", before + _AVERAGE * bool(slot))
        if count:
            names[key] = name
    if len(set(names.values())) != len(names):
        raise CheckpointError("holds two models: save only one of them")
    return names


def choose_averages(
    tensors: Mapping[str, NDArray[Any]], averages: bool
) -> tuple[dict[str, NDArray[Any]], bool]:
    """Choose the tensors to evaluate with.

    Parameters
    ----------
    tensors
        Of the checkpoint, averages among them as `NAME/average`.
    averages
        Whether to take the moving averages, as the API's evaluation does if eval_config says
        use_moving_averages.

    Returns
    -------
    tensors : dict
        Without averages beside them.
    averaged : bool
        Whether the checkpoint has moving averages.
    """
    own = {name: array for name, array in tensors.items() if not name.endswith(_AVERAGE)}
    smooth = {
        name.removesuffix(_AVERAGE): array
        for name, array in tensors.items()
        if name.endswith(_AVERAGE)
    }
    return (own | smooth if averages else own), bool(smooth)
