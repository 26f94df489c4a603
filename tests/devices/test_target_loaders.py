"""The verdicts of `edge-edet check` against the consumers' own loaders, on the same files.

`make targets` writes docs/targets.md by the last test.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.demo_picture import draw_smear
from edge_edet.devices.litertjs import VERSION as LITERTJS
from edge_edet.devices.litertjs import find_litertjs
from edge_edet.devices.targets import check_model, find_target, known_targets
from edge_edet.errors import EdgeEdetError
from edge_edet.formats import read_model
from edge_edet.runtimes import installed_version

IN_CHROMIUM = runpy.run_path(str(Path(__file__).with_name("in_chromium.py")))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "targets.md"
PACKAGES = (
    "ai-edge-litert",
    "mediapipe",
    "onnxruntime",
    "openvino",
    "openvino-model-api",
    "tflite-micro",
)
HEAD = """# Targets

Programs, libraries and accelerators that model files are for. `edge-edet targets NAME` shows what one needs,
each rule with its source, version and date; `edge-edet check FILE --for NAME` holds a file to the rules. How
a rule is known: **run**, a test here runs the consumer's own code; **emulated**, a test does what the
consumer is described to do; **documented** by its makers; **reported** by its users. This page is written by
`make targets`.

Other names: `frigate` is `frigate-cpu`, the detector that needs no accelerator (`frigate-edgetpu` and
`frigate-openvino` are the others), `browser` is `litertjs`, `pycoral` is `edgetpu`. The commands say so.
"""
TRIED = """
## Tried once

| what | version | date | what happened |
| --- | --- | --- | --- |
| ailia TFLite Runtime | 1.2.4.0 | 2026-11-28 | it asks a server for a licence before it loads a file |
| edgefirst (PyPI) | 1.0.1 | 2026-11-28 | programs for boards, no Python module to load a file with |
| edgefirst-tflite (PyPI) | 0.10.3 | 2026-11-29 | the libtensorflowlite_c.so that it loads is not in it |
"""


def missing(what: str, error: Exception) -> Any:
    reason = f"{what} cannot be imported: {error}"
    if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def mediapipe_finds(path: Path, pixels: Any) -> list[Any]:
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except (ImportError, OSError) as error:
        missing("MediaPipe", error)
    options = vision.ObjectDetectorOptions(
        base_options=BaseOptions(model_asset_path=str(path)), score_threshold=0.05
    )
    with vision.ObjectDetector.create_from_options(options) as detector:
        picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
        found: list[Any] = detector.detect(picture).detections
    return found


def mediapipe(path: Path) -> None:
    mediapipe_finds(path, draw_smear(3)[0])


def onnxruntime(path: Path) -> None:
    try:
        import onnxruntime as runtime
    except ImportError as error:
        missing("ONNX Runtime", error)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    session.run(None, {image.name: np.zeros(image.shape, np.uint8)})


def openvino(path: Path) -> None:
    import openvino as ov

    compiled = ov.Core().compile_model(ov.Core().read_model(str(path)), "CPU")
    compiled(np.zeros(list(compiled.input(0).shape), np.uint8))


def model_api(path: Path) -> None:
    try:
        from model_api.models import Model
    except ImportError as error:
        missing("OpenVINO Model API", error)
    Model.create_model(str(path))(draw_smear(3)[0])


def tflite_micro(path: Path) -> None:
    try:
        from tflite_micro import runtime
    except ImportError as error:
        missing("tflite-micro", error)
    interpreter = runtime.Interpreter.from_file(str(path), arena_size=200_000_000)
    interpreter.set_input(np.zeros((1, 512, 512, 3), np.uint8), 0)
    interpreter.invoke()
    assert interpreter.get_output(0).shape == (1, 49104, 4)


def litertjs(path: Path) -> None:
    try:
        found = IN_CHROMIUM["run"](path)
    except (ImportError, EdgeEdetError) as error:
        missing("LiteRT.js in Chromium", error)
    assert {one["name"] for one in found} <= {"Float32Array", "Uint8Array"}


def frigate_cpu(path: Path) -> None:
    """Does what Frigate's documentation and its users say that its detector cpu does."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=2)
    interpreter.allocate_tensors()
    image, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()
    interpreter.set_tensor(image["index"], np.zeros(image["shape"], np.uint8))
    interpreter.invoke()
    read = [interpreter.get_tensor(one["index"])[0] for one in outputs[:4]]
    boxes, classes, scores, count = read
    for i in range(min(int(count), 20)):
        assert 0 <= scores[i] <= 1
        assert classes[i] == int(classes[i])
        assert len(boxes[i]) == 4


LOADERS: list[tuple[str, Callable[[Path], None], list[str]]] = [
    (
        "mediapipe",
        mediapipe,
        ["int8.tflite", "fp32.tflite", "int8-nms.tflite", "fp32-nms-float32-input.tflite"],
    ),
    ("onnxruntime", onnxruntime, ["fp32.onnx", "int8.tflite", "int8.xml"]),
    ("openvino-cpu-x86", openvino, ["int8.xml", "fp32.onnx", "int8.tflite", "int8-nms.tflite"]),
    ("tflite-micro", tflite_micro, ["int8.tflite", "int8-nms.tflite", "fp32.tflite"]),
    (
        "litertjs",
        litertjs,
        [
            "int8.tflite",
            "int8-nms.tflite",
            "int8-uint8-outputs.tflite",
            "int8-float32-outputs.tflite",
            "int8-int8-input-float32-outputs.tflite",
        ],
    ),
    ("model-api", model_api, ["int8.xml", "fp32.xml", "int8-nms.xml"]),
    (
        "frigate-cpu",
        frigate_cpu,
        ["int8-nms.tflite", "int8.tflite", "fp32-nms-float32-input.tflite"],
    ),
]


@pytest.mark.parametrize(
    ("target", "load", "name"),
    [(target, load, name) for target, load, names in LOADERS for name in names],
)
def test_the_verdict_is_what_the_loader_does(
    target: str, load: Callable[[Path], None], name: str, target_models: dict[str, Path]
) -> None:
    path = target_models[name]
    verdict = check_model(read_model(path), find_target(target)).verdict
    error = None
    try:
        load(path)
    except Exception as raised:
        error = raised
    assert (verdict == "refused") == (error is not None), (verdict, error)


def test_mediapipe_stretches_pictures(target_models: dict[str, Path]) -> None:
    """A wide picture gives what the same picture, stretched to a square before, gives."""
    wide = Image.fromarray(draw_smear(3)[0]).resize((1024, 512))
    path = target_models["fp32-nms-float32-input.tflite"]
    found = mediapipe_finds(path, np.asarray(wide))
    square = mediapipe_finds(path, np.asarray(wide.resize((512, 512), Image.Resampling.BILINEAR)))
    assert found
    best, other = found[0], square[0]
    assert best.categories[0].category_name == other.categories[0].category_name
    box, same = best.bounding_box, other.bounding_box
    # pixels of 1024 and of 512: two resizers and the rounding to pixels
    assert box.origin_x == pytest.approx(2 * same.origin_x, abs=6)
    assert box.width == pytest.approx(2 * same.width, abs=6)
    assert box.height == pytest.approx(same.height, abs=3)


def test_the_page_for_litertjs_finds_what_detect_finds(tmp_path: Path) -> None:
    made = edge_edet.convert("d0", "int8", target="browser", output=tmp_path)
    (model,) = made.paths
    pixels = draw_smear(3)[0]
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    files = {
        "/": (tmp_path / f"{model.stem}-litertjs.html").read_bytes(),
        f"/{model.name}": model.read_bytes(),
        "/picture.jpg": (tmp_path / "picture.png").read_bytes(),  # pages look at the bytes alone
    }
    try:
        wasm_utils = (find_litertjs() / "wasm_utils.js").read_bytes()
        files["/node_modules/@litertjs/wasm-utils/dist/index.js"] = wasm_utils
        text = IN_CHROMIUM["shown"](files, "document.getElementById('found').textContent")
    except (ImportError, EdgeEdetError) as error:
        missing("LiteRT.js in Chromium", error)
    best = text.splitlines()[0].split()
    with edge_edet.load(model) as detector:
        found = detector.detect(pixels).to_dicts()[0]
    assert best[0] == found["label"]
    assert float(best[1]) == pytest.approx(found["score"], abs=0.05)  # another resizing filter
    xmin, ymin, xmax, ymax = found["box"]
    box = [int(value) for value in best[-1].split(",")]
    assert box == pytest.approx([ymin, xmin, ymax, xmax], abs=4)


def chromium_version() -> str:
    program = runpy.run_path(str(IN_CHROMIUM["DRIVER"]))["find_chromium"]()
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return " ".join(answer.stdout.split()[:2])


def page(models: dict[str, Path]) -> Iterator[str]:
    """The lines of docs/targets.md, from the data and from a run of every loader."""
    yield HEAD
    yield "| target | known by | what it is | a file for it |"
    yield "| --- | --- | --- | --- |"
    for target in known_targets().values():
        cell = "none is made yet"
        if target.convert:
            pictures = " --calibration DIR" if target.convert.recipe else ""
            cell = f"`convert --{target.convert.precisions[0]} d0 --for {target.id}{pictures}`"
        yield f"| `{target.id}` | {', '.join(target.known)} | {target.name}: {target.summary} | {cell} |"
    yield "\n## What the loaders did\n"
    versions = {name: installed_version(name) for name in PACKAGES}
    versions["@litertjs/core"] = f"{LITERTJS} in {chromium_version()}"
    yield f"With {', '.join(f'{name} {version}' for name, version in versions.items())}:\n"
    yield "| target | file | `check` says | the loader |"
    yield "| --- | --- | --- | --- |"
    for name, load, files in LOADERS:
        for file in files:
            verdict = check_model(read_model(models[file]), find_target(name)).line
            try:
                load(models[file])
                answer = "runs it"
            except Exception as error:
                reason = " ".join(str(error).split()).split(models[file].parent.as_posix())[0]
                answer = f"{type(error).__name__}: {reason[:100]}".replace("|", "/")
            yield f"| `{name}` | `d0-{file}` | {verdict} | {answer} |"
    yield TRIED.rstrip()


def test_the_page_names_every_target_and_how_it_is_known(
    target_models: dict[str, Path],
) -> None:
    if os.environ.get("EDGE_EDET_PAGE"):
        lines = list(page(target_models))
        Path(os.environ["EDGE_EDET_PAGE"]).write_text("\n".join(lines) + "\n", "utf-8")
    text = PAGE.read_text("utf-8")
    for target in known_targets().values():
        assert f"| `{target.id}` | {', '.join(target.known)} |" in text
    for name, _, files in LOADERS:
        for file in files:
            assert re.search(rf"^\| `{name}` \| `d0-{re.escape(file)}` \|", text, re.MULTILINE)
