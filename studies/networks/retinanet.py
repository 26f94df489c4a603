"""RetinaNet with ResNet-50 or -101 and FPN, for cost and latency beside EfficientDet.

arXiv 1708.02002 section 4 (heads without batch norm, 9 anchors, P6 and P7 by convolutions of stride 2),
arXiv 1512.03385 Table 1 (ResNet, its stride on the 3x3 convolution as in all newer ones). P6 is taken
from P5: with it from C5 there are 38 million parameters, where 34 are published.
"""

from __future__ import annotations

from edge_edet.network import BOX_CODES, CLASS_LOGITS, IMAGE, Graph
from edge_edet.studies.networks import plain_builder
from edge_edet.variants import Variant

__all__ = ["Builder", "kernel_gains", "parameter_shapes"]

BLOCKS = {"retinanet-r50": (3, 4, 6, 3), "retinanet-r101": (3, 4, 23, 3)}
EXPANSION = 4
RESIDUAL = 0.2  # of random weights: what a branch adds, relative to its input


class Builder(plain_builder.PlainBuilder):
    """Builds RetinaNet."""

    def build(self) -> Graph:
        """Return the graph."""
        v = self.variant
        features = self.pyramid(self.features())
        outputs = {
            "boxes": self.head("box_net", BOX_CODES, features, 4),
            "classes": self.head("class_net", CLASS_LOGITS, features, v.num_classes),
        }
        return Graph(v, IMAGE, self.nodes, outputs)

    def features(self) -> list[str]:
        """Add the backbone; return C3, C4 and C5."""
        x = self.unit(self.start(), "backbone/conv_stem", 64, 7, 2, "relu")
        height, width = self.shapes[x][1:3]
        x = self.pool(x, "backbone/pool", (-(-height // 2), -(-width // 2)))
        features = []
        for stage, count in enumerate(BLOCKS[self.variant.feature_network]):
            for index in range(count):
                stride = 2 if index == 0 and stage else 1
                x = self.bottleneck(x, f"backbone/blocks.{stage}.{index}", 64 << stage, stride)
            features.append(x)
        return features[1:]

    def bottleneck(self, x: str, name: str, width: int, stride: int) -> str:
        """Add a residual block of three convolutions."""
        y = self.unit(x, f"{name}/conv1", width, activation="relu")
        y = self.unit(y, f"{name}/conv2", width, 3, stride, "relu")
        y = self.unit(y, f"{name}/conv3", width * EXPANSION, gain=RESIDUAL)
        if self.shapes[x] != self.shapes[y]:
            x = self.unit(x, f"{name}/shortcut", width * EXPANSION, stride=stride, gain=RESIDUAL)
        return self.emit("add", f"{name}/add", (x, y), self.shapes[y], activation="relu")

    def pyramid(self, features: list[str]) -> list[str]:
        """Add the FPN; return P3 to P7."""
        width = self.variant.fpn_channels
        laterals = [
            self.unit(x, f"fpn/lateral.{level}", width, gain=0.5)
            for level, x in enumerate(features, 3)
        ]
        merged = [laterals[-1]]
        for level, x in ((4, laterals[1]), (3, laterals[0])):
            shape = self.shapes[x]
            up = self.emit("resize", f"fpn/p{level}/resize", (merged[0],), shape)
            merged.insert(0, self.emit("add", f"fpn/p{level}/sum", (x, up), shape))
        pyramid = [
            self.unit(x, f"fpn/p{level}/conv", width, 3, gain=0.5)
            for level, x in enumerate(merged, 3)
        ]
        pyramid.append(self.unit(pyramid[-1], "fpn/p6/conv", width, 3, 2))
        relu = self.emit("relu", "fpn/p6/relu", (pyramid[-1],), self.shapes[pyramid[-1]])
        return [*pyramid, self.unit(relu, "fpn/p7/conv", width, 3, 2)]

    def head(self, net: str, output: str, features: list[str], values: int) -> str:
        """Add four convolutions and the prediction to every level, with shared weights."""
        v, parts = self.variant, []
        for level, x in zip(v.levels, features, strict=True):
            for repeat in range(v.head_repeats):
                x = self.unit(
                    x,
                    f"{net}/p{level}/conv.{repeat}",
                    v.fpn_channels,
                    3,
                    1,
                    "relu",
                    norm=False,
                    param=f"{net}.conv.{repeat}",
                )
            x = self.unit(
                x,
                f"{net}/p{level}/predict",
                v.anchors_per_position * values,
                3,
                norm=False,
                param=f"{net}.predict",
            )
            parts.append(self.rows(x, f"{net}/p{level}/rows", values))
        return self.emit("concat", output, tuple(parts), (1, v.num_anchors, values))


def parameter_shapes(variant: Variant) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of each parameter."""
    return plain_builder.parameter_shapes(Builder(variant))


def kernel_gains(variant: Variant) -> dict[str, float]:
    """Return name -> gain of random weights."""
    return plain_builder.kernel_gains(Builder(variant))
