"""What make_tfod_golden.py and the tests share: the cases, their configurations and seeded values."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

STEP = 211  # of the rows; prime, so that all anchors of a place come up


@dataclass(frozen=True)
class Case:
    """A network of the API; size: of the picture it was run on."""

    variant: str
    backbone: int
    size: int
    filters: int
    cells: int
    head_layers: int
    combine: str = "fast_attention"
    classes: int = 90
    ratios: str = "1.0, 2.0, 0.5"
    scales: int = 3
    anchor_scale: float = 4.0
    box_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    background: bool = False
    bare: bool = False  # no biases before batch norms, whose scale is 1


# configs/tf2/ssd_efficientdet_d*.config of tensorflow/models, as published
PUBLISHED = {
    "d0": Case("d0", 0, 512, 64, 3, 3),
    "d1": Case("d1", 1, 640, 88, 4, 3),
    "d2": Case("d2", 2, 768, 112, 5, 3),
    "d3": Case("d3", 3, 896, 160, 6, 4),
    "d4": Case("d4", 4, 1024, 224, 7, 4),
    "d5": Case("d5", 5, 1280, 288, 7, 4),
    "d6": Case("d6", 6, 1408, 384, 8, 5, "sum"),
    "d7": Case("d7", 6, 1536, 384, 8, 5, "sum"),
}
# what was run, by the golden's name
CASES = {
    "d0": Case("d0", 0, 512, 64, 3, 3),
    "d1": Case("d1", 1, 256, 88, 4, 3),
    "own": Case(
        "d0", 0, 256, 64, 3, 3, "attention", 2, "1.0, 3.0", 4, 3.0, (1.0, 2.0, 3.0, 4.0), True
    ),
    "sum": Case("d0", 0, 256, 64, 3, 3, "sum", 3, bare=True),
}

_LAYERS = """conv_hyperparams {
          force_use_bias: true activation: SWISH
          regularizer { l2_regularizer { weight: 0.00004 } }
          initializer { truncated_normal_initializer { stddev: 0.03 mean: 0.0 } }
          batch_norm { scale: true, decay: 0.99, epsilon: 0.001, }
        }"""
_BARE = _LAYERS.replace("force_use_bias: true", "").replace("scale: true,", "")


def pipeline_config(case: Case) -> str:
    """The text of the case's pipeline.config, as far as it describes the model."""
    y, x, height, width = case.box_scales
    layers = _BARE if case.bare else _LAYERS
    return f"""# an EfficientDet
model {{
  ssd {{
    num_classes: {case.classes}
    add_background_class: {str(case.background).lower()}
    box_coder {{ faster_rcnn_box_coder {{
      y_scale: {y} x_scale: {x} height_scale: {height} width_scale: {width}
    }} }}
    matcher {{ argmax_matcher {{ matched_threshold: 0.5 unmatched_threshold: 0.5 }} }}
    similarity_calculator {{ iou_similarity {{ }} }}
    encode_background_as_zeros: true
    anchor_generator {{ multiscale_anchor_generator {{
      min_level: 3 max_level: 7 anchor_scale: {case.anchor_scale}
      aspect_ratios: [{case.ratios}] scales_per_octave: {case.scales}
    }} }}
    image_resizer {{ keep_aspect_ratio_resizer {{
      min_dimension: {case.size} max_dimension: {case.size} pad_to_max_dimension: true
    }} }}
    box_predictor {{ weight_shared_convolutional_box_predictor {{
        depth: {case.filters} class_prediction_bias_init: -4.6
        {layers}
        num_layers_before_predictor: {case.head_layers} kernel_size: 3 use_depthwise: true
    }} }}
    feature_extractor {{
        type: 'ssd_efficientnet-b{case.backbone}_bifpn_keras'
        bifpn {{
          min_level: 3 max_level: 7 num_iterations: {case.cells} num_filters: {case.filters}
          combine_method: '{case.combine}'
        }}
        {layers}
    }}
    loss {{
      classification_loss {{ weighted_sigmoid_focal {{ alpha: 0.25 gamma: 1.5 }} }}
      localization_loss {{ weighted_smooth_l1 {{ }} }}
      classification_weight: 1.0 localization_weight: 1.0
    }}
    post_processing {{
      batch_non_max_suppression {{ score_threshold: 1e-8 iou_threshold: 0.5 }}
      score_converter: SIGMOID
    }}
  }}
}}
"""


def seeded_values(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """A float32 array for each name -> shape of the model's variables, seeded with the name's CRC-32."""
    return {name: _values(name, tuple(shape)).astype(np.float32) for name, shape in shapes.items()}


def _values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    leaf = name.rpartition("/")[2]
    if leaf in ("gamma", "moving_variance"):
        return random.uniform(0.5, 1.5, shape)
    if leaf in ("beta", "moving_mean"):
        return random.normal(0, 0.2, shape)
    if leaf == "bifpn_combine_weights":
        return random.uniform(0.2, 1.5, shape)
    if leaf == "bias":
        return random.normal(0, 0.1, shape)
    fan = np.prod(shape[:2] if leaf == "depthwise_kernel" else shape[:-1])
    return random.normal(0, 1 / np.sqrt(fan), shape)
