"""The kinds of files that people hand to edge-edet, small ones, and what is done with each."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from harness import Kind
from PIL import Image

import edge_edet
import edge_edet.backends.litert.interpreter
import edge_edet.backends.onnxruntime
import edge_edet.backends.openvino.backend
from edge_edet.benchmarks.accuracy.class_mapping import read_class_map
from edge_edet.benchmarks.accuracy.datasets.load import load_dataset
from edge_edet.benchmarks.rows import schema as r
from edge_edet.benchmarks.rows.file import append_rows, read_rows
from edge_edet.benchmarks.rows.from_benchmark_model import rows_of_log
from edge_edet.benchmarks.rows.parts import DeviceName
from edge_edet.converters.calibrate import (
    calibrate,
    calibrate_on_noise,
    fit_swishes,
    make_corrections,
    noise_of,
)
from edge_edet.converters.checkpoints import random_weights, read_checkpoint, write_safetensors
from edge_edet.converters.checkpoints.families.tfod_pipeline import read_pipeline
from edge_edet.converters.facts import TrainingOptions, facts_of_options, settle
from edge_edet.converters.quantize import corrected, load_corrections, save_corrections
from edge_edet.converters.quantize.calibration_record import load_record, save_record
from edge_edet.converters.quantize.channelwise import quantize_channelwise
from edge_edet.converters.quantize.recipes import quantize
from edge_edet.converters.recipes_by_format import choose_recipes
from edge_edet.converters.weights.source import Source, weights_digest
from edge_edet.converters.write.model_writer import ModelWriter
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.preprocess import letterbox
from edge_edet.devices.boards.profile import read_profile
from edge_edet.files import pair as output_pair
from edge_edet.labels.file import read_label_file
from edge_edet.network.build import build_network
from edge_edet.pictures.image import read_picture
from edge_edet.variants import VARIANTS

output_pair.WAIT_S = 0.0  # readers of an IR wait for a switch to end: nobody switches here
TESTS = Path(__file__).resolve().parents[1]
GOLDEN = TESTS / "checkpoints" / "golden"
NARROW = VARIANTS["d0"].replace(
    image_size=64,
    width=0.1,
    depth=0.3,
    fpn_channels=12,
    fpn_repeats=2,
    head_repeats=2,
    num_classes=3,
)
LABELS = ("RBC", "WBC", "Platelets")
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


# --- models -------------------------------------------------------------------------------------


def model(precision: str, nms: str = "none", container: str = "tflite") -> Any:
    """Writes model.* as `convert` would, of a narrow network with seeded weights."""

    def make(folder: Path) -> None:
        weights = random_weights(NARROW, 0)
        graph = build_network(NARROW, weights)
        provenance = {"name": "seeded", "sha256": None, "family": "effdet", "random": False}
        source = Source(NARROW, weights, LABELS, provenance, weights_digest(weights), ())
        described = ModelWriter(source, LABELS, precision, nms, ())
        recipes = choose_recipes(None, (container,) if precision == "int8" else ())
        if precision == "int8":
            record = calibrate_on_noise(graph, source.digest, 2, 0, 1)
            described = dataclasses.replace(described, calibration=record)
        if container == "openvino":
            channels = stated = None
            if precision == "int8":
                recipe = recipes.channelwise
                assert recipe is not None
                swishes = fit_swishes(graph, range(2), noise_of(graph, 0), 1)
                channels = quantize_channelwise(graph, record.statistics, recipe, swishes)
                stated = recipe.to_dict()
            files = described.to_ir(graph, channels, stated)
        elif container == "onnx":
            files = described.to_onnx(graph)
        elif precision == "int8":
            assert recipes.tflite is not None
            built, quantized = quantize(graph, record.statistics, recipes.tflite)
            quantized = corrected(built, quantized, {})
            files = {".tflite": described.to_bytes(built, quantized, recipes.tflite.to_dict())}
        else:
            files = {".tflite": described.to_bytes(graph, None, None)}
        for suffix, content in files.items():
            (folder / f"model{suffix}").write_bytes(content)

    return make


def foreign(folder: Path) -> None:
    """As from another converter: nobody finds our manifest in it."""
    model("int8", "in-graph")(folder)
    path = folder / "model.tflite"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"edge_edet_manifest", b"edge_edet_manifesT"))


def run_model(path: Path) -> Any:
    """Loads and runs: a digest of every raw output, and the labels."""
    path = path.with_suffix(".xml") if path.suffix == ".bin" else path
    with edge_edet.load(path, threads=1) as detector:
        raw = detector.raw(PICTURE)
        detector.detect(PICTURE)
        return [
            detector.labels,
            {
                name: hashlib.sha256(values.tobytes()).hexdigest()
                for name, values in sorted(raw.outputs.items())
            },
        ]


# --- checkpoints --------------------------------------------------------------------------------


def effdet_tensors() -> dict[str, Any]:
    rows = anchors(NARROW)
    boxes = np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], axis=1)
    return random_weights(NARROW, 0) | {"anchors.boxes": boxes}


def safetensors(folder: Path) -> None:
    metadata = {"labels": json.dumps(LABELS), "pad_rgb": "[0, 0, 0]", "anchor_scale": "4.0"}
    write_safetensors(folder / "net.safetensors", effdet_tensors(), metadata, np.float32)


def torch_file(legacy: bool) -> Any:
    def make(folder: Path) -> None:
        sys.path.insert(0, str(TESTS / "checkpoints"))
        from torch_pickles import AttributeDict, save, tensors

        value = {
            "state_dict": tensors(effdet_tensors(), "model."),
            "hyper_parameters": AttributeDict(anchor_scale=4.0, image_size=[64, 64]),
        }
        save(value, folder / "net.pth", legacy=legacy)

    return make


def tf_bundle(folder: Path) -> None:
    for path in (GOLDEN / "tf2").glob("model.*"):
        (folder / path.name).write_bytes(path.read_bytes())


def onnx_export(folder: Path) -> None:
    sys.path.insert(0, str(GOLDEN))
    from onnx_exports import unpack

    unpack("torchscript", folder)


def read_weights(path: Path) -> Any:
    read_checkpoint(path, NARROW)


def read_part(path: Path) -> Any:
    """Of TensorFlow: a part of a network, so that the whole file is refused too, by what it lacks."""
    prefix = path.with_suffix("") if path.suffix.startswith((".index", ".data")) else path
    read_checkpoint(prefix, VARIANTS["d0"])


def keras(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "net.h5", "w") as file:
        file.attrs["layer_names"] = [b"class_net"]
        group = file.create_group("class_net")
        names = ["class_net/class-predict/bias:0", "box_net/box-predict/bias:0"]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name in names:
            group.create_dataset(name, data=np.zeros(36, np.float32))


# --- records, pictures, data --------------------------------------------------------------------


def record(folder: Path) -> None:
    weights = random_weights(NARROW, 0)
    graph = build_network(NARROW, weights)
    Image.fromarray(PICTURE).save(folder / "one.png")
    found = calibrate(graph, weights_digest(weights), [folder / "one.png"], 1)
    save_record(found, folder / "net.calibration")


def corrections(folder: Path) -> None:
    weights = random_weights(NARROW, 0)
    graph = build_network(NARROW, weights)
    Image.fromarray(PICTURE).save(folder / "one.png")
    found = calibrate(graph, weights_digest(weights), [folder / "one.png"], 1)
    made = make_corrections(graph, found, [folder / "one.png"], 1)
    save_corrections(made, folder / "net.corrections")


def picture(name: str, **options: Any) -> Any:
    def make(folder: Path) -> None:
        deep = name.endswith((".tif", ".pgm"))
        pixels = PICTURE[..., 0].astype(np.uint16) * 257 if deep else PICTURE
        Image.fromarray(pixels).save(folder / name, **options)

    return make


def read_picture_file(path: Path) -> Any:
    warnings.simplefilter("ignore")
    for picture_range in (None, "auto"):
        letterbox(read_picture(path, picture_range).image, 64, (0, 0, 0))  # type: ignore[arg-type]


def pictures(folder: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(PICTURE).save(folder / f"{name}.png")


def coco(folder: Path) -> None:
    pictures(folder)
    images = [
        {"id": i, "file_name": f"{n}.png", "width": 64, "height": 48} for i, n in enumerate("ab")
    ]
    objects = [
        {
            "id": i,
            "image_id": i % 2,
            "category_id": 1 + i % 3,
            "bbox": [1.5 * i, 2, 10, 12.25],
            "area": 120,
            "iscrowd": 0,
        }
        for i in range(6)
    ]
    names = [{"id": i + 1, "name": n, "supercategory": "cell"} for i, n in enumerate(LABELS)]
    document = {"images": images, "annotations": objects, "categories": names}
    (folder / "labels.json").write_text(json.dumps(document, indent=1))


def voc(folder: Path) -> None:
    pictures(folder)
    for name in "ab":
        (folder / f"{name}.xml").write_text(
            f"<?xml version='1.0' encoding='UTF-8'?>\n<annotation>\n<filename>{name}.png</filename>\n<size>"
            "<width>64</width><height>48</height><depth>3</depth></size>\n<object><name>RBC</name>\n"
            "<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>22"
            "</ymax></bndbox></object>\n</annotation>\n"
        )


def yolo(folder: Path) -> None:
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for name in "ab":
        Image.fromarray(PICTURE).save(folder / "images" / "val" / f"{name}.png")
        (folder / "labels" / "val" / f"{name}.txt").write_text(
            "0 0.5 0.5 0.2 0.3\n1 0.1 0.2 0.3 0.2 0.3 0.4 0.1 0.4\n"
        )
    (folder / "data.yaml").write_text(
        "path: .\ntrain: images/val\nval: images/val\nnc: 3\nnames:\n  0: RBC\n  1: WBC\n  2: Platelets\n"
    )


def read_data(path: Path) -> Any:
    folder = path.parent
    while folder.name in ("val", "labels", "images"):
        folder = folder.parent
    given = folder if path.suffix in (".xml", ".txt") else path
    dataset = load_dataset(given, split="val" if path.suffix == ".txt" else None)
    dataset.check_files()
    dataset.digest()


# --- texts --------------------------------------------------------------------------------------


def text(name: str, content: str) -> Any:
    def make(folder: Path) -> None:
        (folder / name).write_text(content)

    return make


def read_labels(path: Path) -> Any:
    read_label_file(path, 3)


def read_map(path: Path) -> Any:
    read_class_map(path)


def read_training(path: Path) -> Any:
    options = (
        TrainingOptions(project=path)
        if path.suffix == ".yml"
        else TrainingOptions(hparams=str(path))
    )
    settle(NARROW, facts_of_options(options, NARROW))


def read_pipeline_file(path: Path) -> Any:
    read_pipeline(path, VARIANTS["d0"])


def pipeline(folder: Path) -> None:
    sys.path.insert(0, str(GOLDEN))
    from tfod_network import CASES, pipeline_config

    case = next(iter(CASES.values())) if isinstance(CASES, dict) else CASES[0]
    (folder / "pipeline.config").write_text(pipeline_config(case))


def read_profile_file(path: Path) -> Any:
    read_profile(path)


def profile(folder: Path) -> None:
    import edge_edet.devices.profiles as package

    source = Path(next(iter(package.__path__))) / "rpi4.toml"
    (folder / "board.toml").write_bytes(source.read_bytes())


def log(folder: Path) -> None:
    model("fp32")(folder)
    source = (TESTS / "devices" / "logs" / "console-2.18.txt").read_text()
    size = (folder / "model.tflite").stat().st_size / 1e6
    (folder / "phone.txt").write_text(source.replace("15.7002", f"{size:.6g}"))


def read_log(path: Path) -> Any:
    rows_of_log(
        path,
        path.with_name("model.tflite"),
        DeviceName("pixel8", "Pixel 8"),
        datetime(2026, 1, 1, tzinfo=timezone.utc),
    )


def rows(folder: Path) -> None:
    facts = r.ModelFacts(
        "d0-int8.tflite", "ab" * 32, 5_000_000, "d0", (512, 512), "int8", "tflite", 3_900_000, None
    )
    ran = r.ActualConfig(
        "ai-edge-litert",
        "2.3.0",
        "xnnpack",
        599,
        583,
        13,
        None,
        1,
        None,
        None,
        ("CPU",),
        None,
        "none",
    )
    samples = (40.0, 41.0, 39.0)
    row = r.BenchmarkRow(
        schema_version=1,
        how="measured",
        started_at="2026-01-02T03:04:05+00:00",
        tool="edge-edet 0.1.0",
        model=facts,
        asked=r.RequestedConfig(threads=1),
        ran=ran,
        device=r.DeviceName("host", "this machine"),
        machine=r.MachineState(),
        protocol={"name": "edge-edet bench", "version": 1},
        samples_ms={"inference": samples, "end_to_end": samples},
        load_ms=12.5,
        peak_memory_bytes=100_000_000,
        throughput=None,
        energy=None,
        sustain=None,
        estimate=None,
        summary=None,
        accuracy=None,
        warnings=(),
    )
    append_rows(folder / "rows.jsonl", [row, row])


def read_rows_file(path: Path) -> Any:
    for row in read_rows(path):
        for samples in row.samples_ms.values():
            np.median(samples)


KINDS = (
    Kind("tflite int8", "model.tflite", model("int8"), run_model, answers=True),
    Kind("tflite fp32", "model.tflite", model("fp32"), run_model, answers=True),
    Kind("tflite nms", "model.tflite", model("int8", "in-graph"), run_model, answers=True),
    Kind("tflite foreign", "model.tflite", foreign, run_model),
    Kind(
        "ir xml",
        "model.xml",
        model("fp32", container="openvino"),
        run_model,
        text=True,
        answers=True,
    ),
    Kind("ir bin", "model.bin", model("int8", container="openvino"), run_model, answers=True),
    Kind("onnx", "model.onnx", model("fp32", container="onnx"), run_model, answers=True),
    Kind("safetensors", "net.safetensors", safetensors, read_weights),
    Kind("pth", "net.pth", torch_file(legacy=False), read_weights),
    Kind("pth legacy", "net.pth", torch_file(legacy=True), read_weights),
    Kind("h5", "net.h5", keras, read_part, whole=False),
    Kind("tf index", "model.index", tf_bundle, read_part, whole=False),
    Kind("tf data", "model.data-00000-of-00001", tf_bundle, read_part, whole=False),
    Kind("onnx weights", "torchscript.onnx", onnx_export, read_weights),
    Kind("record", "net.calibration", record, load_record),
    Kind("corrections", "net.corrections", corrections, load_corrections),
    Kind("png", "p.png", picture("p.png"), read_picture_file),
    Kind("jpeg", "p.jpg", picture("p.jpg"), read_picture_file),
    Kind("tiff 16", "p.tif", picture("p.tif", compression="tiff_lzw"), read_picture_file),
    Kind("coco", "labels.json", coco, read_data, text=True),
    Kind("voc", "a.xml", voc, read_data, text=True),
    Kind("yolo", "labels/val/a.txt", yolo, read_data, text=True),
    Kind("data.yaml", "data.yaml", yolo, read_data, text=True),
    Kind(
        "labels",
        "names.txt",
        text("names.txt", "0 RBC\n1 WBC\n2 Platelets\n"),
        read_labels,
        text=True,
    ),
    Kind(
        "label map",
        "map.pbtxt",
        text(
            "map.pbtxt",
            "".join(f"item {{\n  id: {i + 1}\n  name: '{n}'\n}}\n" for i, n in enumerate(LABELS)),
        ),
        read_labels,
        text=True,
    ),
    Kind(
        "class map",
        "map.json",
        text("map.json", '{"class 0": "RBC", "class 1": "WBC"}'),
        read_map,
        text=True,
    ),
    Kind(
        "project",
        "p.yml",
        text(
            "p.yml",
            "anchors_scales: '[0.5, 0.7, 0.9]'\nobj_list: ['a', 'b']\n"
            "anchors_ratios: '[(1.0, 1.0), (1.3, 0.8)]'\nmean: [0.5, 0.5, 0.5]\nstd: [0.5, 0.5, 0.5]\n",
        ),
        read_training,
        text=True,
    ),
    Kind(
        "hparams",
        "config.yaml",
        text(
            "config.yaml",
            "anchor_scale: 3.0\naspect_ratios: [1.0, 2.0]\n"
            "image_size: 640x640\nlabel_map: {1: yes, 2: b}\nmean_rgb: 0.0\nstddev_rgb: 1.0\n"
            "scale_range: true\n",
        ),
        read_training,
        text=True,
    ),
    Kind("pipeline.config", "pipeline.config", pipeline, read_pipeline_file, text=True),
    Kind("profile", "board.toml", profile, read_profile_file, text=True),
    Kind("log", "phone.txt", log, read_log, text=True),
    Kind("rows", "rows.jsonl", rows, read_rows_file, text=True),
)
