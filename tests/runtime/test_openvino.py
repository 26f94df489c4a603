"""OpenVINO IR through the real CPU plugin: what is found, what really ran, what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.backends.openvino.backend import _auto
from edge_edet.backends.openvino.executed import executed_layers, precision_of
from edge_edet.cli import main
from edge_edet.formats.tflite.file import read_tflite

ov = pytest.importorskip("openvino")

BLACK = np.zeros((64, 64, 3), np.uint8)
Build = Callable[..., Path]


@pytest.fixture(scope="module")
def tiny_ir(build_ir: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_ir(tmp_path_factory.mktemp("ir") / "tiny-fp32.xml")


@pytest.fixture(scope="module")
def tiny_ir_int8(build_ir: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_ir(tmp_path_factory.mktemp("ir") / "tiny-int8.xml", int8=True)


@pytest.fixture(scope="module")
def capabilities() -> list[str]:
    found: list[str] = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


@pytest.mark.parametrize("options", [{}, {"int8": True}, {"fp16": True}], ids=str)
def test_an_ir_finds_what_the_tflite_finds(
    options: dict[str, Any], build_ir: Build, tiny_float: Path, tmp_path: Path
) -> None:
    expected = edge_edet.load(tiny_float).detect(BLACK)
    with edge_edet.load(build_ir(tmp_path / "m.xml", **options), threads=1) as detector:
        found = detector.detect(BLACK)
    assert found.labels == expected.labels == ("dog", "cat")
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.05)  # fp16 rounds the constants
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


def test_info_says_what_ran(tiny_ir: Path) -> None:
    info = edge_edet.load(tiny_ir, threads=1).info
    assert (info.runtime, info.runtime_version) == ("openvino", ov.__version__.partition("-")[0])
    assert (info.threads, info.streams, info.execution_devices) == (1, 1, ("CPU",))
    assert info.device
    assert info.model_bytes == sum(
        path.stat().st_size for path in (tiny_ir, tiny_ir.with_suffix(".bin"))
    )
    json.dumps(info.to_dict())


def test_float32_runs_in_float32_unless_asked_otherwise(
    tiny_ir: Path, capabilities: list[str]
) -> None:
    info = edge_edet.load(tiny_ir, threads=1).info
    assert info.inference_precision == "f32"
    assert info.layers is not None
    assert info.layers["f32"] >= 2
    assert info.layers["bf16"] == info.layers["f16"] == info.layers["int8"] == 0
    if "BF16" not in capabilities:
        with pytest.raises(edge_edet.BackendError, match=r"computes in f32, not in bf16: choose"):
            edge_edet.load(tiny_ir, precision="bf16")
        return
    info = edge_edet.load(tiny_ir, threads=1, precision="bf16").info
    assert info.inference_precision == "bf16"
    assert info.layers is not None
    assert info.layers["bf16"] >= 2
    default = edge_edet.load(tiny_ir, threads=1, precision="default").info
    assert default.inference_precision in ("bf16", "f16"), "what the plugin does unsaid"


def test_a_precision_that_the_cpu_does_not_have_is_no_other_one(
    tiny_ir: Path, capabilities: list[str]
) -> None:
    if "FP16" in capabilities:
        assert edge_edet.load(tiny_ir, precision="f16").info.inference_precision == "f16"
        return
    with pytest.raises(edge_edet.BackendError, match=r"CPU computes in \w+, not in f16: choose"):
        edge_edet.load(tiny_ir, precision="f16")


def test_float16_weights_are_computed_in_float32(build_ir: Build, tmp_path: Path) -> None:
    info = edge_edet.load(build_ir(tmp_path / "m.xml", fp16=True), threads=1).info
    assert (info.precision, info.inference_precision) == ("fp16", "f32")
    assert info.layers is not None
    assert info.layers["f16"] == 0
    assert info.layers["f32"] >= 2


def test_integer_convolutions_are_counted_as_such(tiny_ir_int8: Path) -> None:
    info = edge_edet.load(tiny_ir_int8, threads=1, precision="f32").info
    assert info.layers is not None
    assert info.layers["int8"] == 2, "the two convolutions, no reorders and no constants"
    assert (info.precision, info.inference_precision) == ("int8", "f32")


def test_the_float_rest_of_an_int8_model_is_the_devices_choice(tiny_ir_int8: Path) -> None:
    chosen = edge_edet.load(tiny_ir_int8, threads=1, precision="default").info
    assert edge_edet.load(tiny_ir_int8, threads=1).info == chosen


@pytest.mark.parametrize(
    ("layer", "kernel", "told", "expected"),
    [
        ("Convolution", "brgconv_avx512_I8", "u8", "int8"),
        ("Convolution", "brgconv_avx512_f32", "f16", "f32"),  # float16 weights
        ("Convolution", "brgconv_avx512_bf16", "bf16", "bf16"),
        ("Subgraph", "jit_avx512_I8", "u8", "mixed"),  # 8 bits in, float inside
        ("FakeQuantize", "jit_avx512_f32", "f32", "f32"),
        ("Concatenation", "ref_any_I8", "i8", "int8"),
        ("convolution", "convolution_gpu_bfyx_os_iyx_osv16", "f16", "f16"),
        ("TopK", "jit_avx512_i32", "i32", "i32"),
    ],
)
def test_what_a_layer_counts_as(layer: str, kernel: str, told: str, expected: str) -> None:
    assert precision_of(layer, kernel, told) == expected


def test_a_device_that_tells_no_graph_has_no_counts() -> None:
    class Silent:
        def get_runtime_model(self) -> None:
            raise RuntimeError("not implemented")

    assert executed_layers(Silent()) is None


def test_auto_reports_the_device_that_ran(tiny_ir: Path) -> None:
    info = edge_edet.load(tiny_ir, device="AUTO").info
    assert info.execution_devices[0] in ov.Core().available_devices
    assert info.inference_precision == "f32"


def test_auto_chooses_among_those_given(tiny_ir: Path) -> None:
    core = ov.Core()
    settings = {name: {"NUM_STREAMS": 1} for name in core.available_devices}
    assert _auto(core, core.read_model(tiny_ir), settings) in settings


def test_commands_for_tflite_say_so(tiny_ir: Path) -> None:
    with pytest.raises(edge_edet.ModelFileError, match=r"is OpenVINO IR by its name: this takes"):
        read_tflite(tiny_ir)


def test_threads_beyond_the_cores_are_reported_as_they_are(tiny_ir: Path) -> None:
    asked = 1024
    threads = edge_edet.load(tiny_ir, threads=asked).info.threads
    assert threads is not None
    assert 1 <= threads < asked, "the plugin takes no more than there are"


def test_outputs_are_views_or_copies(tiny_ir: Path) -> None:
    detector = edge_edet.load(tiny_ir, threads=1)
    backend = detector.backend
    backend.input_memory("image")[...] = BLACK
    views, again = backend.run(), backend.run()
    assert np.shares_memory(views["class_logits"], again["class_logits"])
    kept = detector.infer(BLACK[None])
    assert not np.shares_memory(kept["class_logits"], again["class_logits"])


def test_an_input_of_another_shape_is_refused(tiny_ir: Path) -> None:
    detector = edge_edet.load(tiny_ir, threads=1)
    with pytest.raises(edge_edet.InputError, match=r"must be uint8 \[1, 64, 64, 3\], but is uint8"):
        detector.infer(BLACK)


def test_a_closed_detector_says_so(tiny_ir: Path) -> None:
    detector = edge_edet.load(tiny_ir)
    detector.close()
    with pytest.raises(edge_edet.BackendError, match="is closed"):
        detector.detect(BLACK)


def test_nothing_is_cached_unless_asked(tiny_ir: Path, tmp_path: Path) -> None:
    before = sorted(tiny_ir.parent.iterdir())
    edge_edet.load(tiny_ir)
    assert sorted(tiny_ir.parent.iterdir()) == before
    for _ in range(2):  # written, then read
        found = edge_edet.load(tiny_ir, cache_dir=tmp_path / "cache").detect(BLACK)
        assert found.labels == ("dog", "cat")
    assert list((tmp_path / "cache").iterdir())


def absent_device() -> str:
    here = {name.partition(".")[0] for name in ov.Core().available_devices}
    return next(name for name in ("NPU", "GPU") if name not in here)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "absent"}, edge_edet.BackendError, "is not there: openvino finds CPU"),
        ({"device": "CPU.7"}, edge_edet.BackendError, "device 'CPU.7' is not there"),
        ({"device": "AUTO:absent,CPU"}, edge_edet.BackendError, "is not there: openvino finds CPU"),
        ({"device": "TPU"}, edge_edet.InputError, "known are CPU, GPU, NPU, AUTO"),
        ({"device": "HETERO:GPU,CPU"}, edge_edet.InputError, "unknown device 'HETERO:GPU,CPU'"),
        ({"device": "MULTI:CPU"}, edge_edet.InputError, "unknown device"),
        ({"device": ""}, edge_edet.InputError, "device must be a name or None, but got ''"),
        ({"device": 5}, edge_edet.InputError, "device must be a name or None, but got 5"),
        ({"runtime": " "}, edge_edet.InputError, "runtime must be a name or None"),
        ({"precision": ""}, edge_edet.InputError, "precision must be a name or None"),
        ({"cache_dir": 3}, edge_edet.InputError, "cache_dir must be a folder or None, but got 3"),
        ({"cache_dir": __file__}, edge_edet.InputError, "cannot keep compiled models in"),
        ({"precision": "int8"}, edge_edet.InputError, "known are f32, bf16, f16, default"),
        ({"delegate": "gpu"}, edge_edet.InputError, "OpenVINO IR runs in openvino, which takes"),
        ({"delegate": "none"}, edge_edet.InputError, "delegate='none' is not for"),
        ({"runtime": "ai-edge-litert"}, edge_edet.InputError, "does not take"),
        ({"runtime": "onnxruntime"}, edge_edet.InputError, "OpenVINO IR runs in openvino"),
        ({"runtime": "nothing"}, edge_edet.InputError, "unknown runtime 'nothing'"),
    ],
    ids=str,
)
def test_options_that_cannot_be_met(
    options: dict[str, Any], error: type[Exception], message: str, tiny_ir: Path
) -> None:
    given = {
        name: value.replace("absent", absent_device()) if isinstance(value, str) else value
        for name, value in options.items()
    }
    with pytest.raises(error) as caught:
        edge_edet.load(tiny_ir, **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"device": "CPU"}, {"precision": "f32"}, {"cache_dir": "c"}])
def test_openvinos_options_are_refused_for_a_tflite(
    options: dict[str, str], tiny_float: Path
) -> None:
    with pytest.raises(edge_edet.InputError, match="which takes threads, delegate") as error:
        edge_edet.load(tiny_float, **options)  # type: ignore[arg-type]
    assert str(tiny_float) in str(error.value)


def test_without_openvino_the_pip_command_is_given(
    tiny_ir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(edge_edet.MissingExtraError, match=r"pip install 'edge-edet\[openvino\]'"):
        edge_edet.load(tiny_ir)


def test_detect_command(tiny_ir: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Image.fromarray(BLACK).save(tmp_path / "a.png")
    command = ["detect", str(tmp_path / "a.png"), "-m", str(tiny_ir), "--json"]
    assert main([*command, "--device", "cpu", "--threads", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["label"] for one in document["detections"]] == ["dog", "cat"]
    assert document["execution_devices"] == ["CPU"]
    assert document["inference_precision"] == "f32"
    assert main([*command, "--device", "TPU"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*command, "--device", absent_device()]) == 1
    assert "openvino finds CPU" in capsys.readouterr().err
