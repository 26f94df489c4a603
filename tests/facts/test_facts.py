"""Who says what about a detector's training: statements, hints, contradictions, what is assumed."""

from pathlib import Path

import numpy as np
import pytest

from edge_edet.converters.facts import (
    Fact,
    TrainingOptions,
    fact_of_arch,
    fact_of_config,
    fact_of_name,
    facts_of_options,
    not_stated,
    other_network,
    settle,
    sibling_of_name,
    training_notes,
)
from edge_edet.errors import CheckpointError, InputError
from edge_edet.variants import IMAGENET_MEAN, VARIANTS, octaves

D0 = VARIANTS["d0"]
HALF = (127.5,) * 3
OTHER_RATIOS = ((1.0, 1.0), (2.0, 0.5), (0.5, 2.0))


def said(config):
    """The variant that a configuration makes of d0."""
    fact = fact_of_config(config, "its hyper-parameters", D0)
    return settle(D0, [fact] if fact else [])


@pytest.mark.parametrize(
    ("config", "field", "expected"),
    [
        ({"anchor_scale": 2}, "anchor_scale", 2.0),
        ({"anchor_scale": [1, 2, 3, 4, 5]}, "anchor_scale", (1.0, 2.0, 3.0, 4.0, 5.0)),
        ({"anchor_scale": [3.0] * 5}, "anchor_scale", 3.0),
        ({"num_scales": 5}, "anchor_octaves", octaves(5)),
        ({"scales_per_octave": 2}, "anchor_octaves", octaves(2)),
        ({"aspect_ratios": OTHER_RATIOS}, "aspect_ratios", OTHER_RATIOS),
        ({"aspect_ratios": [[1, 1], [2, 0.5], [0.5, 2]]}, "aspect_ratios", OTHER_RATIOS),
        ({"aspect_ratios": [1.0, 4.0, 0.25]}, "aspect_ratios", OTHER_RATIOS),  # areas of 1
        # zylo117 projects/coco.yml: texts that its train.py gives to eval()
        (
            {"anchors_scales": "[2 ** 0, 2 ** (1.0 / 3.0), 2 ** (2.0 / 3.0)]"},
            "anchor_octaves",
            octaves(3),
        ),
        ({"anchors_scales": [0.5, 0.7]}, "anchor_octaves", (0.5, 0.7)),
        ({"anchors_ratios": "[(1.0, 1.0), (2.0, 0.5), (0.5, 2.0)]"}, "aspect_ratios", OTHER_RATIOS),
        ({"image_size": 768}, "image_size", 768),
        ({"image_size": (640, 640)}, "image_size", 640),
        ({"image_size": "640x640"}, "image_size", 640),
        ({"input_size": (3, 640, 640)}, "image_size", 640),  # timm: channels first
        ({"input_size": (3, 512, 640)}, "image_size", (512, 640)),
        ({"image_size": [512, 768]}, "image_size", (512, 768)),  # effdet: height, width
        ({"image_size": "768x512"}, "image_size", (512, 768)),  # google/automl: width x height
        ({"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}, "mean", HALF),
        ({"mean": HALF, "std": HALF}, "std", HALF),
        ({"mean_rgb": 127.0, "stddev_rgb": 128.0}, "std", (128.0,) * 3),
        # google/automl Det-AdvProp.md: scaled to -1..1 after padding with zeros
        ({"mean_rgb": 0.0, "stddev_rgb": 1.0, "scale_range": True}, "mean", HALF),
        ({"mean_rgb": 0.0, "stddev_rgb": 1.0, "scale_range": True}, "pad_rgb", (0, 0, 0)),
        ({"mean": 0.5, "std": 0.5}, "pad_rgb", (128, 128, 128)),  # the mean colour
        ({"mean": 0.5, "std": 0.5, "fill_color": 0}, "pad_rgb", (0, 0, 0)),
        ({"mean": 0.5, "std": 0.5, "fill_color": "mean"}, "pad_rgb", (128, 128, 128)),
        ({"fill_color": (1, 2, 3)}, "pad_rgb", (1, 2, 3)),
        ({"fpn_weight_method": "attn"}, "fusion", "softmax"),
        ({"fpn_name": "bifpn_attn"}, "fusion", "softmax"),  # effdet fpn_config.py
        ({"fpn_name": "bifpn_fa", "fpn_weight_method": ""}, "fusion", "fast"),
        (
            {"fpn_name": "bifpn", "norm_kwargs": {"eps": 0.001}, "downsample_type": "max"},
            "fusion",
            "fast",
        ),
        ({"pad_type": ""}, "pool_padding", "symmetric"),
        ({"pad_type": "same", "name": "tf_efficientdet_d0_ap"}, "pool_padding", "ignore"),
        ({"anchor_scale": None, "act_type": "silu", "lr": 0.1, 5: 6}, "anchor_scale", 4.0),
    ],
)
def test_configurations_of_training_programs(config, field, expected):
    found = getattr(said(config), field)
    if field in ("anchor_octaves", "mean", "std"):
        assert found == pytest.approx(expected)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"anchor_scale": "large"}, "has anchor_scale 'large' in its hyper-parameters"),
        ({"anchor_scale": -1}, "a positive number"),
        ({"anchor_scale": True}, "a positive number"),
        ({"num_scales": 0}, "a whole number from 1 to 100"),
        ({"aspect_ratios": [[1, 1, 1]]}, "of numbers or of pairs"),
        ({"aspect_ratios": [0.0]}, "of numbers or of pairs"),
        ({"aspect_ratios": "__import__('os')"}, "of numbers or of pairs"),
        ({"anchors_scales": "[2 ** 9 ** 9 ** 9]"}, "a list of positive numbers"),
        ({"anchors_scales": "[open]"}, "a list of positive numbers"),
        ({"image_size": "big"}, "a whole number of pixels"),
        ({"image_size": [512, 768, 640]}, "a whole number of pixels, .height, width. or 'WIDTHx"),
        ({"image_size": "768x0"}, "a whole number of pixels"),
        ({"mean": 0.5}, "has a mean but no std"),
        ({"mean": [0.5, 0.5], "std": 0.5}, "a number or three"),
        ({"mean": 0.5, "std": float("nan")}, "positive numbers, one or three"),
        ({"mean": 0.5, "std": 58.0}, "mix the 0-1 and the 0-255 scale"),
        ({"mean": 0.0, "std": 1.0}, "for values either from 0 to 1 or from 0 to 255"),
        ({"scale_range": True}, "has scale_range"),
        ({"fill_color": 300}, "whole numbers from 0 to 255"),
        ({"act_type": "hswish"}, "has act_type 'hswish' .*expected d0's swish"),
        ({"max_level": 8}, "expected d0's 7"),
        ({"fpn_name": "qufpn_fa"}, "has fpn_name 'qufpn_fa' .*one of bifpn"),
        ({"head_act_type": "relu"}, "has head_act_type 'relu' .*expected d0's swish"),
        ({"downsample_type": "avg"}, "has downsample_type 'avg' .*expected 'max'"),
        ({"upsample_type": "bilinear"}, "has upsample_type 'bilinear' .*expected 'nearest'"),
        ({"conv_bn_act_pattern": True}, "has conv_bn_act_pattern True .*expected False"),
        ({"conv_after_downsample": True}, "has conv_after_downsample True .*expected False"),
        ({"norm_kwargs": {"eps": 1e-5}}, "has norm_kwargs .*expected eps 0.001"),
        ({"pad_type": "valid"}, "has pad_type 'valid' .*one of same, ''"),
        ({"name": "efficientdet-d1"}, "has name 'efficientdet-d1' .*name the variant d1"),
        ({"model": "tf_efficientdet_lite3x"}, "name the variant lite3x"),
        ({"fpn_weight_method": "channel_attn"}, "one of fastattn, attn, sum"),
        ({"obj_list": "cat"}, "a list of class names"),
        ({"label_map": {0: "cat"}}, "class names by id, which starts at 1"),
    ],
)
def test_values_that_are_none_are_refused(config, what):
    with pytest.raises(CheckpointError, match=what) as caught:
        said(config)
    assert "\n" not in str(caught.value)


def test_class_names_of_a_configuration():
    zylo = fact_of_config({"obj_list": ["cat", "", "dog"]}, "x", D0)
    automl = fact_of_config({"label_map": {1: "cat", 3: "dog"}}, "x", D0)
    assert zylo.labels == automl.labels == ("cat", None, "dog")


@pytest.mark.parametrize(
    ("path", "stated"),
    [
        ("tf_efficientdet_d0_ap-0a1b2c3d.pth", True),  # effdet model_config.py
        ("runs/advprop/efficientdet-d0/model", True),  # google/automl Det-AdvProp.md
        ("efficientdet-d0-AdvProp.h5", True),
        ("tf_efficientdet_d0_34-f153e0cf.pth", False),
        ("best_ap.pth", False),  # somebody's best average precision
        ("efficientdet_d0_ap50_0.61.pth", False),
        ("efficientdet_d0_ap_0.61.pth", False),
        ("efficientdet_d0_apples.pth", False),
    ],
)
def test_names_that_state_a_normalization(path, stated):
    fact = fact_of_name(Path(path))
    assert (fact is not None) == stated
    if stated:
        assert settle(D0, [fact]) == D0.replace(mean=HALF, std=HALF, pad_rgb=(0, 0, 0))


@pytest.mark.parametrize(
    "name",
    [
        "tf_efficientdetv2_ds",
        "efficientdetv2_dt-6d1d",
        "efficientdet_q1",
        "cspresdet50",
        "resdet50",
        "cspresdext50pan",
        "cspdarkdet53m",
        "mixdet_m",
        "mobiledetv3_large",
        "efficientdet_em",
        "efficientdet_es",
        "efficientdet_w0",
    ],
)
def test_names_of_other_networks(name):
    assert "which edge-edet does not build" in other_network(Path(f"{name}.pth"))


@pytest.mark.parametrize("name", ["tf_efficientdet_d0_34-f153e0cf", "efficientdet_d1", "lite0"])
def test_names_of_our_networks(name):
    assert other_network(Path(f"{name}.pth")) is None


def test_statements_that_contradict_each_other_are_refused_by_name():
    facts = [
        Fact("--anchor-scale", {"anchor_scale": 4.0}),
        Fact("its anchors.boxes", {"anchor_scale": 2.0}),
    ]
    with pytest.raises(
        CheckpointError,
        match=r"--anchor-scale says anchor_scale 4, its anchors.boxes say 2: give the options",
    ):
        settle(D0, facts)
    assert settle(D0, [facts[0], Fact("x", {"anchor_scale": 4.0001})]).anchor_scale == 4.0


def test_a_hint_gives_way_to_a_statement():
    """A file named ..._ap whose hyper-parameters have ImageNet's mean is what these say."""
    hint = fact_of_name(Path("tf_efficientdet_d0_ap.pth"))
    stated = Fact("--mean and --std", {"mean": IMAGENET_MEAN, "std": D0.std})
    for facts in ([hint, stated], [stated, hint]):
        assert settle(D0, facts) == D0
    black = settle(D0, [hint, Fact("--mean and --std", {"mean": HALF, "std": HALF})])
    assert black.pad_rgb == (0, 0, 0)
    assert settle(D0, [hint, Fact("--pad", {"pad_rgb": "mean"})]).pad_rgb == (128, 128, 128)
    arch = fact_of_arch({"arch": "tf_efficientdet_d0_ap"}, "its args")
    assert settle(D0, [arch]).mean == HALF
    assert fact_of_arch({"arch": 5, "model": {}}, "its args") is None


@pytest.mark.parametrize("key", ["model_architecture", "backbone", "anything"])
def test_the_name_of_a_model_tells_under_whatever_key_it_stands(key):
    """`model_architecture`: a Lightning tutorial of effdet that many copy."""
    arch = fact_of_arch({"lr": 0.1, key: "tf_efficientdet_d0_ap"}, "its hyper_parameters")
    assert settle(D0, [arch]).mean == HALF
    assert f"{key} 'tf_efficientdet_d0_ap' in its hyper_parameters" in arch.source
    assert fact_of_arch({key: "not trained with advprop, see notes"}, "its args") is None


@pytest.mark.parametrize(
    ("path", "variant", "sibling"),
    [
        ("tf_efficientdet_d7_53-6d1d7a95.pth", "d6", "d7"),  # effdet
        ("efficientdet-d6.pth", "d7", "d6"),  # zylo117
        ("efficientdet-d7/model", "d6", "d7"),  # google/automl
        ("efficientdet-d7/efficientdet-d6.pth", "d6", None),
        ("tf_efficientdet_d7x-f390b87c.pth", "d6", None),
        ("efficientdet-d7.pth", "d0", None),  # the tensors decide
        ("d7.pth", "d6", None),
    ],
)
def test_names_tell_variants_of_the_same_tensors_apart(path, variant, sibling):
    assert sibling_of_name(Path(path), variant) == sibling


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], ("anchors", "size", "normalization")),
        ([{"image_size": 512}], ("anchors", "normalization")),
        ([{"mean": HALF, "std": HALF}], ("anchors", "size")),
        ([{"anchor_scale": 4.0}], ("scales per octave", "aspect ratios", "size", "normalization")),
        (
            [
                {"anchor_scale": 4.0, "anchor_octaves": (1.0,)},
                {"aspect_ratios": OTHER_RATIOS},
                {"image_size": 512, "mean": HALF, "std": HALF},
            ],
            (),
        ),
    ],
)
def test_what_nobody_states(facts, expected):
    assert not_stated([Fact("x", values) for values in facts]) == expected


def test_notes():
    assert training_notes(D0, D0, [], None, "the published d0") == [
        "anchors, size and normalization taken as the published d0's: the file does not state them"
    ]
    facts = [
        Fact(
            "its anchors.boxes",
            {
                "image_size": 768,
                "anchor_scale": 2.0,
                "anchor_octaves": D0.anchor_octaves,
                "aspect_ratios": D0.aspect_ratios,
            },
        )
    ]
    assert training_notes(D0, settle(D0, facts), facts, 512, "the published d0") == [
        "by its anchors.boxes: 768 pixels, anchor scale 2",
        "trained at 768 pixels, built for 512 as --image-size says: measure its accuracy",
        "normalization taken as the published d0's: the file does not state it",
    ]


def settled(**options):
    return settle(D0, facts_of_options(TrainingOptions(**options), D0))


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({"anchor_scale": "2"}, "anchor_scale", 2.0),
        ({"anchor_scale": "1,2,3,4,5"}, "anchor_scale", (1.0, 2.0, 3.0, 4.0, 5.0)),
        ({"aspect_ratios": "1,4,0.25"}, "aspect_ratios", OTHER_RATIOS),
        ({"aspect_ratios": "1x1, 2x0.5, 0.5x2"}, "aspect_ratios", OTHER_RATIOS),
        ({"aspect_ratios": "[(1, 1), (2, .5), (.5, 2)]"}, "aspect_ratios", OTHER_RATIOS),
        ({"aspect_ratios": OTHER_RATIOS}, "aspect_ratios", OTHER_RATIOS),
        ({"aspect_ratios": "1"}, "aspect_ratios", ((1.0, 1.0),)),
        ({"scales_per_octave": "5"}, "anchor_octaves", octaves(5)),
        ({"scales_per_octave": 2}, "anchor_octaves", octaves(2)),
        ({"scales_per_octave": "0.5,0.7,0.9"}, "anchor_octaves", (0.5, 0.7, 0.9)),
        ({"scales_per_octave": "1.5"}, "anchor_octaves", (1.5,)),
        ({"mean": "127.5", "std": "127.5"}, "mean", HALF),
        ({"mean": "0.5", "std": "0.5"}, "std", HALF),
        ({"mean": "127.5", "std": "127.5", "pad": "0"}, "pad_rgb", (0, 0, 0)),
        ({"mean": "127.5", "std": "127.5"}, "pad_rgb", (128, 128, 128)),
        ({"pad": "1,2,3"}, "pad_rgb", (1, 2, 3)),
        ({"pad": "mean"}, "pad_rgb", (124, 116, 104)),
        ({"hparams": "aspect_ratios=1.0*4.0*0.25,num_scales=2"}, "aspect_ratios", OTHER_RATIOS),
        ({"hparams": "mean_rgb=0.0,stddev_rgb=1.0,scale_range=True"}, "std", HALF),
        ({"hparams": {"anchor_scale": 2.0}}, "anchor_scale", 2.0),
        ({}, "anchor_scale", 4.0),
    ],
)
def test_options(options, field, expected):
    assert getattr(settled(**options), field) == expected


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"anchor_scale": "two"}, "--anchor-scale 'two': expected numbers from 0.01 to 1000"),
        ({"anchor_scale": "1,2"}, "--anchor-scale has 2 numbers: expected one, or 5"),
        ({"anchor_scale": "1e9"}, "expected numbers from"),
        ({"aspect_ratios": "wide"}, "--aspect-ratios 'wide': expected width / height"),
        ({"aspect_ratios": "1x2x3"}, "--aspect-ratios"),
        ({"aspect_ratios": "0"}, "--aspect-ratios"),
        ({"scales_per_octave": "0"}, "--scales-per-octave '0'"),
        ({"scales_per_octave": "1000"}, "--scales-per-octave 1000: at most 100"),
        ({"mean": "127.5"}, "--mean is given without --std"),
        ({"pad": "300"}, "--pad '300': expected 'mean', or whole numbers from 0 to 255"),
        ({"pad": "1,2"}, "--pad '1,2'"),
        ({"hparams": "a"}, "--hparams"),
        ({"hparams": "anchor_scale=2,5"}, "'5' is neither"),
        ({"hparams": "learning_rate=0.1"}, "says nothing about anchors, size or normalization"),
        ({"hparams": "anchor_scale=no"}, "--hparams 'anchor_scale=no' has anchor_scale 'no'"),
    ],
)
def test_options_that_are_none(options, what):
    with pytest.raises(InputError, match=what) as caught:
        settled(**options)
    assert "\n" not in str(caught.value)


PROJECT = """
project_name: cells  # zylo117 projects/*.yml
mean: [0.5, 0.5, 0.5]
std: [0.25, 0.25, 0.25]
anchors_scales: '[0.5, 0.7, 0.9]'
anchors_ratios: '[(1.0, 1.0), (1.3, 0.8), (1.9, 0.5)]'
obj_list: [no, 'RBC', 3]
"""


def test_a_project_file(tmp_path):
    path = tmp_path / "cells.yml"
    path.write_text(PROJECT)
    (fact,) = facts_of_options(TrainingOptions(project=path), D0)
    variant = settle(D0, [fact])
    assert variant.anchor_octaves == (0.5, 0.7, 0.9)
    assert variant.aspect_ratios == ((1.0, 1.0), (1.3, 0.8), (1.9, 0.5))
    assert variant.std == (63.75,) * 3
    assert fact.labels == ("no", "RBC", "3")  # YAML 1.1 would say False, and 3 a number
    assert fact.values["num_classes"] == 3  # obj_list has one name for each
    assert not_stated([fact]) == ("size",)
    with pytest.raises(CheckpointError, match=r"--project cells.yml says .*--aspect-ratios say"):
        settle(D0, [fact, Fact("--aspect-ratios", {"aspect_ratios": OTHER_RATIOS})])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- a", "has no keys and values"),
        ("project_name: x", "says nothing about anchors"),
        ("a: [", "not valid YAML"),
        ("anchors_scales: '[1'", "has anchors_scales '\\[1'"),
        ("anchors_scales: !!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_project_files_that_are_none(tmp_path, text, what):
    (tmp_path / "p.yml").write_text(text)
    with pytest.raises(InputError, match=what) as caught:
        settled(project=tmp_path / "p.yml")
    assert "\n" not in str(caught.value)


def test_options_as_arrays_and_paths(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("anchor_scale: 3.0\n")
    arrays = settled(
        mean=np.full(3, 0.5),
        std=np.full(3, 0.5),
        pad=np.zeros(3, np.uint8),
        aspect_ratios=np.array([1, 2, 0.5]),
        scales_per_octave=np.int64(2),
    )
    lists = settled(
        mean=[0.5] * 3, std=[0.5] * 3, pad=[0] * 3, aspect_ratios=[1, 2, 0.5], scales_per_octave=2
    )
    assert arrays == lists
    assert settled(hparams=path) == settled(hparams=str(path)) == settled(project=str(path))


@pytest.mark.parametrize(("written", "size"), [("640x640", 640), ("512x384", (384, 512))])
def test_hparams_of_a_file(written, size, tmp_path):
    path = tmp_path / "config.yaml"  # as google/automl's save_to_yaml writes it
    path.write_text(
        f"anchor_scale: 3.0\naspect_ratios: [1.0, 2.0, 0.5]\nimage_size: {written}\n"
        "label_map: {1: yes, 2: b}\nnms_configs: {method: gaussian}\n"
    )
    (fact,) = facts_of_options(TrainingOptions(hparams=str(path)), D0)
    assert (fact.values["anchor_scale"], fact.values["image_size"]) == (3.0, size)
    assert fact.labels == ("yes", "b")
