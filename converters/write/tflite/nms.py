"""Writes a graph with its suppression inside: `--nms in-graph`.

Does what `edge_edet.detection.postprocess` does by default: the best anchors only, each with its best class,
suppressed class by class. All but the first choice, which compares the network's own integers, is
float32 on 2,000 rows. Only clipping comes after suppression here: the graph does not know where the
picture ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import Affine, Quantized
from edge_edet.converters.write.detection_postprocess import (
    IOU_THRESHOLD,
    MAX_DETECTIONS,
    OPERATOR,
    OUTPUTS,
    SCORE_THRESHOLD,
    Suppression,
    class_places,
    relative_anchors,
)
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter, schema
from edge_edet.converters.write.tflite.lower import Op, TfliteLowering
from edge_edet.detection import PostprocessConfig
from edge_edet.network import Graph

__all__ = ["OUTPUTS", "Suppression", "write_tflite_with_nms"]

CANDIDATES = PostprocessConfig.candidates
PLACE = "suppression"  # where this module's tensors are, by name


def write_tflite_with_nms(
    graph: Graph,
    precision: str,
    quantized: Quantized | None = None,
    *,
    score_threshold: float = SCORE_THRESHOLD,
    iou_threshold: float = IOU_THRESHOLD,
    max_detections: int = MAX_DETECTIONS,
    input_dtype: str = "uint8",
    metadata: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return the `.tflite` file of a graph that suppresses by itself, as bytes.

    Outputs, all float32, K = max_detections: detection_boxes [1, K, 4] ymin xmin ymax xmax as
    fractions of the input square, not clipped; detection_classes and detection_scores [1, K], best
    first; num_detections [1]. Rows from num_detections on are zeros.

    Parameters
    ----------
    graph
        The network.
    precision
        Fp32, fp16, int8, int8-dynamic.
    quantized
        The integers, for precision int8.
    score_threshold
        Below it nothing is found, 0 to 1.
    iou_threshold
        Above it the lesser box is dropped, 0 to 1.
    max_detections
        K.
    input_dtype
        Uint8, float32 or int8, of the same grey levels.
    metadata
        Content by name.

    Returns
    -------
    bytes
        The content of the file.

    Raises
    ------
    InputError
        For thresholds that cannot be.
    """
    suppression = Suppression(score_threshold, iou_threshold, max_detections)
    writer = SuppressingLowering(graph, precision, quantized, suppression, input_dtype).lower()
    for name, data in (metadata or {}).items():
        writer.metadata(name, data)
    return writer.to_bytes()


class SuppressingLowering(TfliteLowering):
    """Lowers a graph and puts the suppression behind its outputs; k candidates, K detections."""

    def __init__(
        self,
        graph: Graph,
        precision: str,
        quantized: Quantized | None,
        suppression: Suppression,
        input_dtype: str = "uint8",
    ):
        super().__init__(graph, precision, quantized, input_dtype=input_dtype)
        self.suppression = suppression
        self.candidates = min(CANDIDATES, graph.variant.num_anchors)
        self.constants: dict[str, int] = {}

    def lower(self) -> TfliteWriter:
        """All operators and the interface with the suppressed detections."""
        inputs = self.body()
        best = self.best_anchors()
        codes = self.of_candidates("boxes", best)
        scores, classes = self.best_class(self.of_candidates("classes", best))
        detections = self.suppress(codes, scores, self.moved_anchors(best, classes))
        self.writer.interface(inputs, self.moved_back(detections))
        return self.writer

    # --- candidates ---------------------------------------------------------------------------

    def best_anchors(self) -> int:
        """[k] int32: the anchors with the highest logits, compared as the network gives them."""
        logits, n = self.graph.outputs["classes"], self.graph.variant.num_anchors
        like: dict[str, Any] = (
            {"dtype": "int8", "affine": self.affine(logits)} if self.integer else {}
        )
        version = 2 if self.integer else 1
        highest = self.make(
            Op.REDUCE_MAX,
            "highest",
            (1, n),
            [self.index[logits], self.ints(2)],
            schema.ReducerOptionsT(),
            version,
            **like,
        )
        flat = self.reshape(highest, "highest/flat", (n,), **like)
        values = self.tensor("highest/values", (self.candidates,), **like)
        best = self.tensor("best", (self.candidates,), "int32")
        inputs, options = [flat, self.ints(self.candidates)], schema.TopKV2OptionsT()
        self.writer.operator(Op.TOPK_V2, version, inputs, [values, best], options)
        return best

    def of_candidates(self, role: str, best: int) -> int:
        """[1, k, 4] or [1, k, C] float32: the rows of an output that the candidates have."""
        name = self.graph.outputs[role]
        shape = (1, self.candidates, self.graph.node(name).shape[2])
        if not self.integer:
            return self.gather(self.index[name], best, name, shape, 1)
        rows = self.gather(
            self.index[name],
            best,
            f"{name}/int8",
            shape,
            1,
            2,
            dtype="int8",
            affine=self.affine(name),
        )
        return self.make(Op.DEQUANTIZE, name, shape, [rows], schema.DequantizeOptionsT(), 2)

    def best_class(self, logits: int) -> tuple[int, int]:
        """[1, k, C] scores, all zero but the best class's, and which it is, [k] int32.

        Zeros, so that the operator agrees with us about the best class where two are equal.
        """
        k, c = self.candidates, self.graph.variant.num_classes
        scores = self.make(Op.LOGISTIC, "scores", (1, k, c), [logits])
        options = schema.ArgMaxOptionsT()
        options.outputType = schema.TensorType.INT32
        inputs = [logits, self.int_scalar(2)]
        classes = self.make(Op.ARG_MAX, "class", (1, k), inputs, options, dtype="int32")
        once = schema.OneHotOptionsT()
        once.axis = -1
        which = [classes, self.int_scalar(c), self.real(1), self.real(0)]
        mask = self.make(Op.ONE_HOT, "class/mask", (1, k, c), which, once)
        kept = self.make(Op.MUL, "scores/best", (1, k, c), [scores, mask], schema.MulOptionsT())
        return kept, self.reshape(classes, "class/flat", (k,), "int32")

    # --- suppression --------------------------------------------------------------------------

    def moved_anchors(self, best: int, classes: int) -> int:
        """[k, 4] y x h w of the candidates' anchors, in fractions of the input, each class apart."""
        v, k = self.graph.variant, self.candidates
        rows = self.constant(f"{PLACE}/anchors", relative_anchors(v))
        rows = self.gather(rows, best, "anchors/best", (k, 4), 0)
        moves = class_places(v.num_classes)
        moves[:, 2:] = 0
        places = self.constant(f"{PLACE}/places", moves)
        places = self.gather(places, classes, "places/best", (k, 4), 0)
        return self.make(Op.ADD, "anchors/moved", (k, 4), [rows, places], schema.AddOptionsT())

    def suppress(self, codes: int, scores: int, rows: int) -> dict[str, int]:
        """Role -> tensor of what the operator gives; rows from `count` on are undefined."""
        count = self.suppression.max_detections
        shapes = {"boxes": (1, count, 4), "classes": (1, count), "scores": (1, count)}
        found = {role: self.tensor(f"raw/{role}", shape) for role, shape in shapes.items()}
        found["count"] = self.writer.tensor(OUTPUTS["count"], (1,), "float32")
        options = self.suppression.custom_options(self.graph.variant.num_classes)
        self.writer.operator(
            Op.CUSTOM,
            1,
            [codes, scores, rows],
            list(found.values()),
            custom=OPERATOR,
            custom_options=options,
        )
        return found

    def moved_back(self, found: dict[str, int]) -> dict[str, int]:
        """Output name -> tensor: boxes where they were found, undefined rows zero."""
        count, num_classes = self.suppression.max_detections, self.graph.variant.num_classes
        order = self.constant(f"{PLACE}/order", np.arange(count, dtype=np.float32)[None])
        filled = self.make(
            Op.LESS,
            "filled",
            (1, count),
            [order, found["count"]],
            schema.LessOptionsT(),
            dtype="bool",
        )
        classes = self.select(filled, found["classes"], OUTPUTS["classes"], (1, count))
        scores = self.select(filled, found["scores"], OUTPUTS["scores"], (1, count))
        options = schema.CastOptionsT()
        options.inDataType, options.outDataType = schema.TensorType.FLOAT32, schema.TensorType.INT32
        number = self.make(Op.CAST, "number", (1, count), [classes], options, dtype="int32")
        shape = (1, count, 4)
        places = self.constant(f"{PLACE}/places/boxes", class_places(num_classes))
        places = self.gather(places, number, "places/found", shape, 0)
        boxes = self.make(Op.SUB, "boxes", shape, [found["boxes"], places], schema.SubOptionsT())
        column = self.reshape(filled, "filled/column", (1, count, 1), "bool")
        boxes = self.select(column, boxes, OUTPUTS["boxes"], shape)
        outputs = {"boxes": boxes, "classes": classes, "scores": scores, "count": found["count"]}
        return {OUTPUTS[role]: outputs[role] for role in OUTPUTS}

    # --- single operators -----------------------------------------------------------------------

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        affine: Affine | None = None,
    ) -> int:
        """Return a tensor of this module's operators; the outputs have names of their own."""
        place = name if name in OUTPUTS.values() else f"{PLACE}/{name}"
        grid = Quantization((affine.scale,), (affine.zero_point,)) if affine else None
        return self.writer.tensor(place, shape, dtype, grid)

    def make(
        self,
        code: int,
        name: str,
        shape: tuple[int, ...],
        inputs: list[int],
        options: Any = None,
        version: int = 1,
        **kind: Any,
    ) -> int:
        output = self.tensor(name, shape, **kind)
        self.writer.operator(code, version, inputs, [output], options)
        return output

    def gather(
        self,
        rows: int,
        which: int,
        name: str,
        shape: tuple[int, ...],
        axis: int,
        version: int = 1,
        **kind: Any,
    ) -> int:
        options = schema.GatherOptionsT()
        options.axis = axis
        return self.make(Op.GATHER, name, shape, [rows, which], options, version, **kind)

    def reshape(
        self,
        source: int,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        affine: Affine | None = None,
    ) -> int:
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        inputs = [source, self.ints(*shape)]
        return self.make(Op.RESHAPE, name, shape, inputs, options, dtype=dtype, affine=affine)

    def select(self, filled: int, values: int, name: str, shape: tuple[int, ...]) -> int:
        """Return the values where filled, else 0."""
        inputs = [filled, values, self.real(0)]
        return self.make(Op.SELECT_V2, name, shape, inputs, schema.SelectV2OptionsT())

    def ints(self, *values: int) -> int:
        return self.shared("x".join(map(str, values)), np.asarray(values, np.int32))

    def int_scalar(self, value: int) -> int:
        return self.shared(f"scalar/{value}", np.asarray(value, np.int32))

    def real(self, value: float) -> int:
        return self.shared(f"scalar/{value:.1f}", np.asarray(value, np.float32))

    def shared(self, name: str, data: npt.NDArray[Any]) -> int:
        """Return a constant that several operators read."""
        if name not in self.constants:
            self.constants[name] = self.constant(f"{PLACE}/{name}", data)
        return self.constants[name]
