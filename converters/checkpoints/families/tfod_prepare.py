"""Prepare a checkpoint of the Object Detection API for mapping, by the pipeline.config beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_edet.converters.checkpoints.families.tfod import TFOD, arrange_tfod
from edge_edet.converters.checkpoints.families.tfod_pipeline import (
    NAME,
    PUBLISHED,
    find_pipeline,
    read_pipeline,
)
from edge_edet.converters.checkpoints.tensorflow import choose_averages
from edge_edet.converters.facts import Fact, settle
from edge_edet.errors import CheckpointError
from edge_edet.variants import IMAGENET_MEAN, IMAGENET_STD, Variant

__all__ = ["Prepared", "prepare_tfod"]

# ssd_efficientnet_bifpn_feature_extractor.py, `preprocess`, before resizing and padding with zeros
_CODE = Fact("the Object Detection API", {"mean": IMAGENET_MEAN, "std": IMAGENET_STD})


@dataclass(frozen=True)
class Prepared:
    """Tensors in our order, what the configuration says about the training, and notes for the user."""

    tensors: dict[str, NDArray[Any]]
    fact: Fact
    notes: tuple[str, ...]


def prepare_tfod(
    tensors: Mapping[str, NDArray[Any]], prefix: Path, published: Variant, facts: Sequence[Fact]
) -> Prepared:
    """Arrange the tensors of a checkpoint as `TFOD` expects them.

    Parameters
    ----------
    tensors
        Of the checkpoint.
    prefix
        Its path, to find the pipeline.config.
    published
        The variant as the API has it.
    facts
        What else is known about the training.

    Returns
    -------
    Prepared
        Tensors and variant.

    Raises
    ------
    CheckpointError
        When the pipeline.config is broken, describes another network, or contradicts a fact or the head.
    """
    notes = []
    path = find_pipeline(prefix)
    pipeline = PUBLISHED
    if path is not None:
        pipeline = read_pipeline(path, published)
    else:
        codes = ", ".join(f"{scale:g}" for scale in pipeline.box_scales)
        notes.append(f"no {NAME} beside it: box codes taken as the published ones, times {codes}")
    fact = pipeline.fact or _CODE
    chosen, averaged = choose_averages(tensors, pipeline.averages)
    if averaged:
        taken = "moving averages" if pipeline.averages else "weights as trained, not the averages"
        said = "says" if pipeline.averages else "does not say"
        notes.append(f"took the {taken}: its {NAME} {said} use_moving_averages in eval_config")
    trained = settle(published, [*facts, fact])
    arranged = arrange_tfod(chosen, trained, pipeline)
    bias = arranged.get(TFOD.class_bias)
    if bias is not None and pipeline.num_classes is not None:
        classes, rest = divmod(bias.size, trained.anchors_per_position)
        if not rest and classes != pipeline.num_classes:
            raise CheckpointError(
                f"is contradictory: its {NAME} says num_classes {pipeline.num_classes}, its class head "
                f"has {classes}: give the {NAME} that it was trained with"
            )
    return Prepared(arranged, fact, tuple(notes))
