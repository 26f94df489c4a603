"""Writes an OpenVINO model with its suppression inside: `--nms in-graph`.

Does what `edge_edet.detection.postprocess` does by default: the best anchors only, each with its best class,
suppressed class by class, the best of all classes kept. Only clipping comes after suppression here: the
graph does not know where the picture ends. The one output is that of OpenVINO's own detectors, which
DetectionOutput gives: rows of image, class, score, left, top, right, bottom.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from edge_edet.converters.write.detection_postprocess import Suppression, relative_anchors
from edge_edet.converters.write.openvino.lower import Made, OpenVinoLowering
from edge_edet.detection import PostprocessConfig
from edge_edet.manifest import ROWS

__all__ = ["DETECTIONS", "SuppressingOpenVinoLowering", "is_suppression"]

DETECTIONS = ROWS  # the output
CANDIDATES = PostprocessConfig.candidates
LARGEST_SIZE_CODE = 80.0  # as in anchors.decode: exp of more is infinite
NO_IMAGE = -1.0  # in the first column of the rows behind the last detection
PLACE = "suppression"  # where this module's operations are, by name


def is_suppression(name: str) -> bool:
    """Say whether an operation is one of this module's, by its name.

    Parameters
    ----------
    name
        Of the operation.

    Returns
    -------
    bool
        Whether it is.
    """
    return name == DETECTIONS or name.startswith(f"{PLACE}/")


class SuppressingOpenVinoLowering(OpenVinoLowering):
    """Lowers a graph and puts the suppression behind its outputs; k candidates, K detections."""

    suppression = Suppression()

    def lower(self) -> Any:
        """Return the openvino.Model with the output detections [1, 1, K, 7], float32.

        Rows are (image 0, class, score, xmin, ymin, xmax, ymax), the best score first, coordinates in
        fractions of the input, not clipped. The rows behind the last detection are (-1, 0, 0, ...).

        Returns
        -------
        Any
            The openvino.Model.
        """
        model = super().lower()
        (image,) = model.get_parameters()
        self.named(self.detections(), DETECTIONS)
        self.tensors[DETECTIONS].output(0).get_tensor().set_names({DETECTIONS})
        return ov.Model([self.result(DETECTIONS)], [image], model.get_friendly_name())

    def detections(self) -> Made:
        """Add everything behind the network's own outputs.

        Returns
        -------
        Made
            [1, 1, K, 7].
        """
        k = min(CANDIDATES, self.graph.variant.num_anchors)
        rows = {role: self.rows(role) for role in ("boxes", "classes")}
        highest = self.make("highest", op.reduce_max(rows["classes"], self.ints("axis", 1), False))
        best = op.topk(highest, self.ints("candidates", k), 0, "max", "value", "i64")
        self.make("best", best)
        scores = self.make("best/scores", op.sigmoid(best.output(0)))
        boxes = self.decode(rows["boxes"], best.output(1))
        logits = self.pick("best/class_logits", rows["classes"], best.output(1))
        top = op.topk(logits, self.ints("one", 1), 1, "max", "value", "i64")
        self.make("best/class", top)
        classes = self.make("best/classes", op.squeeze(top.output(1), self.ints("second_axis", 1)))
        found = self.best_detections(boxes, scores, classes)
        self.tensors[DETECTIONS] = found
        return found

    # --- candidates ---------------------------------------------------------------------------

    def rows(self, role: str) -> Made:
        """[N, 4] or [N, C]: an output of the network without its first axis.

        Parameters
        ----------
        role
            Box_codes or class_logits.

        Returns
        -------
        Made
            A row for each anchor.
        """
        name = self.graph.outputs[role]
        return self.make(f"{role}/rows", op.squeeze(self.tensors[name], self.ints("first_axis", 0)))

    def decode(self, codes: Made, best: Any) -> Made:
        """[k, 4] xmin ymin xmax ymax of the candidates as fractions of the input; anchors.decode.

        Parameters
        ----------
        codes
            [N, 4], of all anchors.
        best
            [k], indexes of the candidates.

        Returns
        -------
        Made
            [k, 4].
        """
        v = self.graph.variant
        places = self.constant(f"{PLACE}/anchors", relative_anchors(v))
        at = self.make(
            "best/anchors/parts",
            op.split(self.pick("best/anchors", places, best), self.ints("columns", 1), 4),
        )
        code = self.make(
            "best/codes/parts",
            op.split(self.pick("best/codes", codes, best), self.ints("columns", 1), 4),
        )
        half, limit = self.real("half", 0.5), self.real("largest", LARGEST_SIZE_CODE)
        low, high = [], []
        for axis, name in ((1, "x"), (0, "y")):  # codes and anchors are y, x, height, width
            centre, size = at.output(axis), at.output(axis + 2)
            moved = self.make(f"boxes/{name}/shift", op.multiply(code.output(axis), size))
            middle = self.make(f"boxes/{name}/centre", op.add(moved, centre))
            limited = self.make(f"boxes/{name}/limited", op.minimum(code.output(axis + 2), limit))
            growth = self.make(f"boxes/{name}/growth", op.exp(limited))
            grown = self.make(f"boxes/{name}/size", op.multiply(growth, size))
            away = self.make(f"boxes/{name}/half", op.multiply(grown, half))
            low.append(self.make(f"boxes/{name}/low", op.subtract(middle, away)))
            high.append(self.make(f"boxes/{name}/high", op.add(middle, away)))
        return self.make("boxes", op.concat([*low, *high], 1))

    # --- suppression --------------------------------------------------------------------------

    def suppress(self, boxes: Made, scores: Made, classes: Made) -> Made:
        """[n] int64: the candidates that stay, class by class.

        Each candidate scores in its best class only: elsewhere it has 0, which no threshold lets pass.

        Parameters
        ----------
        boxes
            [k, 4].
        scores
            [k].
        classes
            [k].

        Returns
        -------
        Made
            [n], indexes into the candidates.
        """
        limits = self.suppression
        every = np.arange(self.graph.variant.num_classes).reshape(-1, 1)  # [C, 1]
        every_class = self.constant(f"{PLACE}/every_class", every, np.int64)
        own = self.make("own_class", op.equal(classes, every_class))  # [C, k]
        own = self.make("own_class/float", op.convert(own, "f32"))
        by_class = self.make("scores_by_class", op.multiply(scores, own))
        selected = op.non_max_suppression(
            self.batch("boxes", boxes),
            self.batch("scores_by_class", by_class),
            self.constant(f"{PLACE}/per_class", limits.max_detections, np.int64),
            self.constant(f"{PLACE}/iou_threshold", limits.iou_threshold),
            self.constant(f"{PLACE}/score_threshold", limits.score_threshold),
            box_encoding="corner",
            sort_result_descending=False,
            output_type="i64",
        )  # [n, 3] batch, class, box
        self.make("selected", selected)
        column = self.constant(f"{PLACE}/box_column", 2, np.int64)
        axis = self.constant(f"{PLACE}/box_axis", 1, np.int64)
        return self.make("selected/boxes", op.gather(selected.output(0), column, axis))

    def best_detections(self, boxes: Made, scores: Made, classes: Made) -> Made:
        """[1, 1, K, 7]: the best K of all classes, best first, behind them the rows of no image.

        K rows of no image are appended before the choice, so that its size does not depend on the picture.

        Parameters
        ----------
        boxes
            [n, 4].
        scores
            [n].
        classes
            [n].

        Returns
        -------
        Made
            [1, 1, K, 7].
        """
        kept = self.suppression.max_detections
        selected = self.suppress(boxes, scores, classes)
        real = self.make("classes/float", op.convert(classes, "f32"))
        columns = [self.column(name, made) for name, made in (("class", real), ("score", scores))]
        image = self.make("image", op.multiply(columns[0], self.real("no_image/factor", 0.0)))
        rows = self.make("rows", op.concat([image, *columns, boxes], 1))  # [k, 7]
        rows = self.pick("rows/selected", rows, selected)
        none = np.zeros((kept, 7), np.float32)
        none[:, 0] = NO_IMAGE
        rows = self.make("rows/padded", op.concat([rows, self.constant(f"{PLACE}/none", none)], 0))
        score = self.constant(f"{PLACE}/score_column", 2, np.int64)
        axis = self.constant(f"{PLACE}/score_axis", 1, np.int64)
        ranked = self.make("rows/scores", op.gather(rows, score, axis))
        order = op.topk(ranked, self.ints("most", kept), 0, "max", "value", "i64")
        self.make("order", order)
        rows = self.pick("rows/best", rows, order.output(1))
        shape = self.constant(f"{PLACE}/shape", [1, 1, kept, 7], np.int64)
        return op.reshape(rows, shape, False)

    # --- single operations ----------------------------------------------------------------------

    def make(self, name: str, made: Made) -> Made:
        """Name an operation under this module's prefix.

        Parameters
        ----------
        name
            Without the prefix.
        made
            The operation.

        Returns
        -------
        Made
            The operation.
        """
        return self.named(made, f"{PLACE}/{name}")

    def ints(self, name: str, value: int) -> Made:
        """Return a constant integer.

        Parameters
        ----------
        name
            Without the prefix.
        value
            Of the constant.

        Returns
        -------
        Made
            A scalar, int64.
        """
        return self.constant(f"{PLACE}/{name}", value, np.int64)

    def real(self, name: str, value: float) -> Made:
        """Return a constant number.

        Parameters
        ----------
        name
            Without the prefix.
        value
            Of the constant.

        Returns
        -------
        Made
            A scalar, float32.
        """
        return self.constant(f"{PLACE}/{name}", value)

    def pick(self, name: str, rows: Made, which: Any) -> Made:
        """Return some of the rows.

        Parameters
        ----------
        name
            Without the prefix.
        rows
            [n, ...].
        which
            [k], indexes of rows.

        Returns
        -------
        Made
            [k, ...].
        """
        return self.make(name, op.gather(rows, which, self.ints(f"{name}/axis", 0)))

    def batch(self, name: str, made: Made) -> Made:
        """Return it with a first axis of one picture.

        Parameters
        ----------
        name
            Without the prefix.
        made
            [...].

        Returns
        -------
        Made
            [1, ...].
        """
        return self.make(f"{name}/batch", op.unsqueeze(made, self.ints(f"{name}/batch/axis", 0)))

    def column(self, name: str, made: Made) -> Made:
        """[k] to [k, 1].

        Parameters
        ----------
        name
            Without the prefix.
        made
            [k].

        Returns
        -------
        Made
            [k, 1].
        """
        return self.make(f"{name}/column", op.unsqueeze(made, self.ints(f"{name}/column/axis", 1)))
