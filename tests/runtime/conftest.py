"""Tiny models with known outputs: every picture gives the same box codes and logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from edge_edet.cli import main
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.manifest import Manifest
from edge_edet.variants import VARIANTS, Variant

OP = schema.BuiltinOperator
Writer = TfliteWriter

TINY = VARIANTS["d0"].replace(name="tiny", image_size=64, num_classes=3, pad_rgb=(0, 0, 0))
LABELS = ("cat", None, "dog")
LOGIT_SCALE, LOGIT_ZERO = 0.0625, 4
CODE_SCALE, CODE_ZERO = 0.03125, -3


def scalar_zero(writer: Writer, image: int, dtype: str) -> int:
    """A float scalar 0 that depends on the picture, so that the outputs are computed."""
    real = image
    if dtype != "float32":
        real = writer.tensor("cast", writer._graph.tensors[image].shape, "float32")
        options = schema.CastOptionsT()
        writer.operator(OP.CAST, 1, [image], [real], options)
    axes = writer.tensor("axes", (4,), "int32", data=np.arange(4, dtype=np.int32))
    total = writer.tensor("total", (), "float32")
    writer.operator(OP.SUM, 1, [real, axes], [total], schema.ReducerOptionsT())
    nothing = writer.tensor("nothing", (), "float32", data=np.zeros((), np.float32))
    zero = writer.tensor("zero", (), "float32")
    writer.operator(OP.MUL, 1, [total, nothing], [zero], schema.MulOptionsT())
    return zero


def computed(
    writer: Writer, name: str, values: Any, zero: int, q: Quantization | None = None
) -> int:
    constant = writer.tensor(f"{name}/values", values.shape, "float32", data=values)
    real = writer.tensor(name if q is None else f"{name}/real", values.shape, "float32")
    writer.operator(OP.ADD, 1, [constant, zero], [real], schema.AddOptionsT())
    if q is None:
        return real
    output = writer.tensor(name, values.shape, "int8", q)
    writer.operator(OP.QUANTIZE, 1, [real], [output], schema.QuantizeOptionsT())
    return output


def manifest(variant: Variant = TINY, **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "generator": "edge-edet test",
        "precision": "fp32",
        "variant": variant,
        "outputs": {"boxes": "box_codes", "classes": "class_logits"},
        "labels": LABELS,
        "provenance": {"command": "test"},
    }
    return Manifest(**{**values, **changes})


def planted(variant: Variant = TINY) -> tuple[Any, Any]:
    """Codes [1, N, 4] and logits [1, N, C] with two objects, one of them found twice.

    A dog (class 2) at anchor 300 with logit 3.0, again at anchor 301 with logit 2.0 and codes that
    give the box of anchor 300; a cat (class 0) at anchor 10 with logit 1.0.
    """
    n, c = variant.num_anchors, variant.num_classes
    codes = np.zeros((1, n, 4), np.float32)
    logits = np.full((1, n, c), -6.0, np.float32)
    logits[0, 300, 2], logits[0, 301, 2], logits[0, 10, 0] = 3.0, 2.0, 1.0
    rows = anchors(variant)
    codes[0, 301, 2:] = np.log(rows[300, 2:] / rows[301, 2:])
    return codes, logits


@pytest.fixture(scope="session")
def build_tiny() -> Callable[..., Path]:
    """build_tiny(path, int8=False, manifest=..., codes=..., logits=...) writes one of our models."""

    def build(
        path: Path,
        *,
        int8: bool = False,
        given: Manifest | str | bytes | None = "default",
        codes: Any = None,
        logits: Any = None,
    ) -> Path:
        writer = TfliteWriter("tiny")
        size = TINY.image_size
        image = writer.tensor("image", (1, size, size, 3), "uint8")
        zero = scalar_zero(writer, image, "uint8")
        planted_codes, planted_logits = planted()
        codes = planted_codes if codes is None else codes
        logits = planted_logits if logits is None else logits
        q_codes = Quantization((CODE_SCALE,), (CODE_ZERO,)) if int8 else None
        q_logits = Quantization((LOGIT_SCALE,), (LOGIT_ZERO,)) if int8 else None
        boxes = computed(writer, "box_codes", codes, zero, q_codes)
        classes = computed(writer, "class_logits", logits, zero, q_logits)
        # The order of the outputs must not matter.
        writer.interface({"image": image}, {"class_logits": classes, "box_codes": boxes})
        if given == "default":
            given = manifest(precision="int8" if int8 else "fp32")
        if given is not None:
            text = given.to_json() if isinstance(given, Manifest) else given
            data = text.encode() if isinstance(text, str) else text
            writer.metadata("edge_edet_manifest", data)
        path.write_bytes(writer.to_bytes())
        return path

    return build


@pytest.fixture(scope="session")
def tiny_float(build_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("tiny") / "tiny-fp32.tflite")


@pytest.fixture(scope="session")
def tiny_int8(build_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("tiny") / "tiny-int8.tflite", int8=True)


@pytest.fixture(scope="session")
def make_manifest() -> Callable[..., Manifest]:
    return manifest


def suppression_options(
    count: int, num_classes: int, score_threshold: float, per_box: int = 1, regular: bool = False
) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("max_detections", count)
        builder.Int("max_classes_per_detection", per_box)
        builder.Int("detections_per_class", 100)
        builder.Bool("use_regular_nms", regular)
        builder.Float("nms_score_threshold", score_threshold)
        builder.Float("nms_iou_threshold", 0.5)
        builder.Int("num_classes", num_classes)
        for name in ("y_scale", "x_scale", "h_scale", "w_scale"):
            builder.Float(name, 1.0)
    return bytes(builder.Finish())


def standard_metadata(
    names: list[str], mean: list[float], std: list[float], label_file: str = "", name: str = ""
) -> bytes:
    """TFLITE_METADATA with the input's normalization and the outputs' names."""
    b = flatbuffers.Builder(1024)

    def vector(items: list[int]) -> int:
        b.StartVector(4, len(items), 4)
        for item in reversed(items):
            b.PrependUOffsetTRelative(item)
        return int(b.EndVector())

    def floats(values: list[float]) -> int:
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependFloat32(value)
        return int(b.EndVector())

    def table(count: int, **fields: tuple[str, int]) -> int:
        b.StartObject(count)
        for slot, (kind, value) in fields.items():
            if kind == "offset":
                b.PrependUOffsetTRelativeSlot(int(slot[1:]), value, 0)
            else:
                b.PrependUint8Slot(int(slot[1:]), value, 0)
        return int(b.EndObject())

    called = b.CreateString(name)
    mean_at, std_at = floats(mean), floats(std)
    options = table(2, f0=("offset", mean_at), f1=("offset", std_at))
    units = vector([table(2, f0=("byte", 1), f1=("offset", options))])
    inputs = vector([table(7, f4=("offset", units))])
    files = 0
    if label_file:
        file_name = b.CreateString(label_file)
        files = vector([table(5, f0=("offset", file_name), f2=("byte", 3))])
    outputs = []
    for name in names:
        at = b.CreateString(name)
        fields = {"f0": ("offset", at)}
        if files and name == "category":
            fields["f6"] = ("offset", files)
        outputs.append(table(7, **fields))
    graph = table(9, f2=("offset", inputs), f3=("offset", vector(outputs)))
    root = table(8, f0=("offset", called), f3=("offset", vector([graph])))
    b.Finish(root, file_identifier=b"M001")
    return bytes(b.Output())


@pytest.fixture(scope="session")
def build_suppressed() -> Callable[..., Path]:
    """A detector with TFLite_Detection_PostProcess; planted: a dog and a cat.

    shape: what the file stores of its input; signature: its free shape; resized: what the graph
    resizes pictures to; anchors: the first so many; background: whether scores have its column.
    """

    def build(
        path: Path,
        *,
        order: tuple[int, ...] = (0, 1, 2, 3),
        dtype: str = "uint8",
        given: Manifest | None = None,
        metadata: bytes | None = None,
        count: int = 10,
        score_threshold: float = 0.1,
        shape: tuple[int, ...] = (1, TINY.image_size, TINY.image_size, 3),
        signature: tuple[int, ...] = (),
        resized: tuple[int, int] | None = None,
        anchor_count: int = TINY.num_anchors,
        background: bool = True,
        per_box: int = 1,
        regular: bool = False,
        quantization: Quantization | None = None,
        image_name: str = "image",
        output_names: tuple[str, ...] = tuple(SUPPRESSED_OUTPUTS),
        operator: str = "",
    ) -> Path:
        writer = TfliteWriter("suppressed")
        q = Quantization((1 / 64,), (-3,)) if dtype == "int8" else quantization
        image = writer.tensor(image_name, shape, dtype, q)
        writer._graph.tensors[image].shapeSignature = list(signature) or None
        fed, fed_type = image, dtype
        if resized:
            fed, fed_type = (
                resized_image(writer, image, shape, signature, dtype, resized),
                "float32",
            )
        if operator:
            inside = writer.tensor("inside", shape, fed_type, q)
            writer.operator(OP.CUSTOM, 1, [fed], [inside], custom=operator)
            fed = inside
        zero = scalar_zero(writer, fed, fed_type)
        codes, logits = (values[:, :anchor_count] for values in planted())
        scores = 1 / (1 + np.exp(-logits))
        if background:  # class 0 of the operator's scores
            scores = np.pad(scores, ((0, 0), (0, 0), (1, 0)))
        rows = (anchors(TINY) / np.float32(TINY.image_size)).astype(np.float32)[:anchor_count]
        inputs = [
            computed(writer, "raw_boxes", codes, zero),
            computed(writer, "raw_scores", scores.astype(np.float32), zero),
            writer.tensor("anchors", rows.shape, "float32", data=rows),
        ]
        found = count * per_box
        shapes = ((1, found, 4), (1, found), (1, found), (1,))
        outputs = [
            writer.tensor(n, s, "float32") for n, s in zip(output_names, shapes, strict=True)
        ]
        writer.operator(
            OP.CUSTOM,
            1,
            inputs,
            outputs,
            custom="TFLite_Detection_PostProcess",
            custom_options=suppression_options(
                count, TINY.num_classes, score_threshold, per_box, regular
            ),
        )
        writer.interface({"image": image}, {SUPPRESSED_OUTPUTS[i]: outputs[i] for i in order})
        if given is not None:
            writer.metadata("edge_edet_manifest", given.to_json().encode())
        if metadata is not None:
            writer.metadata("TFLITE_METADATA", metadata)
        path.write_bytes(writer.to_bytes())
        return path

    return build


SUPPRESSED_OUTPUTS = (
    "detection_boxes",
    "detection_classes",
    "detection_scores",
    "num_detections",
)


def resized_image(
    writer: Writer, image: int, shape: Any, signature: Any, dtype: str, size: tuple[int, int]
) -> int:
    """The picture as float32, resized by the graph."""
    if dtype != "float32":
        real = writer.tensor("real", shape, "float32")
        writer._graph.tensors[real].shapeSignature = list(signature) or None
        writer.operator(OP.CAST, 1, [image], [real], schema.CastOptionsT())
        image = real
    wanted = writer.tensor("size", (2,), "int32", data=np.int32(size))
    resized = writer.tensor("resized", (1, *size, 3), "float32")
    options = schema.ResizeBilinearOptionsT()
    writer.operator(OP.RESIZE_BILINEAR, 3, [image, wanted], [resized], options)
    return resized


@pytest.fixture(scope="session")
def make_metadata() -> Callable[..., bytes]:
    return standard_metadata


@pytest.fixture(scope="session")
def build_ir() -> Callable[..., Path]:
    """build_ir(path, given=..., int8=False, fp16=False) writes an .xml and .bin of ours."""

    def build(
        path: Path,
        *,
        given: Manifest | str | None = "default",
        int8: bool = False,
        fp16: bool = False,
        rt_info: dict[str, str] | None = None,
    ) -> Path:
        ov = pytest.importorskip("openvino")
        op = ov.opset13
        image = op.parameter((1, TINY.image_size, TINY.image_size, 3), ov.Type.u8, name="image")
        image.output(0).set_names({"image"})
        scaled = op.multiply(op.convert(image, "f32"), np.float32(1 / 255))
        x = op.transpose(scaled, np.asarray([0, 3, 1, 2]))
        for channels in (3, 16):  # two, so that one of them reads what another one computed
            weights = np.random.default_rng(channels).normal(0, 0.3, (16, channels, 3, 3))
            w = op.constant(weights.astype(np.float32))
            if int8:
                x = op.fake_quantize(x, *np.float32([-4, 4, -4, 4]), 256)
                w = op.fake_quantize(w, *np.float32([-1, 1, -1, 1]), 255)
            x = op.swish(op.convolution(x, w, [2, 2], [1, 1], [1, 1], [1, 1]))
        # What the convolutions found is added as nothing, so that the outputs are known.
        zero = op.multiply(op.reduce_sum(x, np.arange(4), keep_dims=False), np.float32(0))
        results = []
        for name, values in zip(("box_codes", "class_logits"), planted(), strict=True):
            real = op.add(op.constant(values), zero)
            real.output(0).set_names({name})
            results.append(op.result(real))
        model = ov.Model(results[::-1], [image], "tiny")
        if given == "default":
            given = manifest(precision="int8" if int8 else "fp16" if fp16 else "fp32")
        if given is not None:
            text = given.to_json() if isinstance(given, Manifest) else given
            model.set_rt_info(text, ["edge_edet_manifest"])
        for key, value in (rt_info or {}).items():
            model.set_rt_info(value, [key])
        ov.save_model(model, str(path), compress_to_fp16=fp16)
        return path

    return build


@pytest.fixture(scope="session")
def build_onnx() -> Callable[..., Path]:
    """build_onnx(path, given=..., suppressed=False) writes an .onnx of ours."""

    def build(
        path: Path, *, given: Manifest | str | None = "default", suppressed: bool = False
    ) -> Path:
        onnx = pytest.importorskip("onnx")
        h, kind = onnx.helper, onnx.TensorProto
        codes, logits = planted()
        values = {"box_codes": codes, "class_logits": logits}
        if suppressed:  # two rows are found, eight are empty
            values = {
                "detection_boxes": np.pad(np.float32([[[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1]]]),
                                          ((0, 0), (0, 8), (0, 0))),
                "detection_classes": np.pad(np.float32([[2, 0]]), ((0, 0), (0, 8))),
                "detection_scores": np.pad(np.float32([[0.9, 0.7]]), ((0, 0), (0, 8))),
                "num_detections": np.float32([2]),
            }  # fmt: skip
        nodes = [
            h.make_node("Cast", ["image"], ["real"], to=kind.FLOAT),
            h.make_node("ReduceSum", ["real"], ["total"], keepdims=0),
            h.make_node("Mul", ["total", "nothing"], ["zero"]),
            *(h.make_node("Add", [f"{n}/values", "zero"], [n]) for n in values),
        ]
        constants = {"nothing": np.zeros((), np.float32)}
        constants |= {f"{n}/values": v for n, v in values.items()}
        side = TINY.image_size
        graph = h.make_graph(
            nodes,
            "tiny",
            [h.make_tensor_value_info("image", kind.UINT8, [1, side, side, 3])],
            [h.make_tensor_value_info(n, kind.FLOAT, v.shape) for n, v in values.items()],
            [onnx.numpy_helper.from_array(v, n) for n, v in constants.items()],
        )
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9)
        if given == "default":
            given = manifest()
        if given is not None:
            text = given.to_json() if isinstance(given, Manifest) else given
            model.metadata_props.add(key="edge_edet_manifest", value=text)
        onnx.save(model, str(path))
        return path

    return build


@pytest.fixture(scope="session")
def bundled_int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled D0 in INT8, which finds the cells of drawn smears."""
    folder = tmp_path_factory.mktemp("bundled-int8")
    command = ["convert", "--int8", "d0", "--weights", "bundled", "--to", "tflite"]
    assert main([*command, "-o", str(folder)]) == 0
    return folder / "d0-int8.tflite"
