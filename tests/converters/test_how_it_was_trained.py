"""Anchors, size and normalization as trained: the boxes stay, in every format.

The bundled network is rewritten for other anchors, or another normalization, in such a way that it finds
the same boxes if, and only if, it is converted with just these. Situations as in zylo117/
Yet-Another-EfficientDet-Pytorch #17 and #598 (own anchors in the project's .yml), google/automl #524
(num_scales 5), rwightman/efficientdet-pytorch #40 (anchors of one's own) and its `*_ap` weights.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.converters import convert
from edge_edet.converters.checkpoints import read_checkpoint, write_safetensors
from edge_edet.converters.checkpoints.families.zylo117 import ZYLO117
from edge_edet.converters.facts import TrainingOptions
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.weights.source import asset
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.errors import CheckpointError, InputError
from edge_edet.variants import VARIANTS, octaves

D0 = VARIANTS["d0"]
LABELS = json.dumps(["RBC", "WBC", "Platelets"])
BLACK = {"labels": LABELS, "pad_rgb": "[0, 0, 0]"}
BOX, CLASSES = "box_net.predict.conv_pw", "class_net.predict.conv_pw"
RATIOS = ((1.0, 1.0), (1.3, 0.8), (1.9, 0.5))
SCALES = (0.5, 0.7, 0.9)


@pytest.fixture(scope="module")
def weights():
    return read_checkpoint(asset("d0-bccd.safetensors"), D0).weights


def for_anchors(weights, variant):
    """The network for the variant's anchors: of those that the bundled one has, box for box.

    ty tx th tw are relative to the anchor: a code grows as the anchor shrinks. Anchors beyond the
    ninth at a place repeat the others: their boxes fall to suppression.
    """
    own = list(itertools.product(octaves(3), D0.aspect_ratios))
    new = list(itertools.product(variant.anchor_octaves, variant.aspect_ratios))
    found = {name: array.astype(np.float64) for name, array in weights.items()}
    for part in ("weight", "bias"):
        boxes, classes = [], []
        for index, (octave, (x, y)) in enumerate(new):
            source = index % len(own)
            old_octave, (old_x, old_y) = own[source]
            fx = D0.anchor_scale * old_octave * old_x / (variant.anchor_scale * octave * x)
            fy = D0.anchor_scale * old_octave * old_y / (variant.anchor_scale * octave * y)
            rows = weights[f"{BOX}.{part}"][source * 4 : source * 4 + 4].astype(np.float64)
            rows[:2] = rows[:2] * np.array([fy, fx]).reshape(2, *[1] * (rows.ndim - 1))
            if part == "bias":
                rows[2:] += np.log([fy, fx])
            boxes.append(rows)
            classes.append(weights[f"{CLASSES}.{part}"][source * 3 : source * 3 + 3])
        found[f"{BOX}.{part}"] = np.concatenate(boxes)
        found[f"{CLASSES}.{part}"] = np.concatenate(classes)
    return {name: array.astype(np.float32) for name, array in found.items()}


def for_normalization(weights, mean, std):
    """The network whose first convolution takes pictures normalized by another mean and std.

    Exact inside of the picture; SAME padding adds zeros, which stand for another colour now.
    """
    found = dict(weights)
    kernel = weights["backbone.conv_stem.weight"].astype(np.float64)  # [out, rgb, h, w]
    scale = np.asarray(std) / np.asarray(D0.std)
    shift = ((np.asarray(mean) - np.asarray(D0.mean)) / np.asarray(D0.std)).reshape(1, 3, 1, 1)
    found["backbone.conv_stem.weight"] = (kernel * scale.reshape(1, 3, 1, 1)).astype(np.float32)
    added = (kernel * shift).sum(axis=(1, 2, 3))
    found["backbone.bn1.running_mean"] = (weights["backbone.bn1.running_mean"] - added).astype(
        np.float32
    )
    return found


def boxes_of(variant):
    rows = anchors(variant)
    return np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], axis=1)


def written(path, weights, metadata=BLACK, **more):
    write_safetensors(path, {**weights, **more}, metadata, np.float32)
    return path


def made(checkpoint, folder, training=None, precisions=("fp32",), **more):
    """The files that `convert` writes, and its notes."""
    found = convert(
        "d0",
        precisions,
        output=folder,
        weights=checkpoint,
        training=training,
        parity_report=False,
        **more,
    )
    return list(found.paths), list(found.notes)


def boxes_in(path):
    with edge_edet.load(path, threads=2, score_threshold=0.4) as detector:
        return detector.detect(draw_smear(1)[0])


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    (path,), _ = made("bundled", tmp_path_factory.mktemp("bundled"), formats=("tflite",))
    return boxes_in(path)


def same(found, expected, pixels=0.5, score=0.01):
    assert len(found) == len(expected) > 5
    assert sorted(found.labels) == sorted(expected.labels)
    for box, value in zip(found.boxes, found.scores, strict=True):
        near = np.abs(expected.boxes - box).max(axis=1)
        assert near.min() < pixels
        assert abs(expected.scores[near.argmin()] - value) < score


OWN = D0.replace(anchor_scale=2.0, anchor_octaves=SCALES, aspect_ratios=RATIOS)
FIFTEEN = D0.replace(anchor_octaves=octaves(5))
ONE_SCALE = D0.replace(
    anchor_octaves=(1.3,), aspect_ratios=tuple((1 + i / 10, 1.1) for i in range(9))
)


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        (OWN, {"anchor_scale": 2, "scales_per_octave": SCALES, "aspect_ratios": RATIOS}),
        (FIFTEEN, {"scales_per_octave": 5}),
        (ONE_SCALE, {"scales_per_octave": (1.3,), "aspect_ratios": ONE_SCALE.aspect_ratios}),
    ],
    ids=["own nine", "fifteen", "nine ratios"],
)
@pytest.mark.parametrize("nms", ["none", "in-graph"])
def test_anchors_by_options_hold_in_every_format(
    tmp_path, weights, expected, variant, options, nms
):
    path = written(tmp_path / "own.safetensors", for_anchors(weights, variant))
    formats = ("tflite", "openvino", "onnx") if nms == "none" else ("tflite", "onnx")
    files, notes = made(path, tmp_path, TrainingOptions(**options), formats=formats, nms=nms)
    assert len(files) == len(formats)
    for file in files:
        same(boxes_in(file), expected)
    assert notes[0].startswith("by --")


def test_anchors_of_the_file(tmp_path, weights, expected):
    """effdet's DetBench keeps them as a buffer."""
    path = written(
        tmp_path / "bench.safetensors",
        for_anchors(weights, OWN),
        **{"anchors.boxes": boxes_of(OWN)},
    )
    (file,), notes = made(path, tmp_path, formats=("tflite",))
    same(boxes_in(file), expected)
    assert any("by its anchors.boxes" in note for note in notes)
    assert notes[-1] == ("normalization taken as the published d0's: the file does not state it")


def test_anchors_of_metadata_and_of_a_project(tmp_path, weights, expected):
    variant = OWN.replace(anchor_scale=4.0)
    plain = written(
        tmp_path / "plain.safetensors", for_anchors(weights, variant), {"pad_rgb": "[0, 0, 0]"}
    )
    project = tmp_path / "cells.yml"
    project.write_text(
        "anchors_scales: '[0.5, 0.7, 0.9]'\nobj_list: [RBC, WBC, Platelets]\n"
        "anchors_ratios: '[(1.0, 1.0), (1.3, 0.8), (1.9, 0.5)]'\n"
    )
    (file,), _ = made(
        plain, tmp_path / "project", TrainingOptions(project=project), formats=("tflite",)
    )
    same(boxes_in(file), expected)  # labels too
    stated = written(
        tmp_path / "stated.safetensors",
        for_anchors(weights, variant),
        {**BLACK, "anchor_octaves": json.dumps(SCALES), "aspect_ratios": json.dumps(RATIOS)},
    )
    (file,), _ = made(stated, tmp_path / "metadata", formats=("tflite",))
    same(boxes_in(file), expected)


def test_anchors_hold_in_int8(tmp_path, weights, expected, smears):
    path = written(tmp_path / "own.safetensors", for_anchors(weights, FIFTEEN))
    files, _ = made(
        path,
        tmp_path,
        TrainingOptions(scales_per_octave=5),
        ("int8",),
        formats=("tflite", "openvino"),
        calibration=smears,
    )
    for file in files:
        same(boxes_in(file), expected, pixels=8, score=0.15)  # int8 codes: a step is 2 to 3 pixels
        with edge_edet.load(file) as detector:
            assert detector.manifest.variant.anchor_octaves == octaves(5)


HALF = (127.5,) * 3
INSIDE = {"pixels": 2.0, "score": 0.05}  # the picture's border sees another colour beyond it


@pytest.mark.parametrize("how", ["options", "metadata", "name"])
def test_normalization(tmp_path, weights, expected, how):
    """AdvProp's: the tensors do not tell, and ImageNet's gives 0.688 AP where 0.967 is right."""
    other = for_normalization(weights, HALF, HALF)
    name = "tf_efficientdet_d0_ap-0a1b2c3d" if how == "name" else "own"
    metadata = dict(BLACK)
    if how == "metadata":
        metadata |= {"mean": "[0.5, 0.5, 0.5]", "std": "[0.5, 0.5, 0.5]"}
    path = written(tmp_path / f"{name}.safetensors", other, metadata)
    options = TrainingOptions(mean="127.5", std="127.5", pad="0") if how == "options" else None
    files, notes = made(path, tmp_path, options, formats=("tflite", "openvino", "onnx"))
    for file in files:
        same(boxes_in(file), expected, **INSIDE)
        with edge_edet.load(file) as detector:
            assert detector.manifest.variant.mean == HALF
            assert detector.manifest.variant.pad_rgb == (0, 0, 0)
    assert any("mean 127.5, std 127.5" in note for note in notes)
    assert "anchors and size taken as the published d0's: the file does not state them" in notes


def test_what_nothing_states_is_said_and_kept(tmp_path, weights, command):
    """Once on the screen, and in the manifest for whoever gets the file."""
    changed = dict(weights) | {f"{CLASSES}.bias": weights[f"{CLASSES}.bias"] + np.float32(0.01)}
    path = written(tmp_path / "mine.safetensors", changed, {"labels": LABELS})
    ran = command("convert", "--fp32", "d0", "--weights", path, "--to", "tflite", "-o", "out")
    assert ran.returncode == 0
    assert ran.stderr.splitlines()[0] == (
        "note: anchors, size and normalization taken as the published d0's: the file does not "
        "state them"
    )
    assert ran.stderr.count("taken as the published") == 1
    with edge_edet.load(tmp_path / "out/d0-fp32.tflite") as detector:
        assert detector.manifest.provenance["weights"]["assumed"] == [
            "anchors",
            "size",
            "normalization",
        ]


def test_a_project_file_beside_a_checkpoint_is_named_not_taken(tmp_path, weights):
    """zylo117 keeps anchors in projects/NAME.yml; people keep the two together."""
    sources = ZYLO117.sources(D0.replace(num_classes=3, **ZYLO117.changes))
    path = tmp_path / "efficientdet-d0_cells.safetensors"
    write_safetensors(path, {s.names[0]: weights[n] for n, s in sources.items()}, {}, np.float32)
    (tmp_path / "cells.yml").write_text("anchors_ratios: '[(1.0, 1.0), (1.3, 0.8), (1.9, 0.5)]'\n")
    (tmp_path / "other.yml").write_text("names: [a]\n")
    _, notes = made(path, tmp_path / "out", formats=("tflite",))
    assert "cells.yml beside it: if it was trained with that, give --project" in notes
    with edge_edet.load(tmp_path / "out/d0-fp32.tflite") as detector:
        assert detector.manifest.variant.aspect_ratios == D0.aspect_ratios


def test_the_bundled_weights_are_known(tmp_path):
    """Nothing is assumed of them, and nothing else is believed."""
    _, notes = made("bundled", tmp_path, formats=("tflite",))
    assert not [note for note in notes if "taken as" in note]
    with pytest.raises(CheckpointError, match=r"the bundled weights say anchor_scale 4, .* 2"):
        made("bundled", tmp_path, TrainingOptions(anchor_scale=2), formats=("tflite",))


def test_the_size_that_it_was_trained_at(tmp_path, weights):
    at_256 = {"anchors.boxes": boxes_of(D0.replace(image_size=256))}
    path = written(tmp_path / "small.safetensors", weights, **at_256)
    assert find_weights("d0", str(path), 0, None, None).variant.image_size == 256
    asked = find_weights("d0", str(path), 0, None, 384)
    assert asked.variant.image_size == 384
    assert any(
        note.startswith("trained at 256 pixels, built for 384 as --image-size says")
        for note in asked.notes
    )
    odd = written(
        tmp_path / "odd.safetensors",
        weights,
        **{"anchors.boxes": boxes_of(D0.replace(image_size=300))},
    )
    with pytest.raises(InputError, match="image size 300: expected multiples of 32"):
        find_weights("d0", str(odd), 0, None, None)


@pytest.mark.parametrize(
    ("options", "more", "what"),
    [
        ({"anchor_scale": 3}, {}, "--anchor-scale says anchor_scale 3, its anchors.boxes say 2"),
        ({"aspect_ratios": "1,2,0.5"}, {}, "--aspect-ratios say .* its anchors.boxes say"),
        (
            {"scales_per_octave": 2},
            {},
            "--scales-per-octave says anchor_octaves .* its anchors.boxes",
        ),
        ({}, {"anchor_scale": "4.0"}, "its metadata says anchor_scale 4, its anchors.boxes say 2"),
        ({"mean": 0.5, "std": 0.5}, {"mean": "127.0", "std": "128.0"}, "--mean and --std say mean"),
    ],
)
def test_contradictions_are_refused_naming_both(tmp_path, weights, options, more, what):
    small = D0.replace(anchor_scale=2.0)
    path = written(
        tmp_path / "bench.safetensors",
        for_anchors(weights, small),
        BLACK | more,
        **{"anchors.boxes": boxes_of(small)},
    )
    with pytest.raises(CheckpointError, match=what) as caught:
        made(path, tmp_path, TrainingOptions(**options), formats=("tflite",))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.tflite"))


def test_another_number_of_anchors_is_named_as_that(tmp_path, weights, command):
    """zylo117 #17: 15 anchors looked like a wrong shape."""
    path = written(tmp_path / "own.safetensors", for_anchors(weights, FIFTEEN))
    ran = command("convert", "--fp32", "d0", "--weights", path, "--to", "tflite", "-o", "out")
    assert ran.returncode == 2
    assert ran.stderr == (
        "edge-edet: error: own.safetensors: has 15 anchors at each position, but 3 scales x 3 aspect "
        "ratios are 9: say which it was trained with, by --scales-per-octave and --aspect-ratios, or "
        "the file that does (--project, --hparams)\n"
    )


def test_a_record_of_another_normalization_is_refused(tmp_path, weights, command, smears):
    """The statistics are of what the network saw."""
    path = written(tmp_path / "own.safetensors", weights, {"labels": LABELS})
    options = ("--weights", path, "--threads", "2")
    ran = command(
        "calibrate",
        "d0",
        "--calibration",
        smears,
        "--calibration-images",
        2,
        "-o",
        "own.calibration",
        "--mean",
        "127.5",
        "--std",
        "127.5",
        *options,
    )
    assert ran.returncode == 0, ran.stderr
    ran = command(
        "convert",
        "--int8",
        "d0",
        "--calibration",
        "own.calibration",
        "--to",
        "tflite",
        "--mean",
        "127.5",
        "--std",
        "127.5",
        *options,
    )
    assert ran.returncode == 0, ran.stderr
    ran = command(
        "convert", "--int8", "d0", "--calibration", "own.calibration", "--to", "tflite", *options
    )
    assert ran.returncode == 2
    assert "was taken with mean 127.5, std 127.5, padding 128, and the model has" in ran.stderr


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """COCO data of drawn smears."""
    folder = tmp_path_factory.mktemp("labelled")
    images, annotations = [], []
    for seed in range(3):
        pixels, boxes = draw_smear(seed)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
        images.append({"id": seed + 1, "file_name": f"{seed}.png", "width": 640, "height": 480})
        for x0, y0, x1, y1, label in boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": seed + 1,
                    "area": (x1 - x0) * (y1 - y0),
                    "category_id": label + 1,
                    "iscrowd": 0,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                }
            )
    names = [{"id": i + 1, "name": n} for i, n in enumerate(["RBC", "WBC", "Platelets"])]
    document = {"images": images, "annotations": annotations, "categories": names}
    (folder / "labels.json").write_text(json.dumps(document))
    return folder / "labels.json"


@pytest.mark.parametrize("option", ["--check-data", "--data"])
def test_a_model_that_finds_nothing_is_told(tmp_path, weights, labelled, command, option):
    """Anchors of the wrong kind give AP 0.0005: a dozen pictures of one's own show it."""
    path = written(tmp_path / "own.safetensors", for_anchors(weights, OWN))
    convert_it = (
        "convert",
        "--fp32",
        "d0",
        "--weights",
        path,
        "--to",
        "tflite,openvino",
        option,
        labelled,
    )
    wrong = command(*convert_it)
    assert wrong.returncode == 0
    for name in ("d0-fp32.tflite", "d0-fp32.xml"):
        assert f"note: {name}: AP on 3 of your pictures is 0.00" in wrong.stderr
    right = command(
        *convert_it,
        "--anchor-scale",
        2,
        "--scales-per-octave",
        "0.5,0.7,0.9",
        "--aspect-ratios",
        "1x1,1.3x0.8,1.9x0.5",
    )
    assert right.returncode == 0
    assert "near zero" not in right.stderr
    assert "not checked" not in right.stderr
    for name in (
        "d0-fp32.tflite",
        "d0-fp32.xml",
    ):  # silence would not tell a poor AP from a good one
        told = re.search(rf"note: {name}: AP on 3 of your pictures is (0\.\d\d);", right.stderr)
        assert told is not None
        assert float(told[1]) > 0.2


@pytest.mark.parametrize("anchors", ["usual", "other"])
def test_a_model_without_class_names_is_looked_at_whatever_the_class(
    tmp_path, weights, labelled, command, anchors
):
    """Most checkpoints name no classes: wrong anchors show all the same, and no class is guessed."""
    other = dict(weights) if anchors == "usual" else for_anchors(weights, OWN)
    other[f"{CLASSES}.bias"] = other[f"{CLASSES}.bias"] + np.float32(0.01)
    path = written(tmp_path / "own.safetensors", other, {"pad_rgb": "[0, 0, 0]"})
    ran = command(
        "convert", "--fp32", "d0", "--weights", path, "--to", "tflite", "--check-data", labelled
    )
    assert ran.returncode == 0
    (note,) = [line for line in ran.stderr.splitlines() if "best boxes" in line]
    covered, objects = map(int, re.search(r"(\d+) of (\d+) objects", note).groups())
    assert "the classes are not checked: the model has no class for 3 of 3 categories" in note
    assert note.endswith("name the model's by --labels FILE")
    if anchors == "usual":
        assert covered > 0.6 * objects
        assert "near zero" not in note
    else:
        assert covered == 0
        assert "whatever their class, near zero: are anchors, size and normalization" in note


def test_int8_of_a_model_without_class_names_ends_before_the_work(
    tmp_path, weights, labelled, command
):
    """Its parity report could not state AP; known at the end, that would cost the calibration."""
    other = dict(weights)
    other[f"{CLASSES}.bias"] = other[f"{CLASSES}.bias"] + np.float32(0.01)
    path = written(tmp_path / "own.safetensors", other, {"pad_rgb": "[0, 0, 0]"})
    ran = command(
        "convert",
        "--int8",
        path,
        "--to",
        "tflite",
        "-o",
        "out",
        "--calibration",
        labelled.parent,
        "--data",
        labelled,
    )
    assert ran.returncode == 2
    assert "'class 2': name the model's classes by --labels FILE, or give a folder" in ran.stderr
    assert "calibrating" not in ran.stderr
    assert not (tmp_path / "out").exists()


def test_the_same_through_a_picture_file(tmp_path, weights, expected, command):
    """The road that people take: checkpoint, options, `detect`."""
    path = written(tmp_path / "own.safetensors", for_anchors(weights, OWN))
    Image.fromarray(draw_smear(1)[0]).save(tmp_path / "smear.png")
    ran = command(
        "convert",
        "--fp32",
        "d0",
        "--weights",
        path,
        "--to",
        "tflite",
        "-o",
        "out",
        "--anchor-scale",
        "2",
        "--scales-per-octave",
        "0.5,0.7,0.9",
        "--aspect-ratios",
        "1x1,1.3x0.8,1.9x0.5",
    )
    assert ran.returncode == 0, ran.stderr
    ran = command(
        "detect",
        "smear.png",
        "-m",
        Path("out/d0-fp32.tflite"),
        "--json",
        "--score-threshold",
        "0.4",
    )
    found = json.loads(ran.stdout)["detections"]
    assert len(found) == len(expected)
    for one, box in zip(found, expected.boxes, strict=True):
        np.testing.assert_allclose(one["box"], box, atol=0.5)
