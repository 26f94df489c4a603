"""Builds the float EfficientDet of a variant as a `Graph`, batch norm folded into the convolutions.

Source of the wiring: arXiv 1911.09070v7 section 3-4 and google/automl efficientdet
(tf2/efficientdet_keras.py, backbone/efficientnet_model.py).
"""

from __future__ import annotations

import math

import numpy as np

from edge_edet.errors import CheckpointError
from edge_edet.network.architecture import (
    FEATURE_STAGES,
    FUSION_EPSILON,
    Block,
    backbone_blocks,
    feature_blocks,
    stem_channels,
    study_of,
)
from edge_edet.network.feature_networks import Fusion, feature_nodes, lateral
from edge_edet.network.graph import Graph
from edge_edet.network.layers import LayerBuilder, Weights
from edge_edet.variants import Variant

IMAGE, BOX_CODES, CLASS_LOGITS = "image", "box_codes", "class_logits"


def build_network(variant: Variant, weights: Weights | None = None) -> Graph:
    """Build the float graph of a variant.

    Parameters
    ----------
    variant
        What to build.
    weights
        effdet's tensor names -> float32 arrays, as `parameter_shapes` lists them. None: a graph of shapes
        only, enough to count, not to run.

    Returns
    -------
    Graph
        From uint8 RGB `image` [1, height, width, 3] to `box_codes` [1, N, 4] and `class_logits` [1, N,
        num_classes], see docs/manifest.md.
    """
    builder: type[NetworkBuilder] = NetworkBuilder
    if (study := study_of(variant)) is not None:
        builder = study.Builder
    return builder(variant, weights).build()


class NetworkBuilder(LayerBuilder):
    """Emits backbone, feature network and heads; the networks of the studies derive from it."""

    def build(self) -> Graph:
        """Build the whole graph.

        Returns
        -------
        Graph
            The graph, whose weights are the checkpoint's.
        """
        self.shapes[IMAGE] = (1, *self.variant.input_size, 3)
        features = self.bifpn(self.backbone())
        outputs = {
            "boxes": self.head("box_net", BOX_CODES, features, 4),
            "classes": self.head("class_net", CLASS_LOGITS, features, self.variant.num_classes),
        }
        return Graph(self.variant, IMAGE, self.nodes, outputs)

    # --- backbone ---------------------------------------------------------------------------

    def backbone(self) -> dict[int, str]:
        """Emit the EfficientNet; return level -> tensor of C3, C4 and C5.

        Returns
        -------
        dict[int, str]
            Name of a tensor by level, 3 to 5.
        """
        v = self.variant
        x = self.emit("normalize", "normalized", (IMAGE,), self.shapes[IMAGE], mean=v.mean)
        x = self.conv(
            x,
            "backbone/conv_stem",
            "backbone.conv_stem",
            stem_channels(v),
            3,
            2,
            "backbone.bn1",
            v.activation,
        )
        outputs = {}
        for block in backbone_blocks(v):
            x = outputs[block.name] = self.block(x, block)
        return {level: outputs[name] for level, name in feature_blocks(v).items()}

    def block(self, x: str, block: Block) -> str:
        """Emit one MBConv block.

        Parameters
        ----------
        x
            Name of the input tensor.
        block
            What to emit.

        Returns
        -------
        str
            Name of the output tensor.
        """
        param, act = block.name, self.variant.activation
        name = param.replace(".", "/", 1)
        y, norm = x, 1
        if block.expansion != 1:
            y = self.conv(
                y,
                f"{name}/conv_pw",
                f"{param}.conv_pw",
                block.mid_channels,
                norm=f"{param}.bn1",
                activation=act,
            )
            norm = 2
        y = self.conv(
            y,
            f"{name}/conv_dw",
            f"{param}.conv_dw",
            block.mid_channels,
            block.kernel,
            block.stride,
            f"{param}.bn{norm}",
            act,
            depthwise=True,
        )
        if block.se_channels:
            y = self.squeeze_excite(y, f"{name}/se", f"{param}.se", block)
        project = "conv_pw" if block.expansion == 1 else "conv_pwl"
        y = self.conv(
            y,
            f"{name}/{project}",
            f"{param}.{project}",
            block.out_channels,
            norm=f"{param}.bn{norm + 1}",
        )
        if block.residual:
            y = self.emit("add", f"{name}/add", (x, y), self.shapes[y])
        return y

    def squeeze_excite(self, x: str, name: str, param: str, block: Block) -> str:
        """Emit the gate of a block and return the gated tensor.

        Parameters
        ----------
        x
            Name of the input tensor.
        name
            Prefix of the new tensors.
        param
            Prefix of the weights.
        block
            The block that it is in.

        Returns
        -------
        str
            Name of the gated tensor.
        """
        gate = self.emit("mean", f"{name}/mean", (x,), (1, 1, 1, block.mid_channels))
        gate = self.conv(
            gate,
            f"{name}/conv_reduce",
            f"{param}.conv_reduce",
            block.se_channels,
            activation="swish",
        )
        gate = self.conv(gate, f"{name}/conv_expand", f"{param}.conv_expand", block.mid_channels)
        gate = self.emit("sigmoid", f"{name}/gate", (gate,), self.shapes[gate])
        return self.emit("mul", f"{name}/mul", (x, gate), self.shapes[x])

    # --- feature network --------------------------------------------------------------------

    def bifpn(self, features: dict[int, str]) -> list[str]:
        """Emit the feature network; return a tensor for each level, lowest first.

        Parameters
        ----------
        features
            Tensor of C3, C4 and C5 by level.

        Returns
        -------
        list[str]
            Names, lowest level first.
        """
        v = self.variant
        inputs = [features[level] for level in sorted(features)]
        for level in v.levels:
            if level > max(FEATURE_STAGES):
                x = inputs[-1]
                if level == max(FEATURE_STAGES) + 1:
                    x = self.project(x, "fpn/resample.3", "fpn.resample.3")
                inputs.append(self.pool(x, f"fpn/p{level}", self.size(level)))
        nodes = feature_nodes(v)
        for cell in range(v.fpn_repeats):
            tensors = list(inputs)
            for index, node in enumerate(nodes):
                tensors.append(self.fuse(cell, index, node, tensors))
            count = len(inputs)
            newest = {node.level: count + index for index, node in enumerate(nodes)}
            inputs = [tensors[newest[level]] for level in v.levels]
        return inputs

    def size(self, level: int) -> tuple[int, int]:
        """Return height and width of a level.

        Parameters
        ----------
        level
            From 1, of stride 2, up.

        Returns
        -------
        tuple[int, int]
            In pixels of the level.
        """
        return self.variant.feature_sizes[level - self.variant.min_level]

    def project(self, x: str, name: str, param: str) -> str:
        """Emit a 1x1 convolution and batch norm to the pyramid's width.

        Parameters
        ----------
        x
            Name of the input tensor.
        name
            Of the new tensors.
        param
            Prefix of the weights.

        Returns
        -------
        str
            Name of the output tensor.
        """
        width = self.variant.fpn_channels
        return self.conv(x, f"{name}/conv", f"{param}.conv.conv", width, norm=f"{param}.conv.bn")

    def pool(self, x: str, name: str, size: tuple[int, int]) -> str:
        """Emit a 3x3 max pool of stride 2.

        Parameters
        ----------
        x
            Name of the input tensor.
        name
            Of the new tensor.
        size
            Height and width of the output.

        Returns
        -------
        str
            Name of the output tensor.
        """
        channels = self.shapes[x][3]
        padding = self.variant.pool_padding
        return self.emit("maxpool", name, (x,), (1, *size, channels), padding=padding)

    def fuse(self, cell: int, index: int, node: Fusion, tensors: list[str]) -> str:
        """Resample the inputs, weigh and add them, activate, separable convolution.

        Parameters
        ----------
        cell
            Number of the cell, from 0.
        index
            Number of the node in the cell.
        node
            Its level and inputs.
        tensors
            All tensors so far, which the node's offsets count.

        Returns
        -------
        str
            Name of the output tensor.
        """
        v, name, param = (
            self.variant,
            f"fpn/cell.{cell}/fnode.{index}",
            f"fpn.cell.{cell}.fnode.{index}",
        )
        total = self.weigh(name, param, node, tensors)
        if v.activation == "swish":
            total = self.emit("swish", f"{name}/swish", (total,), self.shapes[total])
        conv = f"{param}.after_combine.conv"
        return self.separable(total, name, conv, v.fpn_channels, f"{conv}.bn")

    def weigh(self, name: str, param: str, node: Fusion, tensors: list[str]) -> str:
        """Emit the weighted sum of a node's inputs, the weights being constants.

        Parameters
        ----------
        name
            Of the new tensor.
        param
            Prefix of the weights.
        node
            Its level and inputs.
        tensors
            Resampled inputs.

        Returns
        -------
        str
            Name of the output tensor.

        Raises
        ------
        CheckpointError
            Where all fusion weights are zero or negative.
        """
        total: str | None = None
        factors = self.fusion_factors(f"{param}.combine.edge_weights", len(node.inputs))
        kept = [(offset, f) for offset, f in zip(node.inputs, factors, strict=True) if f]
        for position, (offset, factor) in enumerate(kept):
            x = self.resample(name, param, node.level, offset, tensors[offset], factor)
            if total is None:
                total = x
                continue
            if node.gated and position == 1:
                x = self.gate(name, total, x)
            last = position == len(kept) - 1
            relu6 = last and self.variant.activation == "relu6"
            suffix = "sum" if last else f"sum.{position}"
            total = self.emit(
                "add",
                f"{name}/{suffix}",
                (total, x),
                self.shapes[x],
                activation="relu6" if relu6 else "none",
            )
        if total is None:
            raise CheckpointError(
                f"{param}.combine.edge_weights are all zero or negative: the node would have no "
                "input; check the checkpoint"
            )
        return total

    def resample(
        self, name: str, param: str, level: int, offset: int, x: str, factor: float = 1.0
    ) -> str:
        """Emit one input of a node, in the node's width and size, times the factor.

        Parameters
        ----------
        name
            Of the new tensors.
        param
            Prefix of the weights.
        level
            The node's level.
        offset
            Number of the input among the cell's tensors.
        x
            Name of the input tensor.
        factor
            What the input is multiplied with.

        Returns
        -------
        str
            Name of the output tensor.
        """
        place, size, width = f"{name}/in.{offset}", self.size(level), self.variant.fpn_channels
        if self.shapes[x][3] != width:
            x = self.lateral(x, place, lateral(self.variant, param, offset))
        pooled = 0
        while math.prod(self.shapes[x][1:3]) > math.prod(size):  # to a far level in steps of two
            height, full_width = self.shapes[x][1:3]
            half = (-(-height // 2), -(-full_width // 2))
            x = self.pool(x, f"{place}/pool" + (f".{pooled}" if pooled else ""), half)
            pooled += 1
        if factor != 1.0:  # before upsampling: a quarter of the elements
            x = self.emit("scale", f"{place}/scale", (x,), self.shapes[x], factor=factor)
        if math.prod(self.shapes[x][1:3]) < math.prod(size):
            x = self.emit("resize", f"{place}/resize", (x,), (1, *size, width))
        return x

    def lateral(self, x: str, place: str, param: str) -> str:
        """Return an input in the pyramid's width; where nodes share it, it is computed once.

        Parameters
        ----------
        x
            Name of the input tensor.
        place
            Of the new tensors.
        param
            Prefix of the weights.

        Returns
        -------
        str
            Name of the output tensor.
        """
        shared = param.replace(".", "/") if param.startswith("fpn.lateral.") else ""
        if f"{shared}/conv" in self.shapes:
            return f"{shared}/conv"
        return self.project(x, shared or place, param)

    def gate(self, name: str, first: str, second: str) -> str:
        """Emit NAS-FPN's global pooling: the second input times the sigmoid of the first one's mean.

        Parameters
        ----------
        name
            Of the new tensors.
        first
            The tensor that is pooled.
        second
            The tensor that is multiplied.

        Returns
        -------
        str
            Name of the output tensor.
        """
        shape = (1, 1, 1, self.shapes[first][3])
        mean = self.emit("mean", f"{name}/gate/mean", (first,), shape)
        gate = self.emit("sigmoid", f"{name}/gate", (mean,), shape)
        return self.emit("mul", f"{name}/gated", (second, gate), self.shapes[second])

    def fusion_factors(self, param: str, count: int) -> list[float]:
        """Return the constants that the fusion weights come down to (section 3.3 of the paper).

        Parameters
        ----------
        param
            Prefix of the weights.
        count
            Number of inputs.

        Returns
        -------
        list[float]
            One for each input.
        """
        if self.variant.fusion == "sum" or self.weights is None:
            return [1.0 if self.variant.fusion == "sum" else 0.5] * count
        raw = self.weights[param].astype(np.float64)
        if self.variant.fusion == "softmax":
            exp = np.exp(raw - raw.max())
            return [float(value) for value in exp / exp.sum()]
        positive = np.maximum(raw, 0)
        return [float(value) for value in positive / (positive.sum() + FUSION_EPSILON)]

    # --- heads ------------------------------------------------------------------------------

    def head(self, net: str, output: str, features: list[str], values: int) -> str:
        """Emit shared separable convolutions, batch norm per level; one tensor over all levels.

        Parameters
        ----------
        net
            Box_net or class_net.
        output
            Name of the output tensor.
        features
            A tensor for each level, lowest first.
        values
            Values for each anchor: 4, or the number of classes.

        Returns
        -------
        str
            Name of the output tensor, [1, anchors, values].
        """
        v = self.variant
        parts = []
        for position, (level, x) in enumerate(zip(v.levels, features, strict=True)):
            place = f"{net}/p{level}"
            for repeat in range(v.head_repeats):
                x = self.separable(
                    x,
                    f"{place}/conv_rep.{repeat}",
                    f"{net}.conv_rep.{repeat}",
                    v.fpn_channels,
                    f"{net}.bn_rep.{repeat}.{position}.bn",
                    v.activation,
                )
            x = self.separable(
                x, f"{place}/predict", f"{net}.predict", v.anchors_per_position * values
            )
            anchors = math.prod(self.size(level)) * v.anchors_per_position
            parts.append(self.emit("reshape", f"{place}/rows", (x,), (1, anchors, values)))
        return self.emit("concat", output, tuple(parts), (1, v.num_anchors, values))
