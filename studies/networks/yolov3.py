"""YOLOv3 with Darknet-53, for cost and latency beside EfficientDet.

arXiv 1804.02767 Table 1 and pjreddie/darknet cfg/yolov3.cfg. Its last convolutions give 3 x 85 values a
position; here they are two, 3 x 4 box codes and 3 x 81 scores (objectness and 80 classes), at the same
cost, so that it has the outputs that the runtime knows.
"""

from __future__ import annotations

from edge_edet.network import BOX_CODES, CLASS_LOGITS, IMAGE, Graph
from edge_edet.studies.networks import plain_builder
from edge_edet.variants import Variant

__all__ = ["Builder", "kernel_gains", "parameter_shapes"]

STAGES = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))  # channels, residual blocks
RESIDUAL = 0.2  # of random weights: what a branch adds, relative to its input


class Builder(plain_builder.PlainBuilder):
    """Builds YOLOv3."""

    def build(self) -> Graph:
        """Return the graph."""
        v = self.variant
        maps = self.detection_maps(self.features())
        outputs = {
            "boxes": self.predict("box_net", BOX_CODES, maps, 4),
            "classes": self.predict("class_net", CLASS_LOGITS, maps, v.num_classes),
        }
        return Graph(v, IMAGE, self.nodes, outputs)

    def leaky(
        self, x: str, name: str, out: int, kernel: int = 1, stride: int = 1, gain: float = 1.0
    ) -> str:
        """Add a convolution with batch norm and leaky ReLU."""
        return self.unit(x, name, out, kernel, stride, "leaky_relu", gain=gain)

    def features(self) -> list[str]:
        """Add the backbone; return its maps of strides 8, 16 and 32."""
        x = self.leaky(self.start(), "backbone/conv_stem", 32, 3)
        ends = []
        for stage, (width, count) in enumerate(STAGES):
            x = self.leaky(x, f"backbone/stages.{stage}/down", width, 3, 2)
            for index in range(count):
                name = f"backbone/stages.{stage}/{index}"
                y = self.leaky(x, f"{name}/conv1", width // 2)
                y = self.leaky(y, f"{name}/conv2", width, 3, gain=RESIDUAL)
                x = self.emit("add", f"{name}/add", (x, y), self.shapes[x])
            ends.append(x)
        return ends[2:]

    def detection_maps(self, features: list[str]) -> list[str]:
        """Add the top-down path over concatenated maps; return maps of strides 8, 16 and 32."""
        maps: list[str] = []
        x = features[-1]
        for level in (5, 4, 3):
            width, name = 16 << level, f"neck/p{level}"
            if level < 5:
                route = features[level - 3]
                _, size, _, channels = self.shapes[route]
                up = self.leaky(x, f"{name}/reduce", width)
                up = self.emit("resize", f"{name}/resize", (up,), (1, size, size, width))
                x = self.emit(
                    "concat",
                    f"{name}/concat",
                    (up, route),
                    (1, size, size, width + channels),
                    axis=3,
                )
            for repeat in range(2):
                x = self.leaky(x, f"{name}/conv.{repeat}.0", width)
                x = self.leaky(x, f"{name}/conv.{repeat}.1", width * 2, 3)
            x = self.leaky(x, f"{name}/conv.2", width)
            maps.insert(0, self.leaky(x, f"{name}/wide", width * 2, 3))
        return maps

    def predict(self, net: str, output: str, maps: list[str], values: int) -> str:
        """Add the prediction of one output to every level."""
        v, parts = self.variant, []
        for level, x in zip(v.levels, maps, strict=True):
            name = f"{net}/p{level}"
            y = self.unit(x, f"{name}/predict", v.anchors_per_position * values, norm=False)
            parts.append(self.rows(y, f"{name}/rows", values))
        return self.emit("concat", output, tuple(parts), (1, v.num_anchors, values))


def parameter_shapes(variant: Variant) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of each parameter."""
    return plain_builder.parameter_shapes(Builder(variant))


def kernel_gains(variant: Variant) -> dict[str, float]:
    """Return name -> gain of random weights."""
    return plain_builder.kernel_gains(Builder(variant))
