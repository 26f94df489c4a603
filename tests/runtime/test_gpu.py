"""The GPU, on SwiftShader: a Vulkan device in software, which shows numerics and not time.

Debian's chromium-common has it. VK_DRIVER_FILES in the environment chooses another device.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.backends.litert.gpu import _device
from edge_edet.cli import main
from edge_edet.demo_picture import draw_smear

SWIFTSHADER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")

# Largest difference of a raw output, as a share of the largest value. Measured: 1.5e-6, and for
# fp16 as well, because SwiftShader has no float16 and computes in float32 throughout.
FLOAT32, FLOAT16 = 1e-3, 2e-2
INT8_LSB = 32  # the GPU computes in float32 and rounds to the grid after each operator: 11 measured

GPU_AND_CPU = """
import json, sys
import numpy as np
from PIL import Image
import edge_edet

path, *pictures = sys.argv[1:]
gpu, cpu = edge_edet.load(path, delegate="gpu"), edge_edet.load(path)
rows = []
for picture in pictures:  # the second one shows that no outputs are read before their time
    image = Image.open(picture)
    tensor, placement = gpu.prepare(image)
    ours, theirs = gpu.infer(tensor), cpu.infer(tensor)
    detections = [gpu.select(ours, placement), cpu.select(theirs, placement)]
    if len(pictures) > 1:
        for one, found in zip((gpu, cpu), detections):
            assert np.array_equal(one.detect(image).boxes, found.boxes)
    rows.append({
        "largest": {n: float(np.abs(theirs[n].astype(float)).max()) for n in theirs},
        "apart": {n: float(np.abs(ours[n].astype(float) - theirs[n]).max()) for n in theirs},
        "dtypes": [[str(one[n].dtype) for n in sorted(one)] for one in (ours, theirs)],
        "boxes": [one.boxes.tolist() for one in detections],
        "scores": [one.scores.tolist() for one in detections],
        "labels": [one.labels for one in detections],
    })
gpu.close()
print(json.dumps({"info": gpu.info.to_dict(), "rows": rows}))
"""


def skip_or_fail(reason: str) -> None:
    if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def run(code: str, *arguments: object, env: dict[str, str]) -> Any:
    """A process of its own: the Vulkan loader looks for drivers once, and a driver may crash."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


@pytest.fixture(scope="module")
def vulkan() -> dict[str, str]:
    """The environment in which a Vulkan device is found."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        skip_or_fail("the GPU needs ai-edge-litert")
    env = dict(os.environ)
    if "VK_DRIVER_FILES" not in env and SWIFTSHADER.exists():
        env["VK_DRIVER_FILES"] = str(SWIFTSHADER)
    done = run("import edge_edet.backends.vulkan as v; assert v.vulkan_devices()", env=env)
    if done.returncode != 0:
        skip_or_fail("no Vulkan device: apt-get install libvulkan1 chromium-common")
    return env


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, and the models that were asked for."""
    path = tmp_path_factory.mktemp("gpu")
    for seed in (1, 2):
        Image.fromarray(draw_smear(seed)[0]).save(path / f"{seed}.png")
    small = ["convert", "lite0", "--weights", "random", "--image-size", "128", "--num-classes", "3"]
    assert main([*small, "--fp32", "--fp16", "--int8", "-o", str(path)]) == 0
    assert main(["convert", "d0", "--weights", "bundled", "--fp32", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def compare(vulkan: dict[str, str], folder: Path) -> Callable[..., Any]:
    def both(name: str, *pictures: int) -> Any:
        files = [folder / f"{number}.png" for number in pictures]
        done = run(GPU_AND_CPU, folder / f"{name}.tflite", *files, env=vulkan)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        info = answer["info"]
        assert (info["delegate"], info["threads"], info["partitions"]) == ("gpu", None, 1)
        assert info["delegated_operators"] == info["total_operators"] > 200
        assert info["device"]
        if vulkan.get("VK_DRIVER_FILES") == str(SWIFTSHADER):
            assert info["device"] == "SwiftShader Device (Subzero) (CPU / Software)"
        return answer["rows"]

    return both


@pytest.mark.parametrize(
    ("name", "pictures", "bound"),
    [
        ("lite0-128-fp32", (1, 2), FLOAT32),
        ("lite0-128-fp16", (1, 2), FLOAT16),
        ("d0-fp32", (1,), FLOAT32),
    ],
)
def test_float_models_find_the_same_on_the_gpu(
    name: str, pictures: tuple[int, ...], bound: float, compare: Callable[..., Any]
) -> None:
    for row in compare(name, *pictures):
        for output, apart in row["apart"].items():
            assert apart <= bound * row["largest"][output]
        if bound == FLOAT32:  # float16 may move a score across the threshold
            assert row["labels"][0] == row["labels"][1]
            assert len(row["labels"][0]) > 0
            np.testing.assert_allclose(*row["boxes"], rtol=bound, atol=0.1)
            np.testing.assert_allclose(*row["scores"], rtol=bound)


def test_int8_on_the_gpu_stays_within_other_kernels(compare: Callable[..., Any]) -> None:
    for row in compare("lite0-128-int8", 1, 2):
        assert row["dtypes"] == [["int8", "int8"]] * 2
        assert max(row["apart"].values()) <= INT8_LSB


REFUSED = """
import sys
import edge_edet
try:
    edge_edet.load(sys.argv[1], delegate="gpu")
except edge_edet.BackendError as error:
    print(error)
"""


def test_what_the_gpu_cannot_run_is_named(
    vulkan: dict[str, str],
    build_suppressed: Callable[..., Path],
    tmp_path: Path,
    make_metadata: Callable[..., bytes],
) -> None:
    metadata = make_metadata(["location", "category", "score", "number of detections"], [0], [1])
    model = build_suppressed(tmp_path / "nms.tflite", metadata=metadata)
    done = run(REFUSED, model, env=vulkan)
    assert "it does not support CUSTOM TFLite_Detection_PostProcess" in done.stdout
    assert done.stdout.endswith("; delegate='none' runs on the CPU\n")
    assert done.stdout.count("\n") == 1


def test_without_a_driver_the_gpu_is_refused(tiny_float: Path) -> None:
    env = {**os.environ, "VK_DRIVER_FILES": "/nowhere/icd.json"}
    done = run(REFUSED, tiny_float, env=env)
    assert done.stdout.startswith(f"the GPU did not take {str(tiny_float)!r}: ")
    assert "a GPU driver (on Linux: Vulkan) is needed" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "device"),
    [
        (
            "I0000 00:00:1.2 7 environment.cc:532] Selected adapter: NVIDIA Thing, arch=ada, "
            "vendor=nvidia, backend=Vulkan, adapterType=Discrete GPU\nINFO: more",
            "NVIDIA Thing (Discrete GPU)",
        ),
        ("Selected adapter: Mali-G78, backend=Vulkan", "Mali-G78 (unknown kind)"),
        ("INFO: nothing about it", None),
    ],
)
def test_the_device_is_read_from_what_the_runtime_tells(line: str, device: str | None) -> None:
    assert _device(line) == device


def test_on_the_cpu_there_is_no_device(tiny_float: Path) -> None:
    assert edge_edet.load(tiny_float).info.device is None
