"""Writes the TensorFlow goldens of this folder; ran with tensorflow-cpu 2.21.0, tf-keras 2.21.0.

    python make_tf_golden.py

`tf1/` is what a TF1 training loop saves: variables, moving averages, a counter. `tf2/` is what
Keras `save_weights` saves: an object graph, and the optimizer's slots.
"""

import os
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent


def write_tf1() -> None:
    random = np.random.default_rng(0)
    values = {
        "class_net/class-0/bias": random.normal(size=5).astype(np.float32),
        "class_net/class-0/bias/ExponentialMovingAverage": np.arange(5, dtype=np.float32),
        "class_net/class-0/pointwise_kernel": random.normal(size=(1, 1, 3, 5)).astype(np.float16),
        "fpn_cells/cell_0/fnode0/WSM": np.float32(1.5),
        "fpn_cells/cell_0/fnode0/WSM_1": np.float64(0.1),
        "global_step": np.int64(7),
    }
    for index in range(40):  # enough names for the index to shorten common prefixes
        values[f"class_net/class-{index}-bn-3/gamma"] = np.full(2, index, np.float32)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            name: tf.compat.v1.Variable(value, name=f"v{index}")
            for index, (name, value) in enumerate(values.items())
        }
        half = tf.compat.v1.Variable(tf.constant([1.0, -2.5], tf.bfloat16), name="half")
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(
            {**variables, "box_net/box-0/bias": half}, save_relative_paths=True
        )
        saver.save(session, str(HERE / "tf1/model.ckpt-7"), write_meta_graph=False)


class Head(tf.keras.layers.Layer):
    def __init__(self) -> None:
        super().__init__(name="class_net")
        self.conv_ops = [tf.keras.layers.SeparableConv2D(4, 3, name="class-0")]
        self.bns = [[tf.keras.layers.BatchNormalization(name="class-0-bn-3")]]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.bns[0][0](self.conv_ops[0](x))


class Detector(tf.keras.Model):
    def __init__(self) -> None:
        super().__init__(name="detector")
        self.class_net = Head()

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.class_net(x)


def write_tf2() -> None:
    tf.keras.utils.set_random_seed(0)
    model = Detector()
    model.compile(tf.keras.optimizers.legacy.SGD(0.1, momentum=0.9), loss="mse")
    images = np.ones((2, 8, 8, 4), np.float32)
    model.fit(images, np.ones((2, 6, 6, 4), np.float32), verbose=0)
    model.save_weights(str(HERE / "tf2/model"))
    names = {v.name.removesuffix(":0"): v.numpy() for v in model.weights}
    np.savez(HERE / "tf2/expected.npz", **names)


if __name__ == "__main__":
    write_tf1()
    write_tf2()
