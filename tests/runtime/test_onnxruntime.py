"""ONNX models through the real onnxruntime, and through OpenVINO where that is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_edet
from edge_edet.errors import ModelFileError
from edge_edet.formats.onnx import read_onnx

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

BLACK = np.zeros((64, 64, 3), np.uint8)
OUTPUTS = {
    "boxes": "detection_boxes",
    "classes": "detection_classes",
    "scores": "detection_scores",
    "count": "num_detections",
}
Build = Callable[..., Path]


@pytest.fixture(scope="module")
def tiny_onnx(build_onnx: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_onnx(tmp_path_factory.mktemp("onnx") / "tiny.onnx")


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        edge_edet.load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("runtime", [None, "openvino"])
def test_an_onnx_finds_what_the_tflite_finds(
    runtime: str | None, tiny_onnx: Path, tiny_float: Path
) -> None:
    if runtime:
        pytest.importorskip(runtime)
    detector = edge_edet.load(tiny_onnx, threads=1, runtime=runtime)
    found, expected = detector.detect(BLACK), edge_edet.load(tiny_float).detect(BLACK)
    assert found.labels == expected.labels == ("dog", "cat")
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-5)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
    assert detector.info.runtime == (runtime or "onnxruntime")
    assert detector.info.inference_precision == "f32"


def test_info_says_what_ran(tiny_onnx: Path) -> None:
    info = edge_edet.load(tiny_onnx, threads=1).info
    assert (info.runtime, info.runtime_version) == ("onnxruntime", ort.__version__)
    assert (info.threads, info.execution_devices) == (1, ("CPUExecutionProvider",))
    assert (info.layers, info.delegate, info.total_operators) == (None, "none", 5)


def test_what_an_onnx_says_of_itself(tiny_onnx: Path) -> None:
    model = read_onnx(tiny_onnx)
    assert (model.opsets, model.ir_version) == ({"": 18}, 9)
    assert model.operator_names == ("Cast", "ReduceSum", "Mul", "Add", "Add")
    assert [(t.name, t.dtype, t.shape) for t in model.input_tensors] == [
        ("image", "uint8", (1, 64, 64, 3))
    ]
    assert edge_edet.read_manifest(tiny_onnx).labels == ("cat", None, "dog")


def test_suppression_in_the_graph(
    build_onnx: Build, make_manifest: Callable[..., Any], tmp_path: Path
) -> None:
    limits = {"score_threshold": 0.25, "iou_threshold": 0.5, "max_detections": 10}
    given = make_manifest(nms="in-graph", outputs=OUTPUTS, **limits)
    detector = edge_edet.load(build_onnx(tmp_path / "m.onnx", given=given, suppressed=True))
    found = detector.detect(BLACK)
    assert found.labels == ("dog", "cat")
    np.testing.assert_allclose(found.boxes[0], [12.8, 6.4, 38.4, 32.0], rtol=1e-5)
    with pytest.raises(edge_edet.InputError, match=r"0\.1 is below 0\.25"):
        edge_edet.load(tmp_path / "m.onnx", score_threshold=0.1)


def test_the_picture_is_written_into_memory_that_the_session_reads(tiny_onnx: Path) -> None:
    detector = edge_edet.load(tiny_onnx, threads=1)
    backend = detector.backend
    backend.input_memory("image").fill(1)
    views, again = backend.run(), backend.run()
    assert np.shares_memory(views["class_logits"], again["class_logits"])
    kept = detector.infer(BLACK[None])
    assert not np.shares_memory(kept["class_logits"], again["class_logits"])
    with pytest.raises(edge_edet.InputError, match="must be uint8"):
        detector.infer(BLACK)
    backend.close()
    for use in (lambda: backend.input_memory("image"), backend.run):
        with pytest.raises(edge_edet.BackendError, match="is closed"):
            use()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "GPU"}, edge_edet.BackendError, "this onnxruntime has"),
        ({"device": "NPU"}, edge_edet.BackendError, "device='CPU' is CPUExecutionProvider"),
        ({"device": "NoSuchProvider"}, edge_edet.BackendError, "device 'NoSuchProvider' is not"),
        ({"device": 5}, edge_edet.InputError, "device must be a name or None, but got 5"),
        ({"precision": "bf16"}, edge_edet.InputError, "onnxruntime, which takes threads, device"),
        ({"delegate": "xnnpack"}, edge_edet.InputError, "delegate='xnnpack' is not for"),
        ({"runtime": "tensorflow"}, edge_edet.InputError, "ONNX runs in onnxruntime, openvino"),
    ],
    ids=str,
)
def test_options_that_cannot_be_met(
    options: dict[str, Any], error: type[Exception], message: str, tiny_onnx: Path
) -> None:
    if options == {"device": "GPU"} and "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("there is such a provider here")
    with pytest.raises(error) as caught:
        edge_edet.load(tiny_onnx, **options)
    assert message in str(caught.value)


def test_without_onnxruntime_the_pip_command_is_given(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(edge_edet.MissingExtraError, match=r"pip install 'edge-edet\[onnx\]'"):
        edge_edet.load(tiny_onnx)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is no model\n", "is no ONNX model that can be used"),
        (b"\0" * 1000, "is no ONNX model that can be used"),
        (b"\xff" * 1000, "a number has more than 64 bits"),
        (b"\x08\x09", "lacks the graph, the version or the operator sets"),
        (b"\x08\x09\x3a\x05hello", "is no ONNX model that can be used"),
        (b"\x08\x09\x38\x05", "graph is a number"),
    ],
)
def test_files_that_are_no_onnx(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    assert message in refusal(tmp_path / "m.onnx")


def change(path: Path, how: Callable[[Any], None]) -> Path:
    model = onnx.load(path)
    how(model)
    target = path.with_name("changed.onnx")
    target.write_bytes(model.SerializeToString())
    return target


def external(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda m: m.ClearField("metadata_props"), "expected a manifest from 'edge-edet convert'"),
        (external, "first those of 'nothing', which is not supported: convert it, or save"),
        (lambda m: m.graph.initializer[0].dims.extend([7]), "needs 28 bytes, has 4"),
        (lambda m: m.graph.initializer[1].dims.extend([2**62] * 60), "bytes, has"),
        (lambda m: m.graph.initializer[1].dims.extend([1] * 100), "has shape"),
        (lambda m: m.graph.initializer[1].dims.insert(0, -1), "has shape"),
        (lambda m: m.ClearField("opset_import"), "lacks the graph"),
        (lambda m: setattr(m.graph.node[0], "op_type", "NoSuch"), "onnxruntime refuses"),
        (lambda m: setattr(m.graph.node[0], "op_type", ""), "a node has no operator type"),
        (
            lambda m: setattr(m.opset_import[0], "version", 9999),
            "changed.onnx': ONNX Runtime only ",
        ),
        (lambda m: setattr(m, "ir_version", 99), "changed.onnx': Unsupported model IR version: 99"),
        (lambda m: m.graph.node[3].input.append("nowhere"), "onnxruntime refuses"),
        (lambda m: setattr(m.graph.output[0], "name", "boxes"), "the file's outputs are ['boxes'"),
        (
            lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_param", "h"),
            "in the file it is uint8 [1, -1, 64, 3]",
        ),
        (
            lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 1),
            "in the file it is float32 [1, 64, 64, 3]",
        ),
    ],
)
def test_a_changed_onnx(
    how: Callable[[Any], None],
    message: str,
    build_onnx: Build,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert message in refusal(change(build_onnx(tmp_path / "m.onnx"), how))
    assert not capfd.readouterr().err, "said once, not by the runtime too"


def test_a_provider_that_cannot_take_the_model(
    tiny_onnx: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    others = [name for name in ort.get_available_providers() if name.startswith("Azure")]
    if not others:
        pytest.skip("this onnxruntime has no such provider")
    with pytest.raises(edge_edet.BackendError, match=r"cannot run .* with AzureExecutionProvider"):
        edge_edet.load(tiny_onnx, device=others[0])
    assert not capfd.readouterr().err


def test_an_onnx_of_another_model_is_described(build_onnx: Build, tmp_path: Path) -> None:
    text = refusal(build_onnx(tmp_path / "m.onnx", given=None))
    assert "found 5 operators, inputs image uint8 [1, 64, 64, 3]" in text


def test_every_truncation_is_refused(tiny_onnx: Path, tmp_path: Path) -> None:
    data = tiny_onnx.read_bytes()
    path = tmp_path / "cut.onnx"
    for length in range(0, len(data) - 1, len(data) // 97):
        path.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            edge_edet.load(path)


FUZZ = """
import random, sys
from pathlib import Path
import numpy as np
import edge_edet
data = Path(sys.argv[1]).read_bytes()
target = Path(sys.argv[2])
picture = np.zeros((64, 64, 3), np.uint8)
# The nodes are at the start, inputs, outputs and manifest at the end, values between.
places = [*range(300), *range(len(data) - 1600, len(data))]
refused = 0
for seed in range(int(sys.argv[3]), int(sys.argv[4])):
    rng = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 2, 5, 20])):
        damaged[rng.choice(places)] = rng.choice([0, 255, 127, 128, rng.randrange(256)])
    target.write_bytes(damaged)
    print(seed, file=sys.stderr, flush=True)
    try:
        edge_edet.load(target, threads=1).detect(picture)
    except edge_edet.EdgeEdetError as error:
        refused += 1
        assert "\\n" not in str(error), error
print(refused)
"""


def test_flipped_bytes_never_crash_the_runtime(tiny_onnx: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FUZZ, str(tiny_onnx), str(tmp_path / "m.onnx"), "0", "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert int(done.stdout) > 50


def outside_tensor() -> Any:
    tensor = onnx.helper.make_tensor("far", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    return tensor


def in_a_constant(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=outside_tensor()))


def in_a_list(model: Any) -> None:
    node = onnx.helper.make_node("Constant", [], ["c"])
    node.attribute.append(onnx.helper.make_attribute("list", [outside_tensor()]))
    model.graph.node.append(node)


def inner_graph() -> Any:
    return onnx.helper.make_graph([], "inner", [], [], [outside_tensor()])


def in_a_branch(model: Any) -> None:
    node = onnx.helper.make_node("If", ["c"], ["d"], then_branch=inner_graph())
    model.graph.node.append(node)


def in_a_branch_of_a_branch(model: Any) -> None:
    inner = onnx.helper.make_node("If", ["c"], ["d"], then_branch=inner_graph())
    outer = onnx.helper.make_graph([inner], "outer", [], [])
    model.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], else_branch=outer))


def in_a_sparse_tensor(model: Any) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(outside_tensor())


def in_a_function(model: Any) -> None:
    node = onnx.helper.make_node("Constant", [], ["c"], value=outside_tensor())
    model.functions.add(name="f", domain="d").node.append(node)


def in_a_training_graph(model: Any) -> None:
    model.training_info.add().initialization.CopyFrom(inner_graph())


def without_a_location(model: Any) -> None:
    external(model)
    model.graph.initializer[0].ClearField("data_location")


PLACES = [
    external,
    in_a_constant,
    in_a_list,
    in_a_branch,
    in_a_branch_of_a_branch,
    in_a_sparse_tensor,
    in_a_function,
    in_a_training_graph,
    without_a_location,
]


@pytest.mark.parametrize("place", PLACES)
def test_values_in_another_file_are_refused_wherever_they_stand(
    place: Callable[[Any], None], build_onnx: Build, tmp_path: Path
) -> None:
    """By us: a runtime would open the file that is named."""
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    (tmp_path / "in").mkdir()
    path = change(build_onnx(tmp_path / "in" / "m.onnx"), place)
    assert "its weights are in another file, first those of" in refusal(path)


def test_a_location_in_more_bits_than_an_enum_has(build_onnx: Build, tmp_path: Path) -> None:
    """protobuf takes the lower 32 bits: 2^32 + 1 is EXTERNAL."""
    path = build_onnx(tmp_path / "m.onnx")
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    longer = tensor.SerializeToString() + b"\x70" + b"\x81\x80\x80\x80\x10"
    assert onnx.TensorProto.FromString(longer).data_location == onnx.TensorProto.EXTERNAL
    tensor.ParseFromString(longer)
    node = b"\x2a" + bytes([len(longer)]) + longer
    graph = model.graph.SerializeToString() + node
    model.ClearField("graph")
    head = model.SerializeToString()
    length = bytearray()
    rest = len(graph)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    path.write_bytes(head + b"\x3a" + bytes([*length, rest]) + graph)
    assert "its weights are in another file" in refusal(path)


def test_graphs_in_graphs_end_somewhere(build_onnx: Build, tmp_path: Path) -> None:
    def nest(model: Any) -> None:
        graph = onnx.helper.make_graph([], "g", [], [])
        for _ in range(30):
            node = onnx.helper.make_node("If", ["c"], ["d"], then_branch=graph)
            graph = onnx.helper.make_graph([node], "g", [], [])
        model.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], then_branch=graph))

    assert "nested more than 64 deep" in refusal(change(build_onnx(tmp_path / "m.onnx"), nest))
