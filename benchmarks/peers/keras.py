"""A plain Keras model with a network's weights, quantized by TensorFlow's own converter.

    python keras.py NETWORK.npz OUTPUT.tflite

A script, for a Python that has TensorFlow. It reads the network as nodes (JSON) and arrays, builds each
with the usual Keras layer, and calls TFLiteConverter with full INT8 as documented.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def build(keras: Any, network: Any) -> Any:
    """Build the functional model: float RGB picture [1, S, S, 3] of 0 to 255 in, two outputs."""
    nodes, size = json.loads(str(network["nodes"])), int(network["size"])
    layers = keras.layers
    picture = keras.Input((size, size, 3), batch_size=1)
    tensors = {"image": picture}
    for index, node in enumerate(nodes):
        inputs = [tensors[name] for name in node["inputs"]]
        attrs, name = node["attrs"], f"layer{index}"
        x = inputs[0]
        if node["op"] == "normalize":
            y = layers.Rescaling(1.0, [-value for value in attrs["mean"]])(x)
        elif node["op"] in ("conv", "depthwise"):
            weight, bias = network[f"{node['name']}:weight"], network[f"{node['name']}:bias"]
            shared = {"strides": attrs["stride"], "padding": "same", "name": name}
            kernel = weight.shape[1:3]
            if node["op"] == "conv":
                layer = layers.Conv2D(weight.shape[0], kernel, **shared)
                weight = weight.transpose(1, 2, 3, 0)
            else:
                layer = layers.DepthwiseConv2D(kernel, **shared)
                weight = weight.transpose(1, 2, 3, 0)
            y = layer(x)
            layer.set_weights([weight, bias])
            if attrs.get("activation") == "relu6":
                y = layers.ReLU(6.0)(y)
        elif node["op"] == "add":
            y = layers.Add()(inputs)
        elif node["op"] == "mul":
            y = layers.Multiply()(inputs)
        elif node["op"] == "scale":
            y = layers.Rescaling(attrs["factor"])(x)
        elif node["op"] == "swish":
            y = layers.Activation("swish")(x)
        elif node["op"] == "sigmoid":
            y = layers.Activation("sigmoid")(x)
        elif node["op"] == "mean":
            y = layers.GlobalAveragePooling2D(keepdims=True)(x)
        elif node["op"] == "maxpool":
            y = layers.MaxPooling2D(3, 2, padding="same")(x)
        elif node["op"] == "resize":
            y = layers.UpSampling2D(node["shape"][1] // x.shape[1])(x)
        elif node["op"] == "reshape":
            y = layers.Reshape(node["shape"][1:])(x)
        elif node["op"] == "concat":
            y = layers.Concatenate(axis=1)(inputs)
        else:
            raise ValueError(node["op"])
        tensors[node["name"]] = y
    return keras.Model(picture, [tensors[name] for name in json.loads(str(network["outputs"]))])


def main() -> None:
    """Build, compare with the expected outputs, quantize and write; print TensorFlow's version."""
    import tensorflow as tf

    with np.load(sys.argv[1]) as network:
        model = build(tf.keras, network)
        pictures = network["pictures"]
        expected = [network["expected:boxes"], network["expected:classes"]]
    found = model(pictures[:1].astype(np.float32))
    error = max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True))
    assert error < 1e-2, f"the Keras model differs by {error:g}: it has not the same weights"
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[None].astype(np.float32)] for one in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    Path(sys.argv[2]).write_bytes(converter.convert())
    print(tf.__version__)


if __name__ == "__main__":
    main()
