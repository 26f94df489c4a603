"""What a `.tflite` must hold to before a runtime sees it. No file of these tests is handed to one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from edge_edet import ModelFileError
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter
from edge_edet.formats.tflite.check.check import RULES
from edge_edet.formats.tflite.check.names import OPTION_TABLES, TYPE_GROUPS
from edge_edet.formats.tflite.check.operators import KINDS, kind_of
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.formats.tflite.schema import OPERATORS, SUPPRESSION, TENSOR_TYPES

OP = schema.BuiltinOperator
ONE = Quantization((0.5,), (0,))
Change = Callable[["Model"], None]


class Model:
    """A small valid graph, tensors by name; a change makes it wrong before it is written."""

    def __init__(self) -> None:
        self.writer = TfliteWriter("test")
        self.index: dict[str, int] = {}
        self.outputs: list[str] = []

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        grid: Quantization | None = None,
        data: Any = None,
    ) -> Any:
        if data is not None:
            data = np.asarray(data, dtype).reshape(shape)
        self.index[name] = self.writer.tensor(name, shape, dtype, grid, data)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        return self.writer._graph.tensors[self.index[name]]

    def op(
        self, code: int, inputs: list[str], outputs: list[str], options: Any = None, **more: Any
    ) -> Any:
        at = [-1 if name == "-" else self.index[name] for name in inputs]
        self.writer.operator(code, 1, at, [self.index[name] for name in outputs], options, **more)
        self.outputs = outputs
        return self.last

    @property
    def last(self) -> Any:
        return self.writer._graph.operators[-1]

    def write(self, path: Path) -> Path:
        self.writer.interface(
            {"x": self.index["x"]}, {name: self.index[name] for name in self.outputs}
        )
        path.write_bytes(self.writer.to_bytes())
        return path


def convolution(dtype: str = "float32") -> Model:
    """x [1, 8, 8, 4] -> y [1, 4, 4, 6]: 3x3, stride 2, SAME."""
    model = Model()
    integer = dtype != "float32"
    model.tensor("x", (1, 8, 8, 4), dtype, ONE if integer else None)
    grid = Quantization((0.25,) * 6, (0,) * 6) if integer else None
    model.tensor("w", (6, 3, 3, 4), dtype, grid, np.zeros(216))
    bias = Quantization((0.125,) * 6, (0,) * 6) if integer else None
    model.tensor("b", (6,), "int32" if integer else "float32", bias, np.zeros(6))
    model.tensor("y", (1, 4, 4, 6), dtype, ONE if integer else None)
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 2
    model.op(OP.CONV_2D, ["x", "w", "b"], ["y"], options)
    return model


def elementwise(code: int, options: Any, dtype: str = "int8") -> Model:
    model = Model()
    for name in "xyz":
        data = np.zeros(4) if name == "y" else None
        model.tensor(name, (1, 2, 2, 4) if name != "y" else (4,), dtype, ONE, data)
    model.op(code, ["x", "y"], ["z"], options)
    return model


def moved(
    code: int,
    options: Any,
    after: tuple[int, ...],
    constants: list[Any],
    *,
    first: int = 0,
    more: int = 1,
) -> Model:
    """x [2, 6, 4] with constants of int32 behind it, or before it from `first` on, to y."""
    model = Model()
    model.tensor("x", (2, 6, 4))
    names = []
    for number, values in enumerate(constants):
        values = np.asarray(values, np.int32)
        names.append(model.tensor(f"c{number}", values.shape, "int32", None, values).name)
    for number in range(more):
        model.tensor(f"y{number}", after)
    inputs = [*names[:first], "x", *names[first:]]
    model.op(code, inputs, [f"y{number}" for number in range(more)], options)
    return model


def options_of(kind: Any, **fields: Any) -> Any:
    options = kind()
    for name, value in fields.items():
        setattr(options, name, value)
    return options


def pool() -> Model:
    model = Model()
    model.tensor("x", (1, 8, 8, 4))
    model.tensor("y", (1, 4, 4, 4))
    options = options_of(schema.Pool2DOptionsT, strideW=2, strideH=2, filterWidth=3, filterHeight=3)
    model.op(OP.MAX_POOL_2D, ["x"], ["y"], options)
    return model


def reshape() -> Model:
    options = options_of(schema.ReshapeOptionsT, newShape=[12, 4])
    return moved(OP.RESHAPE, options, (12, 4), [[12, 4]])


def split() -> Model:
    return moved(
        OP.SPLIT, options_of(schema.SplitOptionsT, numSplits=2), (2, 3, 4), [1], first=1, more=2
    )


def suppression(**changes: float) -> Model:
    model = Model()
    model.tensor("x", (1, 9, 4))
    model.tensor("scores", (1, 9, 3), data=np.zeros(27))
    model.tensor("anchors", (9, 4), data=np.zeros(36))
    for name, shape in (("boxes", (1, 5, 4)), ("classes", (1, 5)), ("best", (1, 5)), ("n", (1,))):
        model.tensor(name, shape)
    values: dict[str, float] = {
        "max_detections": 5,
        "max_classes_per_detection": 1,
        "nms_score_threshold": 0.1,
        "nms_iou_threshold": 0.5,
        "num_classes": 2,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
        **changes,
    }
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in values.items():
            if value is not None:
                (builder.Float if isinstance(value, float) else builder.Int)(name, value)
    model.op(
        OP.CUSTOM,
        ["x", "scores", "anchors"],
        ["boxes", "classes", "best", "n"],
        custom=SUPPRESSION,
        custom_options=bytes(builder.Finish()),
    )
    return model


def add() -> Model:
    return elementwise(OP.ADD, schema.AddOptionsT())


# (what is wrong, the valid model, the change, part of the message)
REFUSED: list[tuple[str, Callable[[], Model], Change, str]] = [
    (
        "too few inputs",
        convolution,
        lambda m: m.last.inputs.pop(),
        "operator 0 (CONV_2D): it has 2 inputs, expected 3",
    ),
    (
        "an input left out",
        convolution,
        lambda m: m.last.inputs.__setitem__(2, -1),
        "operator 0 (CONV_2D): its input 'b' is left out",
    ),
    ("no output", convolution, lambda m: setattr(m.last, "outputs", []), "it has 0 outputs"),
    (
        "other options",
        convolution,
        lambda m: setattr(m.last, "builtinOptionsType", 5),
        "its options are of kind 5, expected 1",
    ),
    (
        "no options",
        convolution,
        lambda m: (
            setattr(m.last, "builtinOptionsType", 0),
            setattr(m.last, "builtinOptions", None),
        ),
        "it has no options",
    ),
    (
        "stride 0",
        convolution,
        lambda m: setattr(m.last.builtinOptions, "strideW", 0),
        "its stride is 0, expected 1 to 32767",
    ),
    (
        "dilation below 0",
        convolution,
        lambda m: setattr(m.last.builtinOptions, "dilationHFactor", -1),
        "its dilation is -1",
    ),
    (
        "unknown padding",
        convolution,
        lambda m: setattr(m.last.builtinOptions, "padding", 2),
        "its padding is number 2",
    ),
    (
        "unknown activation",
        convolution,
        lambda m: setattr(m.last.builtinOptions, "fusedActivationFunction", 9),
        "its activation is number 9",
    ),
    (
        "weights of half precision without a cast",
        lambda: convolution("int8"),
        lambda m: setattr(m["b"], "type", schema.TensorType.FLOAT32),
        "its bias 'b' is float32",
    ),
    (
        "weights of another type",
        lambda: convolution("int8"),
        lambda m: setattr(m["w"], "type", schema.TensorType.UINT8),
        "its weights 'w' are uint8, expected int8 or int4 or int2 for an input of int8",
    ),
    (
        "output shape",
        convolution,
        lambda m: setattr(m["y"], "shape", [1, 4, 4, 7]),
        "its output 'y' is [1, 4, 4, 7], its inputs give [1, 4, 4, 6]",
    ),
    (
        "weights for other channels",
        convolution,
        lambda m: setattr(m["x"], "shape", [1, 8, 8, 5]),
        "are for 4 channels, its input has 5",
    ),
    (
        "rank",
        convolution,
        lambda m: setattr(m["x"], "shape", [8, 8, 4]),
        "has 3 dimensions, expected 4",
    ),
    (
        "no scale",
        lambda: convolution("int8"),
        lambda m: setattr(m["x"], "quantization", None),
        "'x' of int8 has 0 scales, expected one",
    ),
    (
        "no scales of weights",
        lambda: convolution("int8"),
        lambda m: setattr(m["w"], "quantization", None),
        "have 0 scales, expected 1 or 6",
    ),
    (
        "scales along another axis",
        lambda: convolution("int8"),
        lambda m: (
            setattr(m["w"], "shape", [6, 3, 2, 6]),
            setattr(m["x"], "shape", [1, 8, 8, 6]),
            setattr(m["w"].quantization, "quantizedDimension", 3),
        ),
        "have scales along axis 3, expected 0",
    ),
    (
        "zero points of weights",
        lambda: convolution("int8"),
        lambda m: setattr(m["w"].quantization, "zeroPoint", np.full(6, 3)),
        "have zero points",
    ),
    (
        "scale not a number",
        add,
        lambda m: setattr(m["x"].quantization, "scale", [float("nan")]),
        "a scale that is negative or not finite",
    ),
    (
        "scale of 0",
        add,
        lambda m: setattr(m["z"].quantization, "scale", [0.0]),
        "'z' has a scale of 0, expected 1e-12 to 1e+12",
    ),
    (
        "stored scale of 0",
        add,
        lambda m: setattr(m["y"].quantization, "scale", [0.0]),
        "'y' of int8 has 1 scales, expected one above 0",
    ),
    (
        "scales too far apart",
        add,
        lambda m: setattr(m["z"].quantization, "scale", [1e-9]),
        "the scale of its output is 1e-09, that of its inputs 1e+09 times as large",
    ),
    (
        "a product far beyond the output",
        lambda: convolution("int8"),
        lambda m: setattr(m["y"].quantization, "scale", [1e-8]),
        "the scale of its output is 1e-08, that of its inputs 1.25e+07 times as large",
    ),
    (
        "zero point out of range",
        add,
        lambda m: setattr(m["x"].quantization, "zeroPoint", [128]),
        "has a zero point of 128, expected -128 to 127",
    ),
    (
        "two types",
        add,
        lambda m: setattr(m["x"], "type", schema.TensorType.UINT8),
        "'y' is int8, but 'x' uint8",
    ),
    (
        "a type without a kernel",
        add,
        lambda m: [setattr(m[n], "type", schema.TensorType.BOOL) for n in "xyz"],
        "'x' is bool, expected float32",
    ),
    (
        "shapes that do not fit",
        add,
        lambda m: setattr(m["x"], "shape", [1, 2, 2, 3]),
        "its inputs are [1, 2, 2, 3] and [4]: they do not fit",
    ),
    (
        "written twice",
        add,
        lambda m: setattr(m.last, "outputs", [m.index["x"]]),
        "it writes 'x', which is there already",
    ),
    (
        "a stored tensor written",
        add,
        lambda m: setattr(m.last, "outputs", [m.index["y"]]),
        "it writes 'y', which is there already",
    ),
    (
        "read before it is written",
        add,
        lambda m: m.last.inputs.__setitem__(0, m.index["z"]),
        "it reads 'z', which nothing has written",
    ),
    (
        "an input that is stored",
        add,
        lambda m: setattr(m["x"], "buffer", m["y"].buffer),
        "needs 16",
    ),
    (
        "larger than memory",
        add,
        lambda m: setattr(m["x"], "shape", [2**15, 2**15, 2, 4]),
        "bytes, at most 2147483648",
    ),
    (
        "filter of 0",
        pool,
        lambda m: setattr(m.last.builtinOptions, "filterHeight", 0),
        "its filter is 0",
    ),
    (
        "a window that does not fit",
        pool,
        lambda m: (
            setattr(m.last.builtinOptions, "padding", 1),
            setattr(m.last.builtinOptions, "filterWidth", 9),
        ),
        "does not fit into 8",
    ),
    (
        "another number of values",
        reshape,
        lambda m: setattr(m["x"], "shape", [2, 6, 5]),
        "has 60 values, its output [12, 4] 48",
    ),
    (
        "a shape left out by -1",
        reshape,
        lambda m: m.last.inputs.__setitem__(1, -1),
        "its input 'shape' is left out",
    ),
    (
        "parts and outputs",
        split,
        lambda m: setattr(m.last.builtinOptions, "numSplits", 3),
        "it says 3 parts and has 2 outputs",
    ),
    (
        "an axis beyond the rank",
        lambda: moved(OP.MEAN, options_of(schema.ReducerOptionsT), (2, 4), [[3]]),
        lambda m: None,
        "its axis is 3, of 3 dimensions",
    ),
    (
        "an order that is none",
        lambda: moved(OP.TRANSPOSE, schema.TransposeOptionsT(), (2, 4, 6), [[0, 2, 2]]),
        lambda m: None,
        "its order is [0, 2, 2], expected each of 3 dimensions once",
    ),
    (
        "a slice beyond the end",
        lambda: moved(OP.SLICE, schema.SliceOptionsT(), (2, 6, 4), [[0, 1, 0], [2, 6, 4]]),
        lambda m: None,
        "it takes 6 from 1 on, of 6",
    ),
    (
        "a stride of 0",
        lambda: moved(
            OP.STRIDED_SLICE,
            schema.StridedSliceOptionsT(),
            (2, 6, 4),
            [[0, 0, 0], [2, 6, 4], [1, 0, 1]],
        ),
        lambda m: None,
        "its stride is 0",
    ),
    (
        "padding below 0",
        lambda: moved(OP.PAD, schema.PadOptionsT(), (2, 6, 4), [[[0, 0], [-1, 1], [0, 0]]]),
        lambda m: None,
        "its paddings are [0, 0, -1, 1, 0, 0]",
    ),
    (
        "a place that is not there",
        lambda: moved(OP.GATHER, options_of(schema.GatherOptionsT, axis=1), (2, 1, 4), [[6]]),
        lambda m: None,
        "it takes places 6 to 6 of 6",
    ),
    (
        "more than there is",
        lambda: moved(OP.TOPK_V2, schema.TopKV2OptionsT(), (2, 6, 9), [9], more=2),
        lambda m: setattr(m["y1"], "type", schema.TensorType.INT32),
        "its k is 9, of 4 values",
    ),
    (
        "a graph that is not there",
        add,
        lambda m: (
            setattr(m.writer._model.operatorCodes[0], "builtinCode", OP.WHILE),
            setattr(m.last, "builtinOptionsType", 93),
            setattr(
                m.last, "builtinOptions", options_of(schema.WhileOptionsT, condSubgraphIndex=1)
            ),
        ),
        "it runs graph 1 of 1",
    ),
    (
        "an operator of StableHLO",
        add,
        lambda m: setattr(m.writer._model.operatorCodes[0], "builtinCode", OP.STABLEHLO_ADD),
        "operator 0 (STABLEHLO_ADD): such operators are not supported",
    ),
    (
        "options of the suppression",
        lambda: suppression(num_classes=None),
        lambda m: None,
        "its options lack num_classes",
    ),
    ("a scale of boxes of 0", lambda: suppression(y_scale=0.0), lambda m: None, "its y_scale is 0"),
    (
        "too many detections",
        lambda: suppression(max_detections=10**9),
        lambda m: None,
        "its max_detections is 1e+09",
    ),
    (
        "other classes than scores",
        lambda: suppression(num_classes=9),
        lambda m: None,
        "expected 9 classes, or one more",
    ),
    (
        "fewer anchors than boxes",
        suppression,
        lambda m: setattr(m["x"], "shape", [1, 8, 4]),
        "expected [1, 8, classes]",
    ),
    (
        "options that are no map",
        suppression,
        lambda m: setattr(m.last, "customOptions", np.frombuffer(b"\x00" * 9, np.uint8)),
        "its options are damaged",
    ),
]


@pytest.mark.parametrize(
    ("build", "change", "message"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_wrong_operators_are_refused(
    build: Callable[[], Model], change: Change, message: str, tmp_path: Path
) -> None:
    model = build()
    change(model)
    with pytest.raises(ModelFileError) as error:
        read_tflite(model.write(tmp_path / "x.tflite"))
    assert message in str(error.value)
    assert "x.tflite'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "build",
    [convolution, lambda: convolution("int8"), add, pool, reshape, split, suppression],
)
def test_the_models_before_the_change_are_taken(build: Callable[[], Model], tmp_path: Path) -> None:
    assert len(read_tflite(build().write(tmp_path / "x.tflite")).operators) == 1


def test_what_is_known_at_run_time_only_is_taken(tmp_path: Path) -> None:
    """Sizes that the picture has, and a rank that nothing states."""
    model = convolution()
    for name, shape in (("x", [1, 1, 1, 4]), ("y", [1, 1, 1, 6])):
        model[name].shape, model[name].shapeSignature = shape, [1, -1, -1, shape[3]]
    assert read_tflite(model.write(tmp_path / "x.tflite")).inputs == (0,)
    model["y"].shape, model["y"].shapeSignature, model["y"].hasRank = [], None, False
    assert read_tflite(model.write(tmp_path / "y.tflite")).inputs == (0,)
    model["x"].shape = [1, 1, 1, 5]
    with pytest.raises(ModelFileError, match=r"has shape \[1, 1, 1, 5\], but \[1, -1, -1, 4\]"):
        read_tflite(model.write(tmp_path / "z.tflite"))


def test_operators_that_nobody_knows_are_judged_by_the_general_rules(tmp_path: Path) -> None:
    model = add()
    code = model.writer._model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = OP.CUSTOM
    code.customCode = "SomebodysOwn"
    model.last.builtinOptions, model.last.builtinOptionsType = None, 0
    assert read_tflite(model.write(tmp_path / "x.tflite")).custom_operators == ("SomebodysOwn",)
    model.last.inputs = [model.index["z"]]
    with pytest.raises(ModelFileError, match="reads 'z', which nothing has written"):
        read_tflite(model.write(tmp_path / "x.tflite"))


def test_every_row_of_the_table_is_of_the_schema() -> None:
    unions = {number: name for name, number in vars(schema.BuiltinOptions).items()}
    assert {n: unions[number] for n, number in OPTION_TABLES.items()} == {
        n: f"{n}Options" for n in OPTION_TABLES
    }
    assert set(KINDS) <= {*OPERATORS, SUPPRESSION}
    assert all(set(names) <= set(TENSOR_TYPES) for names in TYPE_GROUPS.values())
    used = {kind.rule for kind in map(kind_of, KINDS) if kind is not None and kind.rule}
    assert used == set(RULES)
