"""Outputs and anchors of google/automl's EfficientDetNet at sizes that are not square: automl_sizes.npz.

Run with tensorflow 2.21 and tf-keras 2.21 in a venv, and google/automl (commit 6a54c87) checked out:
    PYTHONPATH=automl/efficientdet python make_automl_sizes.py automl_sizes.npz
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import sys
import zlib

import hparams_config
import numpy as np
import tensorflow as tf
from tf2 import anchors, efficientdet_keras

SIZES = (
    "512x384",
    "320x224",
)  # width x height; levels of 7 x 10, 4 x 5 and 2 x 3 positions in the second


def seeded(name, shape):
    """Values by the rules that the goldens of other implementations were made with."""
    r = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith(("gamma", "moving_variance")):
        return r.uniform(0.5, 1.5, shape)
    if name.endswith(("beta", "moving_mean")):
        return r.normal(0, 0.2, shape)
    if "WSM" in name:
        return r.uniform(0.2, 1.5, shape)
    if name.endswith("bias"):
        return r.normal(0, 0.1, shape)
    fan = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
    return r.normal(0, 1 / np.sqrt(fan), shape)


found = {}
for size in SIZES:
    width, height = map(int, size.split("x"))
    config = hparams_config.get_efficientdet_config("efficientdet-d0")
    config.override({"image_size": size})
    tf.keras.backend.clear_session()  # else the second model's variables have other names
    model = efficientdet_keras.EfficientDetNet(config=config)
    model.build((1, height, width, 3))
    for variable in model.variables:
        name = variable.name.removesuffix(":0")
        variable.assign(seeded(name, tuple(variable.shape)).astype(np.float32))
    image = np.random.default_rng(1).normal(0, 1, (1, height, width, 3)).astype(np.float32)
    classes, boxes = model(tf.constant(image), training=False)
    for level in range(5):
        found[f"{size}/cls{level}"] = classes[level].numpy().ravel()[::97]
        found[f"{size}/box{level}"] = boxes[level].numpy().ravel()[::11]
    rows = anchors.Anchors(3, 7, 3, config.aspect_ratios, config.anchor_scale, size).boxes
    found[f"{size}/anchors"] = rows.numpy()[::101]
    print(size, [tuple(b.shape) for b in boxes], len(rows))
np.savez_compressed(sys.argv[1], **found)
