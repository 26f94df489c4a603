"""Names in the table of kinds.py: groups of element types, and the schema's option tables."""

from __future__ import annotations

__all__ = ["OPTION_TABLES", "TYPE_GROUPS"]

# An empty one takes every type.
TYPE_GROUPS = {
    "any": (),
    "bool": ("bool",),
    "int32": ("int32",),
    "int64": ("int64",),
    "ints": ("int32", "int64"),
    "steps": ("int32", "int64", "int8", "int16"),
    "raw": ("float32", "uint8"),
    "float32": ("float32",),
    "real": ("float32", "int8", "uint8", "int16", "float16", "bfloat16"),
    "wide": ("float32", "int8", "uint8", "int16", "int32", "float16", "bfloat16"),
    "coded": ("int8", "uint8", "int16", "int4"),
    "halved": ("int8", "uint8", "int16", "float16", "bfloat16", "int4", "int2"),
    "weights": (
        "float32",
        "int8",
        "uint8",
        "int16",
        "int4",
        "int2",
        "uint4",
        "float16",
        "bfloat16",
    ),
    "bias": ("float32", "int32", "int64", "float16", "bfloat16"),
    "number": (
        "float32",
        "int8",
        "uint8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float64",
        "uint16",
        "uint32",
        "uint64",
    ),
}

# Members of the schema's union BuiltinOptions, without their "Options".
OPTION_TABLES = {
    "Conv2D": 1, "DepthwiseConv2D": 2, "Pool2D": 5, "SVDF": 6, "RNN": 7, "FullyConnected": 8,
    "Softmax": 9, "Concatenation": 10, "Add": 11, "L2Norm": 12, "LocalResponseNormalization": 13,
    "LSTM": 14, "ResizeBilinear": 15, "Reshape": 17, "SpaceToDepth": 19, "Mul": 21, "Pad": 22,
    "Gather": 23, "BatchToSpaceND": 24, "SpaceToBatchND": 25, "Transpose": 26, "Reducer": 27,
    "Sub": 28, "Div": 29, "Squeeze": 30, "SequenceRNN": 31, "StridedSlice": 32, "Exp": 33,
    "TopKV2": 34, "Split": 35, "LogSoftmax": 36, "Cast": 37, "Dequantize": 38,
    "MaximumMinimum": 39, "ArgMax": 40, "Less": 41, "Neg": 42, "PadV2": 43, "Greater": 44,
    "GreaterEqual": 45, "LessEqual": 46, "Select": 47, "Slice": 48, "TransposeConv": 49,
    "SparseToDense": 50, "Tile": 51, "ExpandDims": 52, "Equal": 53, "NotEqual": 54, "Shape": 55,
    "Pow": 56, "ArgMin": 57, "FakeQuant": 58, "Pack": 59, "LogicalOr": 60, "OneHot": 61,
    "LogicalAnd": 62, "LogicalNot": 63, "Unpack": 64, "FloorDiv": 65, "Square": 66,
    "ZerosLike": 67, "Fill": 68, "BidirectionalSequenceLSTM": 69, "BidirectionalSequenceRNN": 70,
    "UnidirectionalSequenceLSTM": 71, "FloorMod": 72, "Range": 73, "ResizeNearestNeighbor": 74,
    "LeakyRelu": 75, "SquaredDifference": 76, "MirrorPad": 77, "Abs": 78, "SplitV": 79,
    "Unique": 80, "ReverseV2": 81, "AddN": 82, "GatherNd": 83, "Cos": 84, "Where": 85, "Rank": 86,
    "ReverseSequence": 87, "MatrixDiag": 88, "Quantize": 89, "MatrixSetDiag": 90, "HardSwish": 91,
    "If": 92, "While": 93, "DepthToSpace": 94, "NonMaxSuppressionV4": 95,
    "NonMaxSuppressionV5": 96, "ScatterNd": 97, "SelectV2": 98, "SegmentSum": 100,
    "BatchMatMul": 101, "Cumsum": 102, "CallOnce": 103, "BroadcastTo": 104, "Conv3D": 106,
    "Bucketize": 115, "Gelu": 116, "DynamicUpdateSlice": 117, "UnsortedSegmentProd": 118,
    "UnsortedSegmentMax": 119, "UnsortedSegmentMin": 120, "UnsortedSegmentSum": 121, "ATan2": 122,
    "Sign": 123, "Bitcast": 124, "BitwiseXor": 125, "RightShift": 126,
}  # fmt: skip
