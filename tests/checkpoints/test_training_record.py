"""What PyTorch files say beside the weights about the training: hyper-parameters, args, meta."""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, read_checkpoint
from edge_edet.converters.checkpoints.training_record import facts_beside, labels_beside
from edge_edet.converters.facts import Fact
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.errors import CheckpointError

HERE = Path(__file__).resolve().parent
torch_like = runpy.run_path(str(HERE / "torch_pickles.py"))
save, tensors, omega, module_of, Tensor, AttributeDict = (
    torch_like[name]
    for name in ("save", "tensors", "omega", "module_of", "Tensor", "AttributeDict")
)
NARROW = runpy.run_path(str(HERE / "golden/onnx_exports.py"))["NARROW"].replace(num_classes=2)
WEIGHTS = random_weights(NARROW, 0)
RATIOS = ((1.0, 1.0), (2.0, 0.5), (0.5, 2.0))
HYPER = {
    "anchor_scale": 2.0,
    "aspect_ratios": [[1, 1], [2, 0.5], [0.5, 2]],
    "num_scales": 3,
    "image_size": [256, 256],
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
    "learning_rate": 1e-4,
}
AS_TRAINED = NARROW.replace(
    anchor_scale=2.0,
    aspect_ratios=RATIOS,
    image_size=256,
    mean=(127.5,) * 3,
    std=(127.5,) * 3,
    pad_rgb=(128,) * 3,
)


def boxes(variant: Any) -> Any:
    """effdet's buffer: y0 x0 y1 x1 in pixels."""
    y, x, h, w = anchors(variant).T
    return np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1).astype(np.float32)


def lightning(path: Path, hyper: Any, **more: Any) -> Path:
    state = tensors(WEIGHTS, "model.model.") | tensors(more)
    return save({"epoch": 3, "state_dict": state, "hyper_parameters": hyper}, path)


@pytest.mark.parametrize(
    "hyper",
    [
        AttributeDict(HYPER),
        AttributeDict(config=omega(HYPER)),
        argparse.Namespace(**HYPER),
        AttributeDict(model=AttributeDict(cfg=HYPER)),
        AttributeDict(
            HYPER,
            mean=np.full(3, 0.5),
            std=Tensor(np.full(3, 0.5, np.float32)),
            anchor_scale=np.float64(2),
        ),
        AttributeDict(HYPER, image_size=256, mean=0.5, std=0.5, anchor_scale=[2.0] * 5),
        AttributeDict(HYPER, mean=[127.5] * 3, std=[127.5] * 3),
        AttributeDict(model=module_of(WEIGHTS, config=omega(HYPER))),
    ],
    ids=[
        "AttributeDict",
        "DictConfig",
        "Namespace",
        "nested",
        "arrays",
        "scalars",
        "0-255",
        "module",
    ],
)
@pytest.mark.parametrize("with_boxes", [False, True])
def test_hyper_parameters_become_the_variant(tmp_path, hyper, with_boxes):
    more = {"model.anchors.boxes": boxes(AS_TRAINED)} if with_boxes else {}
    checkpoint = read_checkpoint(lightning(tmp_path / "last.ckpt", hyper, **more), NARROW)
    assert checkpoint.variant == AS_TRAINED
    assert checkpoint.notes == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"anchor_scale": 4.0}, "its hyper_parameters say anchor_scale 2, its anchors.boxes say 4"),
        (
            {"aspect_ratios": ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))},
            "say aspect_ratios ((1, 1), (2, 0.5)",
        ),
        ({"image_size": 128}, "its hyper_parameters say image_size 256, its anchors.boxes say 128"),
    ],
)
def test_hyper_parameters_against_the_anchors_are_refused_and_both_are_named(
    tmp_path, changes, said
):
    other = boxes(AS_TRAINED.replace(**changes))
    path = lightning(tmp_path / "last.ckpt", AttributeDict(HYPER), **{"anchors.boxes": other})
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path, NARROW)
    assert f"is contradictory: {said}" in str(error.value) or said in str(error.value)


def test_a_stated_option_against_the_hyper_parameters_is_refused(tmp_path):
    path = lightning(tmp_path / "last.ckpt", AttributeDict(HYPER))
    with pytest.raises(
        CheckpointError, match="--anchor-scale says anchor_scale 3, its hyper_param"
    ):
        read_checkpoint(path, NARROW, [Fact("--anchor-scale", {"anchor_scale": 3.0})])


def test_a_bench_that_was_pickled_whole_states_its_configuration(tmp_path):
    net = module_of(WEIGHTS, "effdet.efficientdet.EfficientDet", config=omega(HYPER))
    assert read_checkpoint(save(net, tmp_path / "net.pt"), NARROW).variant == AS_TRAINED


# What scripts keep beside the weights -> fields of the variant
@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (None, {}),
        ({"epoch": 3}, {}),
        ({"image_size": 256}, {"image_size": 256}),
        # effdet train.py: what was not given is None, by timm's CheckpointSaver with arch and version
        (
            {
                "arch": "tf_efficientdet_d0",
                "version": 2,
                "args": {
                    "mean": None,
                    "std": None,
                    "fill_color": "mean",
                    "model": "tf_efficientdet_d0",
                },
            },
            {"pad_rgb": "mean"},
        ),
        (
            {"arch": "tf_efficientdet_d0_ap"},
            {"mean": (127.5,) * 3, "std": (127.5,) * 3, "pad_rgb": (0, 0, 0)},
        ),
        (
            {"args": {"mean": [0.5], "std": [0.5], "fill_color": "0"}},
            {"mean": (127.5,) * 3, "std": (127.5,) * 3, "pad_rgb": (0, 0, 0)},
        ),
        (
            {"meta": {"img_size": 256, "model_name": "ross.efficientdet", "classes": ["a"]}},
            {"image_size": 256},
        ),
        (
            {"datamodule_hyper_parameters": {"mean": [0.5] * 3, "std": [0.25] * 3}},
            {"mean": (127.5,) * 3, "std": (63.75,) * 3},
        ),
        # yacs and programs after it: capitals, and a section for each part
        (
            {"cfg": {"MODEL": {"ANCHOR_SCALE": 2.0, "DEPTH": 3}, "SOLVER": {"LR": 0.1}}},
            {"anchor_scale": 2.0},
        ),
        (
            {"hyper_parameters": {"overrides": {"anchors_scales": [0.5, 1.0]}, "lr": 0.1}},
            {"anchor_octaves": (0.5, 1.0)},
        ),
        (
            {"hyper_parameters": {"model_architecture": "tf_efficientdet_d0_ap"}},
            {"mean": (127.5,) * 3, "std": (127.5,) * 3, "pad_rgb": (0, 0, 0)},
        ),
        ({"config": {"fpn_name": "bifpn_attn"}}, {"fusion": "softmax"}),
        ({"hyper_parameters": {"augmentation": {"image_size": 64, "mean": 1}}}, {}),
        ({"hyper_parameters": {"label_map": "classes.txt", "obj_list": 3, "names": None}}, {}),
    ],
)
def test_what_is_beside_the_weights_becomes_facts(plain, expected):
    facts, notes = facts_beside(plain, NARROW, ())
    values = {name: value for fact in facts for name, value in fact.values.items()}
    assert values == expected
    assert notes == []


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"std": 0.02}, "has a std but no mean in its hyper_parameters: give --mean and --std"),
        (
            {"mean": "imagenet", "std": "imagenet"},
            "has mean 'imagenet' in its hyper_parameters: .*or give",
        ),
        (
            {"anchor_scale": "small"},
            r"has anchor_scale 'small' in its hyper_parameters: .*--anchor-scale",
        ),
        (
            {"image_size": "auto"},
            "has image_size 'auto' in its hyper_parameters: expected a whole num",
        ),
        ({"act_type": "relu"}, "has act_type 'relu' in its hyper_parameters: expected d0's swish"),
    ],
)
def test_values_that_cannot_be_understood_are_refused(hyper, message):
    with pytest.raises(CheckpointError, match=message):
        facts_beside({"hyper_parameters": hyper}, NARROW, ())


@pytest.mark.parametrize(
    ("hyper", "given"),
    [
        ({"std": 0.02, "image_size": 256}, {"mean": (0.0,) * 3, "std": (1.0,) * 3}),
        ({"anchor_scale": "small", "image_size": 256}, {"anchor_scale": 2.0}),
    ],
)
def test_they_are_passed_over_where_an_option_says_it(hyper, given):
    facts, [note] = facts_beside({"hyper_parameters": hyper}, NARROW, [Fact("--option", given)])
    assert [dict(fact.values) for fact in facts] == [{"image_size": 256}]
    assert "in its hyper_parameters" in note
    assert "; not read, as --" in note


@pytest.mark.parametrize(
    ("plain", "labels"),
    [
        ({"meta": {"classes": ["cat", "dog"]}}, ("cat", "dog")),
        ({"meta": {"classes": ["background", "cat", "dog"]}}, ("cat", "dog")),  # IceVision
        ({"meta": {"classes": ["background", "cat"]}}, ("background", "cat")),
        ({"meta": {"CLASSES": ["cat", "dog"]}}, ("cat", "dog")),  # OpenMMLab
        ({"hyper_parameters": {"class_names": ["cat", "dog"]}}, ("cat", "dog")),
        ({"args": {"names": {0: "cat", 1: "dog"}}}, ("cat", "dog")),
        ({"args": {"names": {1: "cat", 2: "dog"}}}, None),
        ({"meta": {"classes": ["cat"]}}, None),
        ({"meta": {"classes": ["cat", 2]}}, None),
        ({"meta": {"classes": "cat, dog"}}, None),
        ({}, None),
    ],
)
def test_labels_are_taken_where_they_are_as_many_as_the_classes(plain, labels):
    fact = labels_beside(plain, 2)
    assert (None if fact is None else fact.labels) == labels


def test_labels_in_the_file_are_the_models_and_it_is_said(tmp_path):
    value = {"state_dict": tensors(WEIGHTS), "meta": {"classes": ["cat", "dog"], "img_size": 128}}
    checkpoint = read_checkpoint(save(value, tmp_path / "a.pth"), NARROW)
    assert checkpoint.labels == ("cat", "dog")
    assert checkpoint.notes == ("its labels are the classes in its meta",)


@pytest.mark.parametrize("size", ["auto", [256, 512, 3]])
def test_a_size_that_cannot_be_built_gives_way_to_the_one_asked_for(tmp_path, size):
    path = lightning(tmp_path / "last.ckpt", HYPER | {"image_size": size})
    with pytest.raises(CheckpointError, match=r"--image-size|whole number of pixels"):
        read_checkpoint(path, NARROW)
    asked = Fact("--image-size", {"image_size": 384}, wish=True)
    checkpoint = read_checkpoint(path, NARROW, [asked])
    assert checkpoint.variant == AS_TRAINED.replace(image_size=NARROW.image_size)
    assert "; not read, as --image-size says otherwise" in checkpoint.notes[0]
