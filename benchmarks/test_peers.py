"""D0 beside what one would have without edge-edet: same weights, same machine, rounds that take turns.

    make bench-peers                      the table, and build/peers/table.md
    make bench-peers PAGE=docs/explanations/side-by-side.md
                                          also puts it into that page, between <!-- peers --> marks

EDGE_EDET_TENSORFLOW_PYTHON and EDGE_EDET_TORCH_PYTHON name a Python that has TensorFlow, or torch, timm and
effdet, where this one has not. EDGE_EDET_PICTURES: a folder to calibrate the others on (drawn smears
otherwise: this is about time, which does not depend on them). EDGE_EDET_ROUNDS: 40.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.benchmarks.peers import peers
from edge_edet.benchmarks.peers.peers import Peer
from edge_edet.converters import convert
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.weights.source import asset
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.preprocess import letterbox
from edge_edet.network.build import build_network
from edge_edet.system.machine import this_machine

ROUNDS = int(os.environ.get("EDGE_EDET_ROUNDS", "40"))
HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "build" / "peers"
OURS = "edge-edet .xml int8, OpenVINO default"
TENSORFLOW = os.environ.get("EDGE_EDET_TENSORFLOW_PYTHON", sys.executable)
TORCH = os.environ.get("EDGE_EDET_TORCH_PYTHON", sys.executable)
THREADS = (1, 2)
CALIBRATION_PICTURES = 24
Model = Callable[[], Path]


def pictures() -> Any:
    """[n, 512, 512, 3] uint8."""
    given = os.environ.get("EDGE_EDET_PICTURES")
    if given:
        files = sorted(path for path in Path(given).iterdir() if path.is_file())
        images = [Image.open(path).convert("RGB") for path in files[:CALIBRATION_PICTURES]]
    else:
        images = [Image.fromarray(draw_smear(seed)[0]) for seed in range(CALIBRATION_PICTURES)]
    return np.stack([letterbox(image, 512, (0, 0, 0))[0][0] for image in images])


def normalized(pixels: Any) -> Any:
    """[n, 512, 512, 3] uint8 to [n, 3, 512, 512] float32, as effdet takes it."""
    mean, std = (
        np.asarray(v, np.float32) * 255 for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    return ((pixels.astype(np.float32) - mean) / std).transpose(0, 3, 1, 2)


def ours() -> dict[str, Path]:
    """The bundled D0 as `convert` writes it."""
    convert(
        "d0",
        ("int8", "fp16", "fp32", "int8-dynamic"),
        output=FOLDER,
        weights="bundled",
        formats=("tflite", "openvino", "onnx"),
    )
    return {path.name: path for path in FOLDER.glob("d0-*") if path.suffix != ".bin"}


def run_script(python: str, *arguments: object) -> str:
    """Its last line. Raises RuntimeError with the last line of what went wrong."""
    done = subprocess.run([python, *map(str, arguments)], capture_output=True, text=True)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or [""]
    if done.returncode:
        raise RuntimeError(lines[-1])
    return lines[-1]


def keras_tflite(models: dict[str, Path], pixels: Any) -> tuple[Path, str]:
    """TF's converter on a plain Keras model with the bundled weights, and TensorFlow's version."""
    from ai_edge_litert.interpreter import Interpreter

    source = find_weights("d0", "bundled", 0, None, None)
    graph = build_network(source.variant, source.weights)
    interpreter = Interpreter(str(models["d0-fp32.tflite"]), num_threads=2)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[:1])
    interpreter.invoke()
    expected = {
        d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()
    }
    arrays = {f"expected:{role}": expected[name] for role, name in graph.outputs.items()}
    nodes = []
    for node in graph.nodes:
        attrs = {key: np.asarray(value).tolist() for key, value in node.attrs.items()}
        nodes.append(
            {
                "op": node.op,
                "name": node.name,
                "inputs": node.inputs,
                "shape": node.shape,
                "attrs": attrs,
            }
        )
        if node.weight is not None:
            arrays |= {f"{node.name}:weight": node.weight, f"{node.name}:bias": node.bias}
    network, output = FOLDER / "network.npz", FOLDER / "keras-int8.tflite"
    roles = [graph.outputs[role] for role in ("boxes", "classes")]
    np.savez(
        network,
        nodes=json.dumps(nodes),
        outputs=json.dumps(roles),
        size=512,
        pictures=pixels,
        **arrays,
    )
    return output, run_script(TENSORFLOW, HERE / "peer_keras.py", network, output)


def nncf_ir(model: Path, feeds: Any, name: str) -> Path:
    """NNCF with its defaults, and nothing else."""
    import nncf
    import openvino as ov

    path = FOLDER / f"{name}.xml"
    dataset = nncf.Dataset([one[None] for one in feeds])
    ov.save_model(nncf.quantize(ov.Core().read_model(model), dataset), path)
    return path


def ort_int8(model: Path, feeds: Any) -> Path:
    """onnxruntime's static quantization as its documentation has it: preprocessing, then QDQ."""
    import onnxruntime as ort
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, path = FOLDER / "prepared.onnx", FOLDER / "ort-int8.onnx"
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    name = ort.InferenceSession(str(model)).get_inputs()[0].name

    class Reader(q.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.feeds = iter([{name: one[None]} for one in feeds])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    q.quantize_static(str(prepared), str(path), Reader(), per_channel=True)
    return path


def all_peers() -> list[Peer]:
    """In the order of the table. What cannot be made here says why."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    models, pixels, rows = ours(), pictures(), []

    def add(name: str, make: Callable[[], Any]) -> None:
        try:
            rows.append(Peer(name, make()))
        except Exception as error:  # other people's converters raise what they like
            print(f"{name}: {error}", file=sys.stderr)
            rows.append(Peer(name, absent=f"{' '.join(str(error).split())[:200]}"))

    xml, onnx = models["d0-int8.xml"], models["d0-fp32.onnx"]
    rows.append(Peer(OURS, peers.openvino(xml, "default")))
    rows.append(Peer("edge-edet .xml int8, rest in f32", peers.openvino(xml, "f32")))
    for precision in ("default", "f32"):
        name = f"edge-edet .xml fp32, OpenVINO {precision}"
        rows.append(Peer(name, peers.openvino(models["d0-fp32.xml"], precision)))
    rows.append(
        Peer(
            "edge-edet .xml fp16, OpenVINO default",
            peers.openvino(models["d0-fp16.xml"], "default"),
        )
    )
    for precision in ("int8", "int8-dynamic", "fp16", "fp32"):
        name = f"edge-edet .tflite {precision}, LiteRT"
        rows.append(Peer(name, peers.litert(models[f"d0-{precision}.tflite"])))
    rows.append(Peer("edge-edet .onnx fp32, onnxruntime", peers.onnxruntime(onnx)))
    add("Keras, TF's converter INT8, LiteRT", lambda: peers.litert(keras_tflite(models, pixels)[0]))
    source, feeds, export = "effdet's ONNX", normalized(pixels), FOLDER / "effdet.onnx"
    script, weights = HERE / "peer_effdet.py", asset("d0-bccd.safetensors")
    try:
        print(run_script(TORCH, script, "export", weights, 512, export))
    except RuntimeError as error:
        print(f"no export of effdet ({error}): our own ONNX stands in", file=sys.stderr)
        source, feeds, export = "our ONNX", pixels, onnx
    for precision in ("f32", "default"):
        add(
            f"{source}, OpenVINO {precision}",
            functools.partial(peers.openvino, export, precision),
        )
    add(
        f"{source}, NNCF defaults, OpenVINO default",
        lambda: peers.openvino(nncf_ir(export, feeds, "nncf"), "default"),
    )
    add(f"{source}, onnxruntime f32", lambda: peers.onnxruntime(export))
    add(f"{source}, onnxruntime static INT8", lambda: peers.onnxruntime(ort_int8(export, feeds)))
    command = [TORCH, str(script), "serve", str(weights), "512"]
    if source == "effdet's ONNX":
        add("effdet in PyTorch", lambda: peers.another_process(command))
    else:
        rows.append(Peer("effdet in PyTorch", absent="torch, timm and effdet are not installed"))
    return rows


def packages() -> str:
    found = []
    for name in ("openvino", "ai-edge-litert", "onnxruntime", "nncf"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def test_side_by_side(benchmark: Any) -> None:
    """pytest-benchmark's own figure is a round: every peer once, with all numbers of threads."""
    rows = all_peers()
    found = {}
    for threads in THREADS:
        runs = {peer.name: peer.start(threads) for peer in rows if peer.start is not None}
        if threads == THREADS[-1]:
            found[threads] = benchmark.pedantic(
                peers.interleaved, (runs, ROUNDS), rounds=1, iterations=1
            )
        else:
            found[threads] = peers.interleaved(runs, ROUNDS)
    assert OURS in found[THREADS[0]]
    head = ("", "1 thread", "ratio", "2 thr.", "ratio")
    lines = peers.table(rows, found, OURS)
    notes = [f"- not run: {peer.name}: {peer.absent}" for peer in rows if peer.absent]
    machine = this_machine()
    where = f"{machine.cpu}, {machine.architecture}, {machine.cores} cores"
    told = f"D0, 512 pixels, ms (p50 of {ROUNDS} interleaved rounds); {where}; {packages()}"
    print("\n" + "\n".join([told, peers.as_text(head, lines), *notes]))
    date = datetime.datetime.now(datetime.timezone.utc).date()
    paragraphs = [
        textwrap.fill(text, 100, break_on_hyphens=False) for text in (f"{told}; {date}.", *notes)
    ]
    content = "\n\n".join([paragraphs[0], peers.as_markdown(head, lines), *paragraphs[1:]])
    (FOLDER / "table.md").write_text(content + "\n", "utf-8")
    page = os.environ.get("EDGE_EDET_PAGE")
    if page:
        path = Path(page)
        path.write_text(peers.replaced(path.read_text("utf-8"), "peers", content), "utf-8")


def test_marks_are_replaced() -> None:
    text = "a\n<!-- peers -->\nold\n<!-- /peers -->\nb\n"
    once = peers.replaced(text, "peers", "new")
    assert once == "a\n<!-- peers -->\n\nnew\n\n<!-- /peers -->\nb\n"
    assert peers.replaced(once, "peers", "new") == once
    with pytest.raises(ValueError, match="no place marked"):
        peers.replaced("a", "peers", "new")
