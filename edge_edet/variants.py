"""The published EfficientDet variants, one literal row each.

Use this table, not the paper's scaling equations, which do not give the published models (R at D5 and
D7, W almost everywhere).

Sources: hparams of google/automl efficientdet (hparams_config.py, `efficientdet_model_param_dict`
and `efficientdet_lite_param_dict`), which arXiv 1911.09070v7 Table 1 repeats rounded.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

from edge_edet.errors import InputError

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "VARIANTS",
    "ImageSize",
    "Variant",
    "canonical_name",
    "get_variant",
    "octaves",
    "size_of",
    "size_text",
]

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # 0-255, RGB; hparams_config.py mean_rgb
IMAGENET_STD = (58.395, 57.12, 57.375)  # 0-255, RGB; hparams_config.py stddev_rgb
ASPECTS_EFFDET = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))  # (x, y) factors, effdet model_config.py


ImageSize: TypeAlias = int | tuple[int, int]  # side of a square, or (height, width)


def size_of(height: int, width: int) -> ImageSize:
    """Return an input's size as a variant has it: the side of a square, or (height, width)."""
    return height if height == width else (height, width)


def size_text(size: ImageSize) -> str:
    """Return a size as `--image-size` takes it: "512", or width x height, "512x384"."""
    return str(size) if isinstance(size, int) else f"{size[1]}x{size[0]}"


def octaves(count: int) -> tuple[float, ...]:
    """Return the scales within an octave, 2^(i / count); hparams_config.py num_scales."""
    return tuple(2.0 ** (index / count) for index in range(count))


@dataclass(frozen=True)
class Variant:
    """The hyperparameters of one detector: everything that its graph and its anchors depend on.

    An anchor is anchor_scale * stride * anchor_octaves[o] * aspect_ratios[a] wide and high.

    Attributes
    ----------
    image_size
        Side of the square input in pixels, or (height, width) of one that is no square.
    width, depth
        EfficientNet's compound coefficients.
    fpn_channels, fpn_repeats
        Channels and cells of the feature network.
    head_repeats
        Convolutions of each head before its prediction.
    fusion
        "fast", "softmax" or "sum": how a node weights its inputs.
    min_level, max_level
        Pyramid levels, 3 for P3.
    anchor_scale
        One number, or one for each level.
    lite
        relu6, no squeeze-and-excitation, stem and head not scaled.
    aspect_ratios
        (x, y) factors.
    mean, std
        Red, green, blue on the 0-255 scale.
    pool_padding
        Border of max pools: "ignore", "symmetric" (ignored too), or "zero".
    pad_rgb
        Colour right of and below the resized picture.
    conv_padding
        Of strided convolutions: TensorFlow's "same", or PyTorch's "symmetric", (kernel - 1) / 2.
    feature_blocks
        Which block of its stage C3, C4 and C5 come from, counted from 0; None: the last one.
    """

    name: str
    image_size: ImageSize
    width: float
    depth: float
    fpn_channels: int
    fpn_repeats: int
    head_repeats: int
    fusion: str  # "fast" | "softmax" | "sum"
    max_level: int
    anchor_scale: float | tuple[float, ...]
    lite: bool  # relu6, no squeeze-and-excitation, stem and head not scaled
    source: str
    min_level: int = 3
    feature_network: str = "bifpn"
    aspect_ratios: tuple[tuple[float, float], ...] = ASPECTS_EFFDET
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    num_classes: int = 90
    pool_padding: str = "ignore"  # the border of max pools: "ignore", "symmetric" (so too), "zero"
    pad_rgb: tuple[int, int, int] = (124, 116, 104)  # right of and below the resized picture
    anchor_octaves: tuple[float, ...] = octaves(3)
    conv_padding: str = "same"  # TensorFlow's "same", or PyTorch's "symmetric", (kernel - 1) / 2
    # which block of its stage C3, C4 and C5 come from, counted from 0; None: the last one
    feature_blocks: tuple[int, int, int] | None = None

    @property
    def activation(self) -> str:
        """The activation throughout: "relu6" or "swish"."""
        return "relu6" if self.lite else "swish"

    @property
    def levels(self) -> range:
        """The pyramid levels, lowest first."""
        return range(self.min_level, self.max_level + 1)

    @property
    def strides(self) -> tuple[int, ...]:
        """Input pixels for each position of a level, lowest level first."""
        return tuple(2**level for level in self.levels)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        size = self.image_size
        return (size, size) if isinstance(size, int) else size

    @property
    def feature_sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each pyramid level, lowest first; SAME padding rounds up.

        As google/automl efficientdet/utils.py, `get_feat_sizes`.
        """
        height, width = self.input_size
        return tuple((math.ceil(height / s), math.ceil(width / s)) for s in self.strides)

    @property
    def anchor_scales(self) -> tuple[float, ...]:
        """The anchor scale of each level, lowest first."""
        if isinstance(self.anchor_scale, tuple):
            return self.anchor_scale
        return (self.anchor_scale,) * len(self.levels)

    @property
    def anchors_per_position(self) -> int:
        """Anchors at each position of a level."""
        return len(self.anchor_octaves) * len(self.aspect_ratios)

    @property
    def num_anchors(self) -> int:
        """Anchors over all levels."""
        return self.anchors_per_position * sum(h * w for h, w in self.feature_sizes)

    def replace(self, **changes: object) -> Variant:
        """Return a copy with the named fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


_PAPER = "arXiv 1911.09070v7 Table 1; google/automl efficientdet/hparams_config.py"
_LITE = "google/automl efficientdet/hparams_config.py, efficientdet_lite_param_dict"


def _d(*row: object, **changes: object) -> Variant:
    return Variant(*row, lite=False, source=_PAPER, **changes)  # type: ignore[arg-type, misc]


def _lite(*row: object) -> Variant:
    changes: dict[str, object] = {
        "mean": (127.0,) * 3,
        "std": (128.0,) * 3,
        "pad_rgb": (127,) * 3,
    }
    return Variant(*row, lite=True, source=_LITE, **changes)  # type: ignore[arg-type, misc]


# fmt: off
VARIANTS: dict[str, Variant] = {v.name: v for v in (
    #      name     size  width depth  W    D  head fusion  top scale
    _d(   "d0",     512,  1.0,  1.0,   64,  3, 3, "fast",   7,  4.0),
    _d(   "d1",     640,  1.0,  1.1,   88,  4, 3, "fast",   7,  4.0),
    _d(   "d2",     768,  1.1,  1.2,  112,  5, 3, "fast",   7,  4.0),
    _d(   "d3",     896,  1.2,  1.4,  160,  6, 4, "fast",   7,  4.0),
    _d(   "d4",    1024,  1.4,  1.8,  224,  7, 4, "fast",   7,  4.0),
    _d(   "d5",    1280,  1.6,  2.2,  288,  7, 4, "fast",   7,  4.0),
    _d(   "d6",    1280,  1.8,  2.6,  384,  8, 5, "sum",    7,  4.0),
    _d(   "d7",    1536,  1.8,  2.6,  384,  8, 5, "sum",    7,  5.0),  # the same network as d6
    _d(   "d7x",   1536,  2.0,  3.1,  384,  8, 5, "sum",    8,  4.0),  # six levels
    _lite("lite0",  320,  1.0,  1.0,   64,  3, 3, "sum",    7,  3.0),
    _lite("lite1",  384,  1.0,  1.1,   88,  4, 3, "sum",    7,  3.0),
    _lite("lite2",  448,  1.1,  1.2,  112,  5, 3, "sum",    7,  3.0),
    _lite("lite3",  512,  1.2,  1.4,  160,  6, 4, "sum",    7,  4.0),
    _lite("lite3x", 640,  1.2,  1.4,  200,  6, 4, "sum",    7,  3.0),
    _lite("lite4",  640,  1.4,  1.8,  224,  7, 4, "sum",    7,  4.0),
)}
# fmt: on


_OTHER_NAMES = re.compile(r"^(tf[-_])?efficientdet[-_ ]?", re.IGNORECASE)


def canonical_name(name: str) -> str:
    """Return a variant's name as its table has it: "d0" for "D0", "efficientdet-d0" or "tf_efficientdet_d0".

    Other texts come back in lower case, without that prefix: `get_variant` refuses them.
    """
    return _OTHER_NAMES.sub("", name.strip()).lower()


def get_variant(name: str) -> Variant:
    """Return the variant of that name, as people write it. Raises InputError that lists the known ones."""
    try:
        return VARIANTS[canonical_name(name)]
    except KeyError:
        known = ", ".join(VARIANTS)
        raise InputError(
            f"unknown variant {name!r}: known are {known}; list them with 'edge-edet variants'"
        ) from None
