"""The work of a model file: multiply-adds, bytes moved, scores suppressed.

Read from the operators and shapes of the file itself; nothing is run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_edet.errors import ModelFileError
from edge_edet.formats import FORMATS, TensorInfo, read_model
from edge_edet.formats.tflite import ITEM_BITS, OperatorInfo, TfliteModel

__all__ = [
    "FLOAT",
    "INT8",
    "PRECISIONS",
    "SUPPRESSION",
    "Features",
    "features_of",
    "read_estimable",
    "read_features",
]

FLOAT, INT8 = "fp32", "int8"
PRECISIONS = (FLOAT, INT8)
SUPPRESSION = "TFLite_Detection_PostProcess"
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
MEASURED = (
    *CONVOLUTIONS,
    "ADD",
    "CAST",
    "CONCATENATION",
    "DEQUANTIZE",
    "MAX_POOL_2D",
    "QUANTIZE",
    "RESIZE_NEAREST_NEIGHBOR",
)
FREE = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")  # the same bytes under another shape
# Every element costs about the same, and never more than a few multiply-adds each.
ELEMENTWISE = (
    "ABS",
    "ARG_MAX",
    "AVERAGE_POOL_2D",
    "CLIP",
    "DIV",
    "EXP",
    "GATHER",
    "HARD_SWISH",
    "LESS",
    "LOGISTIC",
    "MAXIMUM",
    "MEAN",
    "MINIMUM",
    "MUL",
    "ONE_HOT",
    "PACK",
    "PAD",
    "PADV2",
    "PRELU",
    "LEAKY_RELU",
    "REDUCE_MAX",
    "RELU",
    "RELU6",
    "RESIZE_BILINEAR",
    "SELECT",
    "SELECT_V2",
    "SLICE",
    "SPLIT",
    "STRIDED_SLICE",
    "SUB",
    "SUM",
    "TANH",
    "TILE",
    "TOPK_V2",
    "TRANSPOSE",
)
PICKING = ("GATHER", "SLICE", "STRIDED_SLICE")  # read no more than they write


@dataclass(frozen=True)
class Features:
    """The work of one inference.

    Attributes
    ----------
    multiply_adds, bytes_moved
        By precision, of the operators that the measured models have. Bytes are those of activations that are
        read and written, convolutions included.
    suppressed_scores
        Anchors x classes that TFLite_Detection_PostProcess reads.
    largest_output
        Elements of the largest output.
    operators
        How many are computed.
    unmeasured
        Operator -> elements that it reads or writes, whichever are more, of operators that no measured
        model has.
    """

    multiply_adds: Mapping[str, int]
    bytes_moved: Mapping[str, int]
    suppressed_scores: int
    largest_output: int
    operators: int
    unmeasured: Mapping[str, int] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """The precision of the larger part of the multiply-adds."""
        return max(PRECISIONS, key=lambda p: self.multiply_adds[p])

    @property
    def total_multiply_adds(self) -> int:
        """Of both precisions."""
        return sum(self.multiply_adds.values())


def read_features(path: str | Path) -> Features:
    """Count the work of a `.tflite` file.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    Features
        Work by kind of operator.

    Raises
    ------
    ModelFileError
        Where it is another file, or has operators that no board was timed with.
    """
    return features_of(read_estimable(path))


def read_estimable(path: str | Path) -> TfliteModel:
    """Read a `.tflite`. Raises ModelFileError for another or a damaged file."""
    model = read_model(path)
    if not isinstance(model, TfliteModel):
        raise ModelFileError(
            f"no estimate for {str(path)!r}: it is {FORMATS[model.format].title}, and the published "
            "latencies are of TensorFlow Lite; measure it on the board with --host"
        )
    return model


def features_of(model: TfliteModel) -> Features:
    """Count the work of a model; see `read_features`."""
    if model.subgraph_count > 1:
        raise _refusal(model, f"{model.subgraph_count} graphs")
    computed = _computed(model)
    multiply_adds, moved = dict.fromkeys(PRECISIONS, 0), dict.fromkeys(PRECISIONS, 0)
    unmeasured: Counter[str] = Counter()
    suppressed = counted = 0
    for op in model.operators:
        if op.name in FREE or not any(computed[i] for i in op.outputs):
            continue  # float16 weights are turned into float32 once, when the file is loaded
        counted += 1
        if op.name in (SUPPRESSION, *CONVOLUTIONS) and (len(op.inputs) < 2 or -1 in op.inputs[:2]):
            raise _refusal(model, f"{op.name} without its second input")
        if op.name == SUPPRESSION:
            suppressed += _elements(model.tensors[op.inputs[1]])
        elif op.name in MEASURED:
            precision = _precision(model, op, computed)
            moved[precision] += sum(_size(model, i) for i in op.inputs + op.outputs if computed[i])
            if op.name in CONVOLUTIONS:
                multiply_adds[precision] += _multiply_adds(model, op)
        elif op.name in ELEMENTWISE:
            if not _feeds_suppression(model, op):
                read = () if op.name in PICKING else op.inputs
                tensors = [model.tensors[i] for i in (*read, *op.outputs) if computed[i]]
                unmeasured[op.name] += max(map(_elements, tensors))
        else:
            raise _refusal(model, f"the operator {op.name}")
    if not sum(multiply_adds.values()):
        raise _refusal(model, "no convolution")
    outputs = max(map(_elements, model.output_tensors), default=0)
    return Features(multiply_adds, moved, suppressed, outputs, counted, dict(unmeasured))


def _refusal(model: TfliteModel, what: str) -> ModelFileError:
    return ModelFileError(
        f"no estimate for {str(model.path)!r}: it has {what}, and the published latencies say "
        "nothing about that; measure it on the board with --host"
    )


def _computed(model: TfliteModel) -> dict[int, bool]:
    """Whether each tensor changes from one inference to the next; -1 is an input left out."""
    computed = {t.index: False for t in model.tensors} | {-1: False}
    computed.update(dict.fromkeys(model.inputs, True))
    for op in model.operators:
        if any(computed[i] for i in op.inputs):
            computed.update(dict.fromkeys(op.outputs, True))
    return computed


def _precision(model: TfliteModel, op: OperatorInfo, computed: Mapping[int, bool]) -> str:
    """Find what the operator computes in. Raises ModelFileError for a mixture in a convolution."""
    if op.name not in CONVOLUTIONS:
        return INT8 if model.tensors[op.outputs[0]].dtype in ("int8", "uint8") else FLOAT
    values, weights = (model.tensors[i].dtype for i in op.inputs[:2])
    if values == weights == "float32":
        return FLOAT
    if values == weights == "int8":
        return INT8
    kind = f"{op.name} of {values} values and {weights} weights"
    if values == "float32" and weights == "int8":
        kind = f"dynamic-range INT8 ({kind})"
    raise _refusal(model, kind)


def _multiply_adds(model: TfliteModel, op: OperatorInfo) -> int:
    weights = model.tensors[op.inputs[1]].shape  # [out, h, w, in], depthwise [1, h, w, out]
    if len(weights) != 4:
        raise _refusal(model, f"{op.name} with weights {list(weights)}")
    each = math.prod(weights[1:] if op.name == "CONV_2D" else weights[1:3])
    return _elements(model.tensors[op.outputs[0]]) * each


def _feeds_suppression(model: TfliteModel, op: OperatorInfo) -> bool:
    """Whether it is the sigmoid before TFLite_Detection_PostProcess, which was measured with it."""
    after = {i for other in model.operators if other.name == SUPPRESSION for i in other.inputs}
    after |= {
        i
        for other in model.operators
        if other.name == "DEQUANTIZE" and after & set(other.outputs)
        for i in other.inputs
    }
    return op.name == "LOGISTIC" and bool(after & set(op.outputs))


def _elements(tensor: TensorInfo) -> int:
    return math.prod(tensor.shape)


def _size(model: TfliteModel, index: int) -> int:
    tensor = model.tensors[index]
    return _elements(tensor) * ITEM_BITS.get(tensor.dtype, 32) // 8
