"""Read the pipeline.config beside a checkpoint of the Object Detection API: how it was trained.

Fields and their defaults: tensorflow/models research/object_detection/protos (ssd.proto, fpn.proto,
box_predictor.proto, hyperparams.proto, image_resizer.proto, post_processing.proto, optimizer.proto,
eval.proto). Values that edge-edet cannot build are refused, by the name of the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_edet.converters.checkpoints.families.tensorflow_layers import EFFICIENTNETS
from edge_edet.converters.checkpoints.file_bytes import read_limited
from edge_edet.converters.checkpoints.tensorflow import MAX_TEXT_BYTES, Message, parse_text
from edge_edet.converters.facts import Fact
from edge_edet.errors import CheckpointError
from edge_edet.variants import IMAGENET_MEAN, IMAGENET_STD, Variant, octaves

__all__ = ["PUBLISHED", "Pipeline", "find_pipeline", "read_pipeline"]

NAME = "pipeline.config"
# "attention" amounts to a sum: utils/bifpn_utils.py, `_combine_attention`, takes the softmax of
# weights [n, 1] over their last axis, which is 1 for each.
_FUSIONS = {"fast_attention": "fast", "attention": "sum", "sum": "sum"}
_PYRAMID = ("_feature_extractor/_bifpn_stage/",)
_TOWERS = (
    "_box_predictor/_head_scope_conv_layers/",
    "_box_predictor/_base_tower_layers_for_heads/",
)
_PREDICTOR = "weight_shared_convolutional_box_predictor"
_MULTIPLE = 128  # of the coarsest level's stride; upsampled maps of other sizes do not fit


@dataclass(frozen=True)
class Pipeline:
    """What a configuration says.

    Attributes
    ----------
    fact
        What it says about fields of `Variant`.
    box_scales
        The factors of the box codes (ty, tx, th, tw).
    background
        Whether the first score of each anchor is that of the background, which ssd_meta_arch.py drops.
    unused_fusion
        Whether fusion weights are stored but not used.
    left_out
        Variables that are not stored, beginning of their names -> their last parts: biases and betas are
        then 0, gammas 1.
    averages
        Whether evaluation takes the moving averages.
    num_classes
        None: not stated.
    """

    fact: Fact | None = None
    box_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    background: bool = False
    unused_fusion: bool = False
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    averages: bool = False
    num_classes: int | None = None


PUBLISHED = Pipeline()  # as all of configs/tf2/ssd_efficientdet_d*.config


def find_pipeline(prefix: Path) -> Path | None:
    """Find the file in the checkpoint's folder, or in the exported folder around `checkpoint/`."""
    folder = prefix.resolve().parent
    places = [folder, folder.parent] if folder.name == "checkpoint" else [folder]
    for place in places:
        if (place / NAME).is_file():
            return place / NAME
    return None


def read_pipeline(path: Path, variant: Variant) -> Pipeline:
    """Read a file.

    Parameters
    ----------
    path
        The pipeline.config.
    variant
        As the API has it.

    Raises
    ------
    CheckpointError
        When it is broken, or describes another network than the variant: names the file and the field.
    """
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise CheckpointError(f"has more than {MAX_TEXT_BYTES} bytes")
        model = parse_text(read_limited(path))
        return _pipeline(model, variant)
    except CheckpointError as error:
        raise CheckpointError(f"its {path.name} {error}") from None


def _pipeline(config: Message, variant: Variant) -> Pipeline:
    model = config.message("model")
    if not model.has("ssd"):
        other = next(iter(model.fields), "nothing")
        raise CheckpointError(f"describes {other}: expected model.ssd of an EfficientDet")
    ssd = model.message("ssd")
    _check_network(ssd, variant)
    values: dict[str, object] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    values |= _anchors(ssd.message("anchor_generator"), variant)
    values |= _resizer(ssd.message("image_resizer"))
    extractor = ssd.message("feature_extractor")
    method = extractor.message("bifpn").word("combine_method", "fast_attention")
    if method not in _FUSIONS:
        raise extractor.message("bifpn").fail(
            "combine_method", method, f"one of {', '.join(_FUSIONS)}"
        )
    values["fusion"] = _FUSIONS[method]
    return Pipeline(
        fact=Fact(f"its {NAME}", values),
        box_scales=_box_scales(ssd.message("box_coder")),
        background=ssd.flag("add_background_class", True),
        unused_fusion=method == "attention",
        left_out=_left_out(ssd),
        averages=config.message("eval_config").flag("use_moving_averages", False),
        num_classes=int(ssd.number("num_classes", 0)),
    )


def _expect(message: Message, name: str, value: object, *expected: object) -> None:
    if value not in expected:
        raise message.fail(name, value, " or ".join(str(each) for each in expected))


def _check_network(ssd: Message, variant: Variant) -> None:
    """Check everything about the network that its tensors do not show."""
    extractor = ssd.message("feature_extractor")
    kind = extractor.word("type", "")
    match = re.fullmatch(r"ssd_efficientnet-b(\d)_bifpn_keras", kind)
    if match is None:
        raise extractor.fail("type", kind, "ssd_efficientnet-b0_bifpn_keras to b7")
    number = EFFICIENTNETS.get((variant.width, variant.depth))
    if variant.lite or int(match[1]) != number:
        raise extractor.fail("type", kind, f"{variant.name}'s b{number}; name the variant it is of")
    bifpn = extractor.message("bifpn")
    _expect(bifpn, "min_level", bifpn.number("min_level", 3), variant.min_level)
    _expect(bifpn, "max_level", bifpn.number("max_level", 7), variant.max_level)
    predictor = ssd.message("box_predictor").message(_PREDICTOR)
    _expect(predictor, "kernel_size", predictor.number("kernel_size", 3), 3)
    _expect(predictor, "use_depthwise", predictor.flag("use_depthwise", False), True)
    _expect(
        predictor, "share_prediction_tower", predictor.flag("share_prediction_tower", False), False
    )
    if predictor.has("box_encodings_clip_range"):
        raise predictor.fail("box_encodings_clip_range", "of codes", "none")
    explicit = ssd.flag("explicit_background_class", False)
    _expect(ssd, "explicit_background_class", explicit, False)
    after = ssd.message("post_processing")
    _expect(after, "score_converter", after.word("score_converter", "IDENTITY"), "SIGMOID")
    _expect(after, "logit_scale", after.number("logit_scale", 1.0), 1.0)
    if after.has("calibration_config"):
        raise after.fail("calibration_config", "of scores", "none")


def _left_out(ssd: Message) -> dict[str, frozenset[str]]:
    """List parts of convolutions and batch norms that are not stored (builders/hyperparams_builder.py)."""
    extractor, predictor = ssd.message("feature_extractor"), ssd.message("box_predictor")
    pyramid = _layers(extractor.message("conv_hyperparams"))
    towers = _layers(predictor.message(_PREDICTOR).message("conv_hyperparams"))
    return dict.fromkeys(_PYRAMID, pyramid) | dict.fromkeys(_TOWERS, towers)


def _layers(layers: Message) -> frozenset[str]:
    _expect(layers, "activation", layers.word("activation", "RELU"), "SWISH")
    kind = "sync_batch_norm" if layers.has("sync_batch_norm") else "batch_norm"
    if not layers.has(kind):
        raise CheckpointError(f"has no {layers.place(kind)}: expected one, after each convolution")
    norm = layers.message(kind)
    if not math.isclose(norm.number("epsilon", 1e-3), 1e-3, rel_tol=1e-6):
        raise norm.fail("epsilon", norm.number("epsilon", 1e-3), "0.001")
    there = {
        "bias": layers.flag("force_use_bias", False),
        "gamma": norm.flag("scale", False),
        "beta": norm.flag("center", True),
    }
    return frozenset(name for name, stored in there.items() if not stored)


def _anchors(generator: Message, variant: Variant) -> dict[str, object]:
    """Read the anchors (multiscale_grid_anchor_generator.py): sizes in strides, widths times sqrt(ratio)."""
    kind = "multiscale_anchor_generator"
    if not generator.has(kind):
        raise CheckpointError(
            f"has {generator.path} {next(iter(generator.fields), 'empty')}: expected {kind}"
        )
    anchors = generator.message(kind)
    _expect(anchors, "min_level", anchors.number("min_level", 3), variant.min_level)
    _expect(anchors, "max_level", anchors.number("max_level", 7), variant.max_level)
    scale, ratios = anchors.number("anchor_scale", 4.0), anchors.numbers("aspect_ratios")
    if not 0.01 <= scale <= 1000:
        raise anchors.fail("anchor_scale", scale, "a number from 0.01 to 1000")
    if not 1 <= len(ratios) <= 100 or not all(0.01 <= ratio <= 100 for ratio in ratios):
        raise anchors.fail("aspect_ratios", list(ratios), "1 to 100 numbers from 0.01 to 100")
    count = anchors.number("scales_per_octave", 2)
    if count != int(count) or not 1 <= count <= 100:
        raise anchors.fail("scales_per_octave", count, "a whole number from 1 to 100")
    return {
        "anchor_scale": float(scale),
        "aspect_ratios": tuple((math.sqrt(ratio), 1 / math.sqrt(ratio)) for ratio in ratios),
        "anchor_octaves": octaves(int(count)),
    }


def _resizer(resizer: Message) -> dict[str, object]:
    """Read the side of the input, and the colour beside the picture, which is added after normalizing."""
    kind = "keep_aspect_ratio_resizer"
    if not resizer.has(kind):
        raise CheckpointError(
            f"has {resizer.path} {next(iter(resizer.fields), 'empty')}: expected {kind}, pictures in "
            "their own proportions, padded to a square; other pictures are not what it was trained on"
        )
    kept = resizer.message(kind)
    size = kept.number("max_dimension", 1024)
    _expect(kept, "min_dimension", kept.number("min_dimension", 600), size)
    _expect(kept, "pad_to_max_dimension", kept.flag("pad_to_max_dimension", False), True)
    _expect(kept, "convert_to_grayscale", kept.flag("convert_to_grayscale", False), False)
    if size != int(size) or size % _MULTIPLE or not _MULTIPLE <= size <= 4096:
        raise kept.fail("max_dimension", size, f"a multiple of {_MULTIPLE} up to 4096")
    padding = kept.numbers("per_channel_pad_value")
    if len(padding) not in (0, 3):
        raise kept.fail("per_channel_pad_value", list(padding), "three numbers, or none")
    parts = zip(IMAGENET_MEAN, IMAGENET_STD, padding or (0.0,) * 3, strict=True)
    colour = tuple(round(mean + std * value) for mean, std, value in parts)
    if not all(0 <= part <= 255 for part in colour):
        raise kept.fail("per_channel_pad_value", list(padding), "a colour after normalizing")
    return {"image_size": int(size), "pad_rgb": colour}


def _box_scales(coder: Message) -> tuple[float, float, float, float]:
    """Read the factors of the box codes (faster_rcnn_box_coder.py)."""
    kind = "faster_rcnn_box_coder"
    if not coder.has(kind):
        raise CheckpointError(
            f"has {coder.path} {next(iter(coder.fields), 'empty')}: expected {kind}"
        )
    scales = coder.message(kind)
    names = (("y_scale", 10.0), ("x_scale", 10.0), ("height_scale", 5.0), ("width_scale", 5.0))
    y, x, height, width = (scales.number(name, default) for name, default in names)
    for (name, _), value in zip(names, (y, x, height, width), strict=True):
        if not 1e-3 <= value <= 1e3:
            raise scales.fail(name, value, "a number from 0.001 to 1000")
    return y, x, height, width
