"""A model that ends its runtime ends a child: with a runtime that does so, not with such a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import edge_edet
from edge_edet import BackendError
from edge_edet.backends.choose import RunOptions
from edge_edet.backends.isolate import applies, run_apart
from edge_edet.cli import main
from edge_edet.formats.read import read_model

Built = Callable[..., Path]
# What tflite-runtime has of an Interpreter, up to where the test lets it die.
RUNTIME = """
import enum, os, signal, time
class OpResolverType(enum.Enum):
    AUTO = 0
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3
class Interpreter:
    def __init__(self, **_):
        print("INFO: loading")
    def get_input_details(self):
        return []
    get_output_details = get_input_details
    def allocate_tensors(self):
        {loading}
    def _get_ops_details(self):
        return []
    def invoke(self):
        {running}
"""
DIE = "os.kill(os.getpid(), signal.SIG{name})"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """runtime(loading='pass', running='pass'): a tflite-runtime that does so."""

    def install(loading: str = "pass", running: str = "pass") -> str:
        package = tmp_path / "packages" / "tflite_runtime"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        text = RUNTIME.format(loading=loading, running=running)
        (package / "interpreter.py").write_text(text)
        monkeypatch.syspath_prepend(str(package.parent))
        monkeypatch.delitem(sys.modules, "tflite_runtime", raising=False)
        return "tflite-runtime"

    return install


@pytest.mark.parametrize(
    ("loading", "running", "message"),
    [
        (
            DIE.format(name="SEGV"),
            "pass",
            r"by signal 11 \(segmentation fault\) in tflite-runtime \S+ while it loaded model '.*tflite'",
        ),
        (
            "pass",
            DIE.format(name="FPE"),
            r"by signal 8 \(division by zero\) in tflite-runtime \S+ while it ran model '.*tflite'",
        ),
        ("os.abort()", "pass", r"by signal 6 \(aborted\)"),
    ],
)
def test_a_death_is_one_line(
    loading: str, running: str, message: str, runtime: Callable[..., str], tiny_float: Path
) -> None:
    name = runtime(loading, running)
    with pytest.raises(BackendError, match=message) as error:
        edge_edet.load(tiny_float, runtime=name, isolate=True)
    assert "\n" not in str(error.value)


def test_what_never_ends_is_one_line(runtime: Callable[..., str], tiny_float: Path) -> None:
    name = runtime(running="time.sleep(60)")
    with pytest.raises(BackendError, match=r"had not ended after 3 s while it ran model"):
        run_apart(read_model(tiny_float), RunOptions(runtime=name), threads=1, time_limit_s=3)


def test_the_command_tries_what_is_not_verified(
    runtime: Callable[..., str], tiny_float: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = runtime(DIE.format(name="SEGV"))
    picture = tmp_path / "x.png"
    Image.new("RGB", (64, 64)).save(picture)
    assert main(["detect", str(picture), "-m", str(tiny_float), "--runtime", name]) == 1
    out, err = capfd.readouterr()
    assert "edge-edet: error: a process of its own ended by signal 11" in err
    assert len(err.splitlines()) == 1
    assert out == ""


@pytest.mark.parametrize("suffix", [".tflite", ".xml", ".onnx"])
def test_a_model_that_lives_is_loaded_as_without(
    suffix: str, build_tiny: Built, build_ir: Built, build_onnx: Built, tmp_path: Path
) -> None:
    maker = {".tflite": build_tiny, ".xml": build_ir, ".onnx": build_onnx}[suffix]
    path = maker(tmp_path / f"m{suffix}")
    picture: Any = Image.new("RGB", (64, 64), (9, 99, 199))
    found = []
    for isolate in (True, False):
        with edge_edet.load(path, threads=1, isolate=isolate) as detector:
            found.append(json.dumps(detector.detect(picture).to_dicts()))
    assert found[0] == found[1]


def test_an_error_of_the_runtime_stays_what_it_is(
    runtime: Callable[..., str], tiny_float: Path
) -> None:
    name = runtime("raise ValueError('no such operator')")
    with pytest.raises(edge_edet.ModelFileError, match="no such operator"):
        edge_edet.load(tiny_float, runtime=name, isolate=True)


def test_what_is_tried_by_default() -> None:
    plain = RunOptions()
    assert [applies(None, verified, plain) for verified in (True, None, False)] == [
        False,
        True,
        True,
    ]
    assert applies(True, True, plain)
    assert not applies(False, None, plain)
    assert not applies(None, None, RunOptions(delegate="gpu"))
    assert not applies(None, None, RunOptions(device="NPU"))


def test_without_a_python_to_start_that_is_said(
    tiny_float: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(BackendError, match="no Python here"):
        edge_edet.load(tiny_float, isolate=True)
    assert not applies(None, None, RunOptions())
    assert edge_edet.load(tiny_float, threads=1).info.verified is None
