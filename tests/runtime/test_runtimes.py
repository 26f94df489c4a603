"""Runtimes, delegates and threads: what is asked for is what runs, or an error says why not."""

from __future__ import annotations

import ctypes.util
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_edet
from edge_edet import BackendError, InputError, MissingExtraError
from edge_edet.backends.backend import BackendInfo, TensorSpec
from edge_edet.backends.litert.interpreter import LiteRtBackend, find_runtime
from edge_edet.backends.threads import physical_cores, resolve_threads
from edge_edet.detection.detector import Detector
from edge_edet.detection.model_layout import layout_of
from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.formats import FORMATS
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.manifest import PRECISIONS
from edge_edet.runtimes import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]
BLACK = np.zeros((64, 64, 3), np.uint8)


def skip_or_fail(reason: str) -> None:
    if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class FakeBackend:
    """Ten lines stand for a runtime."""

    name = "fake"
    info = BackendInfo("fake", "0", "none", None, 5, None, None)

    def __init__(self, outputs: dict[str, Any]):
        self._outputs = outputs
        self.inputs = (TensorSpec("image", (1, 64, 64, 3), "uint8"),)
        self.outputs = tuple(TensorSpec(n, v.shape, "float32") for n, v in outputs.items())

    def input_memory(self, name: str) -> Any:
        return np.empty((1, 64, 64, 3), np.uint8)

    def run(self) -> dict[str, Any]:
        return self._outputs

    def close(self) -> None: ...


def fake_detector(path: Path, **changes: Any) -> Detector:
    model = read_tflite(path)
    outputs = {
        "box_codes": np.zeros((1, 774, 4), np.float32),
        "class_logits": np.full((1, 774, 3), -9, np.float32),
    }
    return Detector(model, layout_of(model), FakeBackend(outputs | changes), PostprocessConfig())


def test_any_object_with_seven_names_is_a_backend(tiny_float: Path) -> None:
    detector = fake_detector(tiny_float)
    assert len(detector.detect(BLACK)) == 0
    assert detector.info.delegated_operators is None


def test_a_runtime_that_gives_other_shapes_is_refused(tiny_float: Path) -> None:
    with pytest.raises(edge_edet.ModelFileError, match=r"gives other shapes.*boxes \[1, 7, 4\]"):
        fake_detector(tiny_float, box_codes=np.zeros((1, 7, 4), np.float32))


@pytest.mark.parametrize("shape", [(64, 64, 3), (30, 40, 3), (90, 7, 3)])
def test_detect_writes_the_whole_input_that_prepare_gives(
    shape: tuple[int, ...], tiny_float: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    detector, written = fake_detector(tiny_float), np.full((1, 64, 64, 3), 77, np.uint8)
    monkeypatch.setattr(detector.backend, "input_memory", lambda name: written)
    detector.detect(picture)
    np.testing.assert_array_equal(written, detector.prepare(picture)[0])


def test_an_input_is_written_into_the_memory_of_the_interpreter(tiny_float: Path) -> None:
    backend = edge_edet.load(tiny_float).backend
    assert isinstance(backend, LiteRtBackend)
    interpreter, index = backend._interpreter, backend._input_index["image"]
    view = interpreter.tensor(index)()
    memory = backend.input_memory("image")
    assert (memory.ctypes.data, memory.shape) == (view.ctypes.data, view.shape)
    memory[:] = 3
    del memory, view
    filled = {name: output.copy() for name, output in backend.run().items()}
    interpreter.set_tensor(index, np.full((1, 64, 64, 3), 3, np.uint8))
    for name, output in backend.run().items():
        np.testing.assert_array_equal(filled[name], output)


def test_unknown_and_missing_runtimes(tiny_float: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown runtime 'torch': known are ai-edge-litert"):
        edge_edet.load(tiny_float, runtime="torch")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edge-edet\[litert\]'"):
        edge_edet.load(tiny_float)
    with pytest.raises(
        MissingExtraError, match=r"'tflite-runtime' is not installed: .*pip install"
    ):
        find_runtime("tflite-runtime")


def test_openvino_is_told_which_file_to_take(tiny_int8: Path) -> None:
    with pytest.raises(InputError) as caught:
        edge_edet.load(tiny_int8, runtime="openvino")
    assert str(caught.value) == (
        f"runtime 'openvino' does not take {str(tiny_int8)!r}: TensorFlow Lite runs in ai-edge-litert, "
        "tflite-runtime, tensorflow; give openvino the .xml that 'edge-edet convert --to openvino' writes: a "
        ".tflite of INT8 runs slower there than one of floats"
    )


def test_runtime_that_does_not_import(tiny_float: Path, tmp_path: Path) -> None:
    broken = tmp_path / "ai_edge_litert"
    broken.mkdir()
    (broken / "__init__.py").write_text("")
    (broken / "interpreter.py").write_text("raise ImportError('libfoo.so: not found')")
    code = f"import edge_edet; edge_edet.load({str(tiny_float)!r})"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert "MissingExtraError: runtime 'ai-edge-litert'" in done.stderr
    assert "cannot be imported (libfoo.so: not found)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"delegate": "edgetpu"}, BackendError, "install libedgetpu1-std"),
        ({"delegate": "/nowhere/libfoo.so"}, BackendError, "'/nowhere/libfoo.so' did not load"),
        ({"delegate": "hexagon"}, InputError, "unknown delegate 'hexagon': known are none"),
        ({"delegate": "none", "delegate_options": {"a": "b"}}, InputError, "need a delegate"),
        ({"delegate": "gpu", "delegate_options": {"a": "1"}}, InputError, "unknown GPU option a=1"),
        ({"delegate": "gpu", "runtime": "tensorflow"}, BackendError, "is reached through"),
        ({"threads": 0}, InputError, "threads must be an integer from 1 to 1024, but got 0"),
        ({"threads": True}, InputError, "but got True"),
        ({"threads": "4"}, InputError, "but got '4'"),
        ({"score_threshold": 2}, InputError, "score_threshold must be a number from 0 to 1"),
        (
            {"score_threshold": 0.5, "config": PostprocessConfig()},
            InputError,
            "give score_threshold or config, not both",
        ),
    ],
)
def test_what_cannot_be_had_is_refused(
    arguments: dict[str, Any], kind: type[Exception], message: str, tiny_float: Path
) -> None:
    if arguments.get("delegate") == "edgetpu" and ctypes.util.find_library("edgetpu"):
        pytest.skip("there is an Edge TPU runtime")
    with pytest.raises(kind) as error:
        edge_edet.load(tiny_float, **arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_library_that_is_no_delegate_is_refused(tiny_float: Path) -> None:
    import _ctypes

    with pytest.raises(BackendError, match="it is no delegate library, it lacks tflite_plugin"):
        edge_edet.load(tiny_float, delegate=_ctypes.__file__)


DELEGATE = """
#include <stddef.h>
typedef void (*report_t)(const char*);
void* tflite_plugin_create_delegate(char** keys, char** values, size_t n, report_t report) {
    report(n ? values[0] : "no device is connected");
    return NULL;
}
void tflite_plugin_destroy_delegate(void* delegate) {}
"""


def test_the_reason_of_a_delegate_reaches_the_user(tiny_float: Path, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a delegate library with")
    source, library = tmp_path / "d.c", tmp_path / "libd.so"
    source.write_text(DELEGATE)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    with pytest.raises(BackendError, match=r"did not load: .*no device is connected"):
        edge_edet.load(tiny_float, delegate=str(library))
    with pytest.raises(BackendError, match=r"did not load: .*usb:0"):
        edge_edet.load(tiny_float, delegate=str(library), delegate_options={"device": "usb:0"})


def test_gpu_is_used_or_refused_with_a_reason(tiny_float: Path) -> None:
    if find_runtime() != "ai-edge-litert":
        pytest.skip("the GPU needs ai-edge-litert")
    try:
        detector = edge_edet.load(tiny_float, delegate="gpu")
    except BackendError:
        with pytest.raises(BackendError, match=r"the GPU .*delegate='none'"):
            edge_edet.load(tiny_float, delegate="gpu")
    else:
        assert detector.info.delegate == "gpu"
        assert detector.detect(BLACK).labels == ("dog", "cat")


def test_threads_default_to_physical_cores_at_most_4(tmp_path: Path) -> None:
    assert 1 <= resolve_threads(None) <= 4
    assert resolve_threads(7) == 7
    # Two hardware threads of one core: both name the same siblings.
    for cpu in range(256):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text("0-255\n")
    assert physical_cores(tmp_path) == 1


def test_boxes_are_the_same_with_and_without_a_delegate(tiny_float: Path, tiny_int8: Path) -> None:
    for path in (tiny_float, tiny_int8):
        default = edge_edet.load(path, threads=1).detect(BLACK)
        plain = edge_edet.load(path, threads=2, delegate="none").detect(BLACK)
        np.testing.assert_allclose(default.boxes, plain.boxes, atol=1e-3)
        np.testing.assert_allclose(default.scores, plain.scores, atol=1e-3)


@pytest.mark.parametrize("delegate", [None, "none", "xnnpack"])
def test_tensorflow_runs_the_same_file(
    delegate: str | None, tiny_int8: Path, tiny_float: Path
) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        skip_or_fail("tensorflow is not installed")
    for path in (tiny_int8, tiny_float):
        detector = edge_edet.load(path, runtime="tensorflow", threads=1, delegate=delegate)
        reference = edge_edet.load(path, threads=1, delegate=delegate)
        assert detector.info.runtime == "tensorflow"
        assert detector.info.delegate == (delegate or "xnnpack")
        assert detector.info.delegated_operators == reference.info.delegated_operators
        found, expected = detector.detect(BLACK), reference.detect(BLACK)
        assert found.labels == expected.labels == ("dog", "cat")
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)


class Failing:
    """TensorFlow 2.19.1's interpreter with a file of float16 weights and float32 biases."""

    BUILTIN_WITHOUT_DEFAULT_DELEGATES = AUTO = None

    @staticmethod
    def Interpreter(**_: Any) -> None:  # noqa: N802  the runtime's name
        raise RuntimeError(
            "failed to delegate DEPTHWISE_CONV_2D node #7failed to delegate DEPTHWISE_CONV_2D "
            "node #342Node number 949 (TfLiteXNNPackDelegate) failed to prepare."
        )


def test_a_delegate_that_fails_over_its_own_choice_is_told_in_short(
    tiny_float: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edge_edet.backends.litert.interpreter._import", lambda _: (Failing, Failing)
    )
    with pytest.raises(edge_edet.ModelFileError) as caught:
        edge_edet.load(tiny_float, runtime="ai-edge-litert")
    assert "(failed to delegate DEPTHWISE_CONV_2D node #7): convert" in str(caught.value)
    assert str(caught.value).endswith("choose delegate 'none' (--delegate none)")


def tflite_runtime_python() -> Path:
    """The Python of build/venv-tflite-runtime, made on first use."""
    venv = ROOT / "build" / "venv-tflite-runtime"
    python = venv / "bin" / "python"
    if (venv / "ready").exists():
        return python
    base = shutil.which("python3.11") or shutil.which("python3.10")
    if base is None:
        skip_or_fail("tflite-runtime has wheels up to Python 3.11, there is none of these")
    pip = [str(python), "-m", "pip", "install", "-q", "tflite-runtime==2.14.0", "numpy<2", "pillow"]
    try:
        subprocess.run([str(base), "-m", "venv", "--clear", str(venv)], check=True, timeout=120)
        subprocess.run(pip, check=True, capture_output=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        skip_or_fail(f"tflite-runtime cannot be installed: {error}")
    (venv / "ready").touch()
    return python


RUN = """
import json, sys
import numpy as np
import edge_edet
detector = edge_edet.load(sys.argv[1], threads=1, delegate=sys.argv[2] or None)
found = detector.detect(np.zeros((64, 64, 3), np.uint8))
print(json.dumps({"info": detector.info.to_dict(), "found": found.to_dicts()}))
"""


@pytest.mark.parametrize("delegate", ["", "none", "xnnpack"])
def test_tflite_runtime_runs_the_same_file(
    delegate: str, tiny_int8: Path, tiny_float: Path
) -> None:
    """INT8 in XNNPACK too, whose 8-bit kernels it leaves off by default."""
    python = tflite_runtime_python()
    for path in (tiny_int8, tiny_float):
        done = subprocess.run(
            [str(python), "-c", RUN, str(path), delegate],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["info"]["runtime"] == "tflite-runtime"
        assert answer["info"]["runtime_version"] == "2.14.0"
        assert answer["info"]["delegate"] == (delegate or "xnnpack")
        assert (answer["info"]["delegated_operators"] > 0) == (delegate != "none")
        assert answer["info"]["notes"] == []
        ours = edge_edet.load(path, threads=1).detect(BLACK)
        assert [one["label"] for one in answer["found"]] == list(ours.labels)
        boxes = np.array([one["box"] for one in answer["found"]])
        np.testing.assert_allclose(boxes, ours.boxes, atol=1e-3)


def test_each_runtime_has_its_extra() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for runtime in RUNTIMES.values():
        assert f"\n{runtime.extra} = [" in text


def test_each_format_has_its_runtimes() -> None:
    assert {name for form in FORMATS.values() for name in form.runtimes} == set(RUNTIMES)
    for form in FORMATS.values():
        assert {*form.precisions} <= {*PRECISIONS}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("litert", "ai-edge-litert"),
        ("AI_Edge_LiteRT", "ai-edge-litert"),
        ("ai-edge-litert-nightly", "ai-edge-litert"),
        ("tflite_runtime", "tflite-runtime"),
        ("onnx", "onnxruntime"),
        ("ORT", "onnxruntime"),
        ("OpenVINO", "openvino"),
        ("tf", "tensorflow"),
    ],
)
def test_other_spellings_are_answered_with_the_right_one(
    tiny_float: Path, given: str, name: str
) -> None:
    expected = f"^unknown runtime '{given}': it is called '{name}' here$"
    with pytest.raises(InputError, match=expected):
        edge_edet.load(tiny_float, runtime=given)
