"""Writes an ONNX graph with its suppression inside, of standard operators: `--nms in-graph`.

Does what `edge_edet.detection.postprocess` does by default: the best anchors only, each with its best class,
suppressed class by class, the best of all classes kept. Only clipping comes after suppression here:
the graph does not know where the picture ends. Outputs are those of in_graph_nms.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper

from edge_edet.converters.write.detection_postprocess import OUTPUTS, Suppression, relative_anchors
from edge_edet.converters.write.onnx.lower import OnnxLowering
from edge_edet.detection import PostprocessConfig
from edge_edet.network import Graph

__all__ = ["SuppressingOnnxLowering"]

CANDIDATES = PostprocessConfig.candidates
LARGEST_SIZE_CODE = 80.0  # as in anchors.decode: exp of more is infinite
PLACE = "suppression"  # where this module's values are, by name


class SuppressingOnnxLowering(OnnxLowering):
    """Lowers a graph and puts the suppression behind its outputs; k candidates, K detections."""

    def __init__(self, graph: Graph, suppression: Suppression, input_dtype: str = "uint8"):
        super().__init__(graph, input_dtype)
        self.suppression = suppression
        self.candidates = min(CANDIDATES, graph.variant.num_anchors)

    def outputs(self) -> list[ValueInfoProto]:
        """Append the suppression; the four outputs, float32, rows beyond the last one zero."""
        best, scores = self.best_anchors()
        boxes = self.decode(best)
        classes = self.best_class(best)
        self.best_detections(boxes, scores, classes, self.suppress(boxes, scores, classes))
        kept = self.suppression.max_detections
        shapes = {"boxes": (1, kept, 4), "classes": (1, kept), "scores": (1, kept), "count": (1,)}
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[role])
            for role, name in OUTPUTS.items()
        ]

    # --- candidates ---------------------------------------------------------------------------

    def best_anchors(self) -> tuple[str, str]:
        """Return the anchors with the highest scores, [k] int64, and those scores [k], best first."""
        logits = self.graph.outputs["classes"]
        highest = self.make("ReduceMax", "highest", logits, axes=[0, 2], keepdims=0)
        count = self.constant(f"{PLACE}/candidates", [self.candidates], np.int64)
        values, best = f"{PLACE}/best/logits", f"{PLACE}/best"
        self.nodes.append(helper.make_node("TopK", [highest, count], [values, best], best, axis=0))
        return best, self.make("Sigmoid", "best/scores", values)

    def best_class(self, best: str) -> str:
        """[k] int64."""
        logits = self.make("Gather", "best/class_logits", self.rows("classes"), best, axis=0)
        return self.make("ArgMax", "best/classes", logits, axis=1, keepdims=0)

    def rows(self, role: str) -> str:
        """[N, 4] or [N, C]: an output of the network without its first axis."""
        axes = self.constant(f"{PLACE}/first_axis", [0], np.int64)
        return self.make("Squeeze", f"{role}/rows", self.graph.outputs[role], axes)

    def decode(self, best: str) -> str:
        """[k, 4] ymin xmin ymax xmax of the candidates as fractions of the input; anchors.decode."""
        v = self.graph.variant
        parts = relative_anchors(v)
        centre = self.constant(f"{PLACE}/anchors/centre", parts[:, :2])
        size = self.constant(f"{PLACE}/anchors/size", parts[:, 2:])
        centre = self.make("Gather", "best/anchors/centre", centre, best, axis=0)
        size = self.make("Gather", "best/anchors/size", size, best, axis=0)
        codes = self.make("Gather", "best/codes", self.rows("boxes"), best, axis=0)
        shift, growth = f"{PLACE}/best/codes/shift", f"{PLACE}/best/codes/size"
        halves = self.constant(f"{PLACE}/halves", [2, 2], np.int64)
        self.nodes.append(
            helper.make_node("Split", [codes, halves], [shift, growth], growth, axis=1)
        )
        moved = self.make("Mul", "boxes/shift", shift, size)
        middle = self.make("Add", "boxes/centre", moved, centre)
        limit = self.constant(f"{PLACE}/largest", LARGEST_SIZE_CODE)
        limited = self.make("Min", "boxes/limited", growth, limit)
        grown = self.make("Mul", "boxes/size", self.make("Exp", "boxes/growth", limited), size)
        half = self.make("Mul", "boxes/half", grown, self.constant(f"{PLACE}/half", 0.5))
        low = self.make("Sub", "boxes/low", middle, half)
        high = self.make("Add", "boxes/high", middle, half)
        return self.make("Concat", "boxes", low, high, axis=1)

    # --- suppression --------------------------------------------------------------------------

    def suppress(self, boxes: str, scores: str, classes: str) -> str:
        """[n] int64: the candidates that stay, class by class.

        Each candidate scores in its best class only: elsewhere it has 0, which no threshold lets pass.
        """
        limits, num_classes = self.suppression, self.graph.variant.num_classes
        every = np.arange(num_classes).reshape(-1, 1)  # [C, 1]
        every_class = self.constant(f"{PLACE}/every_class", every, np.int64)
        own = self.make("Equal", "own_class", classes, every_class)  # [C, k]
        own = self.make("Cast", "own_class/float", own, to=TensorProto.FLOAT)
        by_class = self.make("Mul", "scores_by_class", scores, own)
        axes = self.constant(f"{PLACE}/first_axis", [0], np.int64)
        selected = self.make(
            "NonMaxSuppression",
            "selected",
            self.make("Unsqueeze", "boxes/batch", boxes, axes),
            self.make("Unsqueeze", "scores_by_class/batch", by_class, axes),
            self.constant(f"{PLACE}/max_detections", [limits.max_detections], np.int64),
            self.constant(f"{PLACE}/iou_threshold", [limits.iou_threshold]),
            self.constant(f"{PLACE}/score_threshold", [limits.score_threshold]),
        )  # [n, 3] batch, class, box
        box = self.constant(f"{PLACE}/box_column", 2, np.int64)
        return self.make("Gather", "selected/boxes", selected, box, axis=1)

    def best_detections(self, boxes: str, scores: str, classes: str, selected: str) -> None:
        """Return the best K of all classes, best first, behind them rows of zeros.

        K zeros are appended before the choice, so that its size does not depend on the picture.
        """
        kept = self.suppression.max_detections
        number = self.make("Shape", "selected/count", selected)
        most = self.constant(f"{PLACE}/max_detections", [kept], np.int64)
        number = self.make("Min", "count", number, most)
        self.emit("Cast", OUTPUTS["count"], [number], to=TensorProto.FLOAT)
        found = self.padded("scores", scores, selected, (kept,))
        values, order = f"{PLACE}/scores/kept", f"{PLACE}/order"
        self.nodes.append(helper.make_node("TopK", [found, most], [values, order], order, axis=0))
        axes = self.constant(f"{PLACE}/first_axis", [0], np.int64)
        self.emit("Unsqueeze", OUTPUTS["scores"], [values, axes])
        real = self.make("Cast", "classes/float", classes, to=TensorProto.FLOAT)
        for role, source, shape in (("classes", real, (kept,)), ("boxes", boxes, (kept, 4))):
            rows = self.padded(role, source, selected, shape)
            rows = self.make("Gather", f"{role}/kept", rows, order, axis=0)
            self.emit("Unsqueeze", OUTPUTS[role], [rows, axes])

    def padded(self, role: str, source: str, selected: str, shape: tuple[int, ...]) -> str:
        """Return the selected rows with rows of zeros behind them."""
        rows = self.make("Gather", f"{role}/selected", source, selected, axis=0)
        zeros = self.constant(f"{PLACE}/{role}/zeros", np.zeros(shape, np.float32))
        return self.make("Concat", f"{role}/padded", rows, zeros, axis=0)

    def make(self, op: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator under this module's prefix and return the name of its output."""
        return self.emit(op, f"{PLACE}/{name}", list(inputs), **attributes)
