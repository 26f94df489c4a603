"""What each of TensorFlow Lite's operators takes: one row an operator, read by check.py.

Columns: operator | inputs | outputs | option table | element types | rule of the shapes.

inputs and outputs   a name each; `@4` its rank, `:ints` its own element types, `?` may be left out,
                     `~` may be missing at the end, `=` must be stored in the file, `*` any number
option table         of the schema's union BuiltinOptions; `!` may not be left out, `-` none
element types        of the operands without types of their own, which are all of one type; `scaled`:
                     integers of 8 and 16 bits must say what they stand for, by one scale
rule                 a function of the module that has it in its RULES, `-` none

Source: tensorflow/lite/schema/schema.fbs, and what the kernels ask for in their Prepare (LiteRT 2.3).
Types are those of any of its kernels, so that nothing is refused here that some runtime takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from edge_edet.formats.tflite.check.names import OPTION_TABLES, TYPE_GROUPS

__all__ = ["KINDS", "Kind", "Slot", "kind_of"]

_ROWS = """
CONV_2D              | x@4:real w@4:weights b@1:bias | y@4:real | Conv2D! | real | conv
DEPTHWISE_CONV_2D    | x@4:real w@4:weights b@1:bias | y@4:real | DepthwiseConv2D! | real | depthwise
TRANSPOSE_CONV       | size@1:int32 w@4:weights x@4:real b@1:bias? | y@4:real | TransposeConv! \
                                              | real | transpose_conv
FULLY_CONNECTED      | x:real w:weights b:bias? | y:real | FullyConnected | real | fully_connected
BATCH_MATMUL         | x:real y:real            | z:wide | BatchMatMul | real | batch_matmul
AVERAGE_POOL_2D      | x@4          | y@4     | Pool2D!       | real scaled   | pool
MAX_POOL_2D          | x@4          | y@4     | Pool2D!       | real scaled   | pool
L2_POOL_2D           | x@4          | y@4     | Pool2D!       | real          | pool
RESIZE_BILINEAR      | x@4 size@1:int32 | y@4 | ResizeBilinear | real         | resize
RESIZE_NEAREST_NEIGHBOR | x@4 size@1:int32 | y@4 | ResizeNearestNeighbor | any | resize

ADD                  | x y          | z       | Add           | number scaled | add
SUB                  | x y          | z       | Sub           | number scaled | add
MUL                  | x y          | z       | Mul           | number scaled | broadcast
DIV                  | x y          | z       | Div           | number scaled | broadcast
MAXIMUM              | x y          | z       | MaximumMinimum | number       | broadcast
MINIMUM              | x y          | z       | MaximumMinimum | number       | broadcast
SQUARED_DIFFERENCE   | x y          | z       | SquaredDifference | number scaled | add
POW                  | x y          | z       | Pow           | number        | broadcast
ATAN2                | x y          | z       | ATan2         | number        | broadcast
FLOOR_DIV            | x y          | z       | FloorDiv      | number        | broadcast
FLOOR_MOD            | x y          | z       | FloorMod      | number        | broadcast
BITWISE_XOR          | x y          | z       | BitwiseXor    | number        | broadcast
RIGHT_SHIFT          | x y          | z       | RightShift    | number        | broadcast
LOGICAL_AND          | x:bool y:bool | z:bool | LogicalAnd    | any           | broadcast
LOGICAL_OR           | x:bool y:bool | z:bool | LogicalOr     | any           | broadcast
EQUAL                | x y          | z:bool  | Equal         | any           | compare
NOT_EQUAL            | x y          | z:bool  | NotEqual      | any           | compare
LESS                 | x y          | z:bool  | Less          | number        | compare
LESS_EQUAL           | x y          | z:bool  | LessEqual     | number        | compare
GREATER              | x y          | z:bool  | Greater       | number        | compare
GREATER_EQUAL        | x y          | z:bool  | GreaterEqual  | number        | compare
ADD_N                | x*           | z       | AddN          | number        | alike
SELECT               | if:bool x y  | z       | Select        | any           | select
SELECT_V2            | if:bool x y  | z       | SelectV2      | any           | broadcast

RELU                 | x            | y       | -             | real scaled   | same
RELU6                | x            | y       | -             | real scaled   | same
RELU_N1_TO_1         | x            | y       | -             | real scaled   | same
RELU_0_TO_1          | x            | y       | -             | real scaled   | same
LEAKY_RELU           | x            | y       | LeakyRelu     | real scaled   | leaky_relu
PRELU                | x alpha      | y       | -             | real scaled   | broadcast
ELU                  | x            | y       | -             | real scaled   | same
GELU                 | x            | y       | Gelu          | real scaled   | same
HARD_SWISH           | x            | y       | HardSwish     | real scaled   | same
LOGISTIC             | x            | y       | -             | real scaled   | same
TANH                 | x            | y       | -             | real scaled   | same
SOFTMAX              | x            | y:wide  | Softmax       | real scaled   | softmax
LOG_SOFTMAX          | x            | y       | LogSoftmax    | real scaled   | same
EXP                  | x            | y       | Exp           | real scaled   | same
LOG                  | x            | y       | -             | real scaled   | same
SIN                  | x            | y       | -             | real          | same
COS                  | x            | y       | Cos           | real          | same
SQRT                 | x            | y       | -             | real scaled   | same
RSQRT                | x            | y       | -             | real scaled   | same
SQUARE               | x            | y       | Square        | number        | same
ABS                  | x            | y       | Abs           | number scaled | same
NEG                  | x            | y       | Neg           | number        | same
SIGN                 | x            | y       | Sign          | number        | same
FLOOR                | x            | y       | -             | number        | same
CEIL                 | x            | y       | -             | number        | same
ROUND                | x            | y       | -             | number        | same
LOGICAL_NOT          | x:bool       | y:bool  | LogicalNot    | any           | same
ZEROS_LIKE           | x            | y       | ZerosLike     | any           | same
L2_NORMALIZATION     | x            | y       | L2Norm        | real scaled   | same
LOCAL_RESPONSE_NORMALIZATION | x@4  | y@4     | LocalResponseNormalization | real | same
FAKE_QUANT           | x            | y       | FakeQuant     | real          | same
CAST                 | x:any        | y:any   | Cast          | any           | same
QUANTIZE             | x:wide       | y:coded | Quantize      | any           | quantize
DEQUANTIZE           | x:halved     | y:wide  | Dequantize    | any           | dequantize
COMPLEX_ABS          | x:any        | y:any   | -             | any           | same
REAL                 | x:any        | y:any   | -             | any           | same
IMAG                 | x:any        | y:any   | -             | any           | same

MEAN                 | x axis:int32 | y       | Reducer       | number        | reduce
SUM                  | x axis:int32 | y       | Reducer       | number        | reduce
REDUCE_MAX           | x axis:int32 | y       | Reducer       | number        | reduce
REDUCE_MIN           | x axis:int32 | y       | Reducer       | number        | reduce
REDUCE_PROD          | x axis:int32 | y       | Reducer       | number        | reduce
REDUCE_ANY           | x:bool axis:int32 | y:bool | Reducer   | any           | reduce
REDUCE_ALL           | x:bool axis:int32 | y:bool | Reducer   | any           | reduce
ARG_MAX              | x axis:ints  | y:ints  | ArgMax        | any           | arg_best
ARG_MIN              | x axis:ints  | y:ints  | ArgMin        | any           | arg_best
TOPK_V2              | x k:ints     | values places:ints | TopKV2 | any       | topk
CUMSUM               | x axis:int32 | y       | Cumsum        | number        | same
UNIQUE               | x            | y places:ints | Unique  | any           | -
WHERE                | x:any        | y:int64 | Where         | any           | -

RESHAPE              | x shape:ints~ | y      | Reshape       | any           | reshape
SQUEEZE              | x            | y       | Squeeze       | any           | squeeze
EXPAND_DIMS          | x axis:ints  | y       | ExpandDims    | any           | expand_dims
TRANSPOSE            | x perm@1:int32 | y     | Transpose     | any           | transpose
CONCATENATION        | x*           | y       | Concatenation | any           | concatenate
PACK                 | x*           | y       | Pack!         | any           | pack
UNPACK               | x            | y*      | Unpack!       | any           | unpack
SPLIT                | axis:int32 x | y*      | Split!        | any           | split
SPLIT_V              | x sizes@1:ints axis:int32 | y* | SplitV! | any         | split_v
SLICE                | x begin@1:ints size@1:ints | y | Slice | any           | slice
STRIDED_SLICE        | x begin@1:ints end@1:ints strides@1:ints | y | StridedSlice! | any | strided_slice
PAD                  | x paddings@2:steps | y | Pad           | any           | pad
PADV2                | x paddings@2:steps value | y | PadV2   | any           | pad
MIRROR_PAD           | x paddings@2:ints | y  | MirrorPad     | any           | pad
TILE                 | x times@1:ints | y     | Tile          | any           | tile
BROADCAST_TO         | x shape@1:ints | y     | BroadcastTo   | any           | broadcast_to
BROADCAST_ARGS       | x@1:ints y@1:ints | z@1:ints | -       | any           | -
GATHER               | x places:steps | y     | Gather        | any           | gather
GATHER_ND            | x places:steps | y     | GatherNd      | any           | gather_nd
SCATTER_ND           | places:ints x shape@1:ints | y | ScatterNd | any       | -
DYNAMIC_UPDATE_SLICE | x part at@1:ints | y   | DynamicUpdateSlice | any      | same
REVERSE_V2           | x axis@1:int32 | y     | ReverseV2     | any           | same
REVERSE_SEQUENCE     | x lengths@1:ints | y   | ReverseSequence | any         | same
ONE_HOT              | places:ints depth:int32 on off | y | OneHot! | any       | one_hot
SPACE_TO_DEPTH       | x@4          | y@4     | SpaceToDepth! | any           | space_to_depth
DEPTH_TO_SPACE       | x@4          | y@4     | DepthToSpace! | any           | depth_to_space
SPACE_TO_BATCH_ND    | x block@1:int32 paddings@2:int32 | y | SpaceToBatchND | any | -
BATCH_TO_SPACE_ND    | x block@1:int32 crops@2:int32 | y | BatchToSpaceND | any | -
SPARSE_TO_DENSE      | places:ints shape@1:ints x other | y | SparseToDense | any | -
SHAPE                | x:any        | y@1:ints | Shape        | any           | shape
RANK                 | x:any        | y@0:int32 | Rank        | any           | -
FILL                 | shape@1:ints x@0 | y   | Fill          | any           | fill
RANGE                | from@0 to@0 step@0 | y@1 | Range        | number        | -
BITCAST              | x:any        | y:any   | Bitcast       | any           | -
MATRIX_DIAG          | x            | y       | MatrixDiag    | any           | -
MATRIX_SET_DIAG      | x diagonal   | y       | MatrixSetDiag | any           | same
BUCKETIZE            | x:any        | y:int32 | Bucketize!    | any           | same
SEGMENT_SUM          | x places@1:int32 | y   | SegmentSum    | number        | -
UNSORTED_SEGMENT_PROD | x places:int32 count:int32 | y | UnsortedSegmentProd | number | -
UNSORTED_SEGMENT_MAX | x places:int32 count:int32 | y | UnsortedSegmentMax | number | -
UNSORTED_SEGMENT_MIN | x places:int32 count:int32 | y | UnsortedSegmentMin | number | -
UNSORTED_SEGMENT_SUM | x places:int32 count:int32 | y | UnsortedSegmentSum | number | -
EMBEDDING_LOOKUP     | places@1:int32 table:any | y:any | - | any            | -
NON_MAX_SUPPRESSION_V4 | boxes@2 scores@1 most@0:int32 iou@0 least@0 | kept:int32 count:int32 \
                                              | NonMaxSuppressionV4 | real | suppression
NON_MAX_SUPPRESSION_V5 | boxes@2 scores@1 most@0:int32 iou@0 least@0 sigma@0 \
                     | kept:int32 values count:int32 \
                                              | NonMaxSuppressionV5 | real | suppression
IF                   | if:bool rest:any?* | y:any?* | If! | any | branches
WHILE                | rest:any?*   | y:any?* | While!        | any           | branches
CALL_ONCE            | rest:any?*   | y:any?* | CallOnce!     | any           | branches
LSTM                 | rest:any?*   | y:any*  | LSTM!         | any           | recurrent
UNIDIRECTIONAL_SEQUENCE_LSTM | rest:any?* | y:any | UnidirectionalSequenceLSTM! | any | recurrent
BIDIRECTIONAL_SEQUENCE_LSTM | rest:any?* | y:any* | BidirectionalSequenceLSTM! | any | recurrent
UNIDIRECTIONAL_SEQUENCE_RNN | rest:any?* | y:any | SequenceRNN! | any         | recurrent
BIDIRECTIONAL_SEQUENCE_RNN | rest:any?* | y:any* | BidirectionalSequenceRNN! | any | recurrent
RNN                  | rest:any?*   | y:any   | RNN!          | any           | recurrent
SVDF                 | rest:any?*   | y:any   | SVDF!         | any           | recurrent
CONV_3D              | x@5 w@5 b@1? | y@5     | Conv3D!       | any           | -
CONV_3D_TRANSPOSE    | size@1:int32 w@5 x@5 b@1? | y@5 | Conv3D! | any         | -
TFLite_Detection_PostProcess | codes@3:raw scores@3:raw anchors@2:raw \
                     | boxes:float32 classes:float32 values:float32 count:float32 | - | any | detections
"""


@dataclass(frozen=True)
class Slot:
    """One operand of a row. types: () takes any; None: the row's own."""

    name: str
    rank: int | None = None
    types: tuple[str, ...] | None = None
    optional: bool = False  # its place may hold -1
    missing: bool = False  # there may be no place
    stored: bool = False
    repeated: bool = False


@dataclass(frozen=True)
class Kind:
    """One row. options: number of the option table, None where there is none."""

    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    options: int | None
    options_needed: bool
    types: tuple[str, ...]
    scaled: bool
    rule: str | None

    def takes(self, slots: tuple[Slot, ...]) -> tuple[int, int]:
        """Return the least and most number of operands."""
        if any(slot.repeated for slot in slots):
            return sum(not slot.missing for slot in slots), 2**31
        return sum(not slot.missing for slot in slots), len(slots)


_SLOT = re.compile(r"(\w+)(?:@(\d))?(?::(\w+))?([?~=*]*)")
KINDS = {row.partition("|")[0].strip(): row for row in _ROWS.splitlines() if row}


@cache
def kind_of(operator: str) -> Kind | None:
    """Return the row of an operator, None where there is none."""
    if operator not in KINDS:
        return None
    _, inputs, outputs, table, types, rule = (part.strip() for part in KINDS[operator].split("|"))
    group, *scaled = types.split()
    name = table.rstrip("!")
    return Kind(
        inputs=tuple(_slot(text) for text in inputs.split()),
        outputs=tuple(_slot(text) for text in outputs.split()),
        options=None if name == "-" else OPTION_TABLES[name],
        options_needed=table.endswith("!"),
        types=TYPE_GROUPS[group],
        scaled=bool(scaled),
        rule=None if rule == "-" else rule,
    )


def _slot(text: str) -> Slot:
    found = _SLOT.fullmatch(text)
    assert found is not None, text
    name, rank, group, marks = found.groups()
    return Slot(
        name,
        int(rank) if rank else None,
        TYPE_GROUPS[group] if group else None,
        optional="?" in marks,
        missing="?" in marks or "~" in marks,
        stored="=" in marks,
        repeated="*" in marks,
    )
