"""The JavaScript prepares pictures and reads outputs as Python does, on stored tensors, in node."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.benchmarks.browser.served_model import read_served
from edge_edet.benchmarks.rows.stats import relative_width
from edge_edet.demo_picture import draw_smear
from edge_edet.detection import LetterboxTransform, PostprocessConfig, load, match_boxes
from edge_edet.detection.postprocess import QuantizedTensor, postprocess
from edge_edet.detection.preprocess import resized_rgb
from edge_edet.pictures.image import read_image

PAGE = files("edge_edet.benchmarks.browser").joinpath("page")

SCRIPT = """
import { readFileSync, writeFileSync } from "node:fs";
import { preprocess, resizeRgb } from "./preprocess.js";
import { postprocess } from "./postprocess.js";
import { relativeWidth } from "./statistics.js";
const task = JSON.parse(readFileSync("task.json", "utf8"));
const read = (name, kind) => {
  const bytes = readFileSync(name);
  return new kind(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const kinds = { uint8: Uint8Array, float32: Float32Array };
if (task.resize) {
  for (const [n, one] of task.resize.entries()) {
    const { width, height, newWidth, newHeight } = one;
    const rgba = read(`rgba-${n}`, Uint8ClampedArray);
    writeFileSync(`resized-${n}`, resizeRgb(rgba, width, height, newWidth, newHeight));
  }
}
if (task.input) {
  const rgba = read("rgba-0", Uint8ClampedArray);
  const { tensor, placement } = preprocess(rgba, task.width, task.height, task.input);
  writeFileSync("tensor", Buffer.from(tensor.buffer));
  writeFileSync("placement.json", JSON.stringify(placement));
}
if (task.model) {
  const outputs = Object.fromEntries(
    Object.entries(task.model.outputs).map(([role, one]) => [role, read(role, kinds[one.dtype])]));
  const anchors = task.anchors ? read("anchors", Float32Array) : null;
  const found = postprocess(outputs, task.model, anchors, task.placement);
  writeFileSync("found.json", JSON.stringify(found));
}
if (task.samples) writeFileSync("width.json", JSON.stringify(task.samples.map(relativeWidth)));
"""


class Node:
    def __init__(self, program: str, folder: Path):
        self._program, self.folder = program, folder
        for entry in PAGE.iterdir():
            if entry.name.endswith(".js"):
                (folder / entry.name).write_bytes(entry.read_bytes())
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "script.js").write_text(SCRIPT)

    def run(self, task: dict[str, Any]) -> None:
        (self.folder / "task.json").write_text(json.dumps(task))
        subprocess.run([self._program, "script.js"], cwd=self.folder, check=True, timeout=120)

    def write(self, name: str, values: Any) -> None:
        (self.folder / name).write_bytes(np.ascontiguousarray(values).tobytes())

    def read(self, name: str, dtype: Any) -> Any:
        return np.frombuffer((self.folder / name).read_bytes(), dtype)


@pytest.fixture
def runner(node: str, tmp_path: Path) -> Node:
    return Node(node, tmp_path)


def rgba_of(pixels: Any) -> Any:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def test_resize_is_pythons(runner: Node) -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (97, 131, 3), np.uint8)  # the hardest picture for a filter
    smear = draw_smear(3)[0]
    camera = rng.integers(0, 256, (1080, 1920, 3), np.uint8)
    cases = [
        (smear, 512, 384),
        (smear, 192, 144),
        (noise, 512, 379),
        (noise, 60, 44),
        (noise, 1, 1),
        (noise, 52, 38),  # 2.5 times: blocks of 2 x 2 first
        (noise, 7, 60),  # blocks of 14 x 1, the last one narrower
        (camera, 320, 180),
        (camera, 512, 288),
    ]
    tasks = []
    for n, (pixels, width, height) in enumerate(cases):
        runner.write(f"rgba-{n}", rgba_of(pixels))
        size = {"width": pixels.shape[1], "height": pixels.shape[0]}
        tasks.append({**size, "newWidth": width, "newHeight": height})
    runner.run({"resize": tasks})
    for n, (pixels, width, height) in enumerate(cases):
        expected = resized_rgb(read_image(pixels), width, height).astype(int)
        found = runner.read(f"resized-{n}", np.uint8).reshape(height, width, 3)
        # Pillow 13 may take the height first, which is worth one level.
        assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize(
    "shape", [(480, 640), (640, 480), (37, 640), (192, 192), (5, 5), (1080, 1920)]
)
def test_the_input_tensor_is_pythons(runner: Node, model: Path, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    spec = read_served(model, PostprocessConfig()).to_dict(0)
    with load(model) as detector:
        tensor, placement = detector.prepare(pixels)
    runner.write("rgba-0", rgba_of(pixels))
    runner.run({"input": spec["input"], "width": shape[1], "height": shape[0]})
    found = runner.read("tensor", tensor.dtype).reshape(tensor.shape).astype(int)
    assert np.abs(found - tensor).max() <= 2
    told = json.loads((runner.folder / "placement.json").read_text())
    assert told == {
        "width": placement.width,
        "height": placement.height,
        "scaleX": pytest.approx(placement.scale_x, rel=1e-12),
        "scaleY": pytest.approx(placement.scale_y, rel=1e-12),
    }


def check_boxes(found: list[dict[str, Any]], expected: Any) -> None:
    assert len(found) == len(expected) > 5
    boxes = np.array([one["box"] for one in found], np.float32)
    classes = np.array([one["class_id"] for one in found])
    scores = np.array([one["score"] for one in found])
    pairs = match_boxes(expected.boxes, expected.classes, boxes, classes, 0.5)
    assert len(pairs) == len(found)
    for mine, theirs, _ in pairs:
        assert np.abs(expected.boxes[mine] - boxes[theirs]).max() <= 0.5
        assert abs(expected.scores[mine] - scores[theirs]) <= 1e-5
    assert (np.diff(scores) <= 0).all()


def test_boxes_of_box_codes_are_pythons(runner: Node, model: Path) -> None:
    served = read_served(model, PostprocessConfig())
    with load(model) as detector:
        tensor, placement = detector.prepare(draw_smear(3)[0])
        outputs = detector.infer(tensor)
        expected = detector.select(outputs, placement)
    for role, name in served.layout.outputs.items():
        runner.write(role, outputs[name])
    (runner.folder / "anchors").write_bytes(served.anchor_bytes() or b"")
    runner.run({"model": served.to_dict(0), "anchors": True, "placement": js_of(placement)})
    check_boxes(json.loads((runner.folder / "found.json").read_text()), expected)


def test_boxes_of_quantized_box_codes_are_pythons(runner: Node, model: Path) -> None:
    served = read_served(model, PostprocessConfig())
    with load(model) as detector:
        tensor, placement = detector.prepare(draw_smear(3)[0])
        outputs = detector.infer(tensor)
    grids, tensors = {}, {}
    for role, scale, zero in (("boxes", 0.02, 128), ("classes", 0.06, 200)):
        real = outputs[served.layout.outputs[role]]
        values = np.clip(np.rint(real / scale) + zero, 0, 255).astype(np.uint8)
        runner.write(role, values)
        grids[role] = ("uint8", float(np.float32(scale)), zero)
        tensors[role] = QuantizedTensor(values, scale, zero)
    boxes = np.frombuffer(served.anchor_bytes() or b"", np.float32).reshape(-1, 4)
    expected = postprocess(tensors["boxes"], tensors["classes"], boxes, placement, served.config)
    (runner.folder / "anchors").write_bytes(boxes.tobytes())
    spec = dataclasses.replace(served, grids=grids).to_dict(0)
    runner.run({"model": spec, "anchors": True, "placement": js_of(placement)})
    check_boxes(json.loads((runner.folder / "found.json").read_text()), _Named(expected))


def test_boxes_of_a_graph_that_suppresses_are_pythons(runner: Node, model: Path) -> None:
    from edge_edet.detection.postprocess import from_graph

    rng = np.random.default_rng(2)
    low = rng.uniform(-0.1, 0.8, (100, 2))
    corners = np.hstack([low, low + rng.uniform(-0.02, 0.3, (100, 2))]).astype(np.float32)
    scores = -np.sort(-rng.uniform(0.1, 1, 100).astype(np.float32))
    classes = rng.integers(0, 3, 100).astype(np.float32)
    served = read_served(model, PostprocessConfig())
    outputs = {
        name: {"name": name, "dtype": "float32"} for name in ("boxes", "classes", "scores", "count")
    }
    for role, values in (("boxes", corners), ("classes", classes), ("scores", scores)):
        runner.write(role, values)
    runner.write("count", np.array([90], np.float32))
    placement = LetterboxTransform(640, 480, 0.3, 0.3)
    expected = from_graph(
        corners, classes, scores, 90.0, served.layout.input_size, placement, served.config
    )
    spec = served.to_dict(0) | {"outputs": outputs}
    runner.run({"model": spec, "placement": js_of(placement)})
    check_boxes(json.loads((runner.folder / "found.json").read_text()), _Named(expected))


def test_the_width_of_the_interval_is_pythons(runner: Node) -> None:
    rng = np.random.default_rng(3)
    samples = [rng.gamma(3, 10, n).round(3).tolist() for n in (1, 5, 6, 7, 50, 101)]
    runner.run({"samples": samples})
    found = json.loads((runner.folder / "width.json").read_text())
    for one, width in zip(samples, found, strict=True):
        expected = relative_width(one)
        assert width == (None if expected is None else pytest.approx(expected))


class _Named:
    """Found boxes with a length."""

    def __init__(self, found: Any):
        self.boxes, self.scores, self.classes = found

    def __len__(self) -> int:
        return len(self.scores)


def js_of(placement: LetterboxTransform) -> dict[str, float]:
    return {
        "width": placement.width,
        "height": placement.height,
        "scaleX": placement.scale_x,
        "scaleY": placement.scale_y,
    }
