"""The Object Detection API's EfficientDets: they say what its own code says.

golden/make_tfod_golden.py ran that code, tf-models-research-object-detection 2.8.0.post1, on seeded values.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.converters.checkpoints import read_checkpoint
from edge_edet.converters.checkpoints.families.tfod import TFOD
from edge_edet.converters.checkpoints.tensorflow.leveldb_table import read_table
from edge_edet.converters.facts import Fact
from edge_edet.converters.pipeline import Request, run
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.postprocess.boxes import decode
from edge_edet.errors import CheckpointError
from edge_edet.network.architecture import feature_blocks
from edge_edet.variants import get_variant

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "golden"))
from tfod_network import CASES, PUBLISHED, STEP, pipeline_config, seeded_values  # noqa: E402

sys.path.remove(
    str(HERE / "golden")
)  # its folder torch/ would be found as the package of that name

float_network = runpy.run_path(str(HERE.parent / "golden/float_network.py"))

TOLERANCE = 1e-4  # of the spread; float32 in another order of sums gives up to 6e-6
D0 = get_variant("d0")
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
SMALL = dataclasses.replace(CASES["sum"], combine="fast_attention", size=128, bare=False)


def shapes(case, variant=None):
    """Path -> shape of every variable that inference uses, as the API's code makes them."""
    variant = TFOD.published(variant or get_variant(case.variant)).replace(
        num_classes=case.classes + case.background,
        fusion="sum" if case.combine == "sum" else "fast",  # with attention there are weights too
        aspect_ratios=((1.0, 1.0),) * len(case.ratios.split(",")),
        anchor_octaves=(1.0,) * case.scales,
    )
    found = {}
    for source in TFOD.sources(variant).values():
        for name in source.names:
            if case.bare and re.search(
                "_(bifpn_stage|scope_conv|base_tower).*/(bias|gamma)$", name
            ):
                continue
            weights = name.endswith("/bifpn_combine_weights")
            found[name] = (*source.shape, 1) if weights else source.shape
    return found


def write_model(writers, folder, case, prefix="model/", values=None, name="ckpt-0"):
    folder.mkdir(parents=True, exist_ok=True)
    values = seeded_values(shapes(case)) if values is None else values
    writers.tf(folder / name, {f"{prefix}{key}{VALUE}": value for key, value in values.items()})
    return folder / name


@pytest.fixture(scope="module")
def values():
    return seeded_values(shapes(SMALL))


@pytest.fixture(scope="module")
def heads(values):
    """Enough to know what the file is, and how many anchors and classes it has."""
    return {name: value for name, value in values.items() if re.search("layers/0/bias|op/2/", name)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_variable_of_the_published_networks_is_read(name):
    expected = json.loads((HERE / "golden/tfod/names.json").read_text())[name]
    found = shapes(PUBLISHED[name])
    text = "\n".join(f"{path} {shape}" for path, shape in sorted(found.items()))
    assert len(found) == expected["used"]
    assert hashlib.sha256(text.encode()).hexdigest() == expected["sha256"]


def test_the_names_are_those_of_the_published_d0(shared):
    table = read_table((shared / "reference/checkpoints/tfod_d0_coco17_ckpt-0.index").read_bytes())
    stored = {key.decode().removesuffix(VALUE) for key in table}
    assert {f"model/{name}" for name in shapes(PUBLISHED["d0"])} <= stored


def theirs(rows, variant):
    """Rows of one array, octaves then aspects at each place, in the API's order: aspects first."""
    grid = len(variant.anchor_octaves), len(variant.aspect_ratios), rows.shape[-1]
    return rows.reshape(-1, *grid).swapaxes(1, 2).reshape(-1, rows.shape[-1])[::STEP]


@pytest.mark.parametrize("name", CASES)
def test_outputs(write_checkpoint, tmp_path, name):
    case = CASES[name]
    path = write_checkpoint(tmp_path / "checkpoint", case).parent.parent
    (tmp_path / "pipeline.config").write_text(pipeline_config(case))
    checkpoint = read_checkpoint(path, get_variant(case.variant))
    assert (checkpoint.family, checkpoint.variant.image_size) == ("tfod", case.size)
    variant = checkpoint.variant
    image = float_network["normal_image"](variant.image_size)
    logits, codes = float_network["run_float"](variant, checkpoint.weights, image)
    boxes = decode(codes, anchors(variant))[:, [1, 0, 3, 2]] / variant.image_size
    with np.load(HERE / f"golden/tfod/{name}.npz") as golden:
        for what, ours, said in (
            ("logits", logits, golden["logits"][:, case.background :]),
            ("codes", codes * np.float32(case.box_scales), golden["codes"]),
            ("boxes", boxes, golden["boxes"]),
            ("scores", 1 / (1 + np.exp(-logits[:, -1:])), golden["scores"]),
        ):
            error = abs(theirs(ours, variant) - said).max() / said.std()
            print(f"{name} {what}: worst error {error:.1e} of the spread")
            assert error <= TOLERANCE, what


@pytest.fixture
def write_checkpoint(write):
    def write_it(folder, case, **options):
        return write_model(write, folder, case, **options)

    return write_it


def test_features_come_from_fixed_blocks():
    d1 = TFOD.published(get_variant("d1"))
    assert feature_blocks(d1) == {
        3: "backbone.blocks.2.1",
        4: "backbone.blocks.4.2",
        5: "backbone.blocks.6.0",
    }
    assert feature_blocks(get_variant("d1"))[5] == "backbone.blocks.6.1"


def test_published_sizes_and_anchors_are_the_apis():
    assert TFOD.published(get_variant("d6")).image_size == 1408
    d7 = TFOD.published(get_variant("d7"))
    assert (d7.image_size, d7.anchor_scale) == (1536, 4.0)


@pytest.mark.parametrize("prefix", ["model/", "", "_model/", "detection/"])
def test_whatever_holds_the_model(write_checkpoint, tmp_path, values, prefix):
    more = {**values, "_feature_extractor/classification_backbone/layer_with_weights-130/bias": 0}
    more = {name: np.asarray(value, np.float32) for name, value in more.items()}
    path = write_checkpoint(tmp_path, SMALL, prefix=prefix, values=more)
    checkpoint = read_checkpoint(path, D0)
    assert checkpoint.variant.num_classes == SMALL.classes
    assert any("no pipeline.config" in note for note in checkpoint.notes)


def test_a_backbone_saved_as_the_classifier(write_checkpoint, tmp_path, values):
    other = {
        name.replace("/_efficientnet/", "/classification_backbone/"): value
        for name, value in values.items()
    }
    a = read_checkpoint(write_checkpoint(tmp_path / "a", SMALL, values=values), D0)
    b = read_checkpoint(write_checkpoint(tmp_path / "b", SMALL, values=other), D0)
    for name, array in a.weights.items():
        np.testing.assert_array_equal(b.weights[name], array)


@pytest.mark.parametrize(
    ("prefix", "note"),
    [("ckpt-12", "ckpt-12 of 3 checkpoints"), ("C:\\\\runs\\\\ckpt-3", "ckpt-3 of")],
)
def test_the_newest_of_a_folder(write_checkpoint, tmp_path, values, prefix, note):
    for name in ("ckpt-2", "ckpt-3", "ckpt-12"):
        write_checkpoint(tmp_path, SMALL, values=values, name=name)
    (tmp_path / "checkpoint").write_text(
        f'model_checkpoint_path: "{prefix}"\nall_model_checkpoint_paths: "ckpt-2"\n'
    )
    for path in (tmp_path, tmp_path / "checkpoint"):
        assert read_checkpoint(path, D0).notes[0].startswith(note)
    assert not any("newest" in note for note in read_checkpoint(tmp_path / "ckpt-2", D0).notes)


def test_a_folder_whose_newest_is_not_clear(write_checkpoint, tmp_path, heads):
    write_checkpoint(tmp_path, SMALL, values=heads, name="ckpt-2")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-9"\n')
    with pytest.raises(CheckpointError, match=r"names ckpt-9 as the newest.* give one of ckpt-2"):
        read_checkpoint(tmp_path, D0)
    write_checkpoint(tmp_path, SMALL, values=heads, name="ckpt-10")
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(
        CheckpointError, match=r"holds 2 checkpoints .* give one of ckpt-10, ckpt-2"
    ):
        read_checkpoint(tmp_path, D0)


@pytest.mark.parametrize("averages", [True, False])
def test_moving_averages(write_checkpoint, tmp_path, values, averages):
    name = "_box_predictor/_box_prediction_head/_box_encoder_layers/0/depthwise_kernel"
    more = values | {
        f"{name}/.OPTIMIZER_SLOT/optimizer/average": values[name] + 1,
        f"{name}/.OPTIMIZER_SLOT/optimizer/base_optimizer/momentum": values[name] + 2,
    }
    path = write_checkpoint(tmp_path, SMALL, values=more)
    text = pipeline_config(SMALL) + "eval_config { use_moving_averages: true }" * averages
    (tmp_path / "pipeline.config").write_text(text)
    checkpoint = read_checkpoint(path, D0)
    expected = (values[name] + averages).transpose(2, 3, 0, 1)
    np.testing.assert_array_equal(checkpoint.weights["box_net.predict.conv_dw.weight"], expected)
    taken = "took the moving averages" if averages else "took the weights as trained"
    assert any(note.startswith(taken) for note in checkpoint.notes)


# --- the object graph ---------------------------------------------------------------------------


def _field(number, value):
    if isinstance(value, int):
        return bytes([number << 3]) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def object_graph(tree, alias=()):
    """TrackableObjectGraph of nested dictionaries, whose leaves are keys.

    alias: (key, slot, key of the slot's value) of the first node.
    """
    nodes, places = [], {}

    def add(item):
        index = len(nodes)
        nodes.append(b"")
        if isinstance(item, str):
            places[item] = index
            nodes[index] = _field(2, _field(1, "VARIABLE_VALUE") + _field(3, item))
            return index
        children = {name: add(below) for name, below in item.items()}
        nodes[index] += b"".join(
            _field(1, _field(1, child) + _field(2, name)) for name, child in children.items()
        )
        return index

    add(tree)
    for key, slot, value in alias:
        extra = add(value)
        said = _field(1, places[key]) + _field(2, slot) + _field(3, extra)
        nodes[0] += _field(3, said)
    return b"".join(_field(1, node) for node in nodes)


def graph_of(names, key_of):
    tree = {"optimizer": {}, "model": {}}
    for name in names:
        node = tree["model"]
        *path, leaf = name.split("/")
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = key_of(name)
    return tree


def test_variables_that_are_stored_under_the_optimizer(write, tmp_path, values):
    """official's ExponentialMovingAverage under Keras 2.11 and newer: `optimizer/_model_weights/0`."""
    keys = {name: f"optimizer/_model_weights/{i}{VALUE}" for i, name in enumerate(values)}
    name = "_box_predictor/_box_prediction_head/_box_encoder_layers/0/depthwise_kernel"
    slot = f"optimizer/_average_weights/3{VALUE}"
    stored = {keys[each]: value for each, value in values.items()} | {slot: values[name] + 1}
    graph = object_graph(graph_of(values, keys.get), [(keys[name], "average", slot)])
    prefix = write.tf(tmp_path / "ckpt-1", stored | {"_CHECKPOINTABLE_OBJECT_GRAPH": graph})
    checkpoint = read_checkpoint(prefix, D0)
    kernel = checkpoint.weights["box_net.predict.conv_dw.weight"]
    np.testing.assert_array_equal(kernel, values[name].transpose(2, 3, 0, 1))
    text = pipeline_config(SMALL) + "eval_config { use_moving_averages: true }"
    (tmp_path / "pipeline.config").write_text(text)
    kernel = read_checkpoint(prefix, D0).weights["box_net.predict.conv_dw.weight"]
    np.testing.assert_array_equal(kernel, values[name].transpose(2, 3, 0, 1) + 1)


def test_damaged_graphs_are_errors(write, tmp_path, heads):
    graph = object_graph(graph_of(heads, lambda name: name))
    for place in range(0, len(graph), 29):
        damaged = graph[:place] + bytes([graph[place] ^ 0x5F]) + graph[place + 1 :]
        write.tf(tmp_path / "ckpt-1", heads | {"_CHECKPOINTABLE_OBJECT_GRAPH": damaged})
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / "ckpt-1", D0)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model/_prediction_head_dict/object_center/0/kernel", "CenterNet"),
        ("model/_feature_extractor_for_proposal_features/layer-0/kernel", "Faster R-CNN"),
        ("FirstStageFeatureExtractor/resnet_v1_50/conv1/weights", "Faster R-CNN, trained in"),
        (
            "model/_feature_extractor/_fpn_features_generator/top/0/kernel",
            "an SSD with a feature pyr",
        ),
        ("FeatureExtractor/MobilenetV2/Conv/weights", "an SSD, trained in TensorFlow 1"),
        ("model/_feature_extractor/classification_backbone/layer/kernel", "an SSD of another"),
    ],
)
def test_other_networks_of_the_api_are_refused_by_name(write, tmp_path, name, kind):
    write.tf(tmp_path / "ckpt-0", {name: np.zeros(3, np.float32)})
    with pytest.raises(CheckpointError, match=f"Object Detection API, but of {kind}.*d0 to d7"):
        read_checkpoint(tmp_path, D0)


def test_exports_are_refused_with_what_to_give(write_checkpoint, tmp_path, values):
    saved = tmp_path / "saved_model"
    (saved / "variables").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"\x08\x01")
    (saved / "variables/variables.index").write_bytes(b"")
    for path in (saved, saved / "saved_model.pb", saved / "variables/variables.index"):
        with pytest.raises(
            CheckpointError, match=r"is a SavedModel.*checkpoint/ beside saved_model/"
        ):
            read_checkpoint(path, D0)
    write_checkpoint(tmp_path / "checkpoint", SMALL, values=values)
    with pytest.raises(CheckpointError, match=f"give '{tmp_path}/checkpoint'"):
        read_checkpoint(saved, D0)
    assert read_checkpoint(tmp_path, D0).family == "tfod"
    for name, said in (
        ("frozen_inference_graph.pb", "frozen or without weights"),
        ("model.ckpt.meta", "give model.ckpt.index"),
    ):
        (tmp_path / name).write_bytes(b"\n\x00")
        with pytest.raises(CheckpointError, match=said):
            read_checkpoint(tmp_path / name, D0)


def test_another_variant_is_named(write_checkpoint, tmp_path, values):
    whole = "_feature_extractor/classification_backbone/layer_with_weights"
    more = {f"{whole}-128/kernel": np.zeros((1, 1, 320, 1280), np.float32)}
    path = write_checkpoint(tmp_path, SMALL, values=values | more)
    with pytest.raises(CheckpointError, match="does not fit d1 in tfod's format: it looks like d0"):
        read_checkpoint(path, get_variant("d1"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "-b0_bifpn",
            "-b1_bifpn",
            r"feature_extractor.type 'ssd_efficientnet-b1.*expected d0's b0",
        ),
        (
            "ssd_efficientnet-b0_bifpn_keras",
            "ssd_mobilenet_v2",
            "type 'ssd_mobilenet_v2': expected",
        ),
        ("model {\n  ssd {", "model { center_net {", "describes center_net: expected model.ssd"),
        ("num_classes: 3", "num_classes: 4", "says num_classes 4, its class head has 3"),
        ("SWISH", "RELU_6", r"conv_hyperparams.activation 'RELU_6': expected SWISH"),
        ("batch_norm {", "group_norm {", r"has no .*conv_hyperparams.batch_norm: expected one"),
        ("epsilon: 0.001", "epsilon: 0.01", r"batch_norm.epsilon 0.01: expected 0.001"),
        (
            "score_converter: SIGMOID",
            "score_converter: SOFTMAX",
            "score_converter 'SOFTMAX': expected",
        ),
        ("score_converter: SIGMOID", "", "score_converter 'IDENTITY': expected SIGMOID"),
        ("fast_attention", "weighted_sum", "combine_method 'weighted_sum': expected one of"),
        (
            "kernel_size: 3",
            "share_prediction_tower: true",
            "share_prediction_tower True: expected F",
        ),
        (
            "keep_aspect_ratio_resizer {",
            "fixed_shape_resizer {",
            "fixed_shape_resizer: expected keep_",
        ),
        ("max_dimension: 128", "max_dimension: 256", "min_dimension 128: expected 256"),
        ("128", "200", "max_dimension 200: expected a multiple of 128"),
        ("pad_to_max_dimension: true", "", "pad_to_max_dimension False: expected True"),
        (
            "faster_rcnn_box_coder",
            "keypoint_box_coder",
            "keypoint_box_coder: expected faster_rcnn_box",
        ),
        ("x_scale: 10.0", "x_scale: 0", "x_scale 0: expected a number from 0.001"),
        ("[1.0, 2.0, 0.5]", "[]", r"aspect_ratios \[\]: expected 1 to 100"),
        ("multiscale_anchor", "ssd_anchor", "ssd_anchor_generator: expected multiscale_anchor_gen"),
        (
            "scales_per_octave: 3",
            "scales_per_octave: 2",
            "9 anchors at each position, but 2 scales x 3",
        ),
        ("max_level: 7 anchor", "max_level: 6 anchor", "max_level 6: expected 7"),
        ("num_classes: 3", "num_classes: three", "num_classes 'three': expected a finite number"),
        (
            "num_classes: 3",
            "num_classes: 3 num_classes: 3",
            "num_classes 2 times: expected it once",
        ),
        (
            "model {",
            "model {{",
            "is not a text protobuf: line 2 has '{', expected the name of a field",
        ),
        ("score_converter: SIGMOID", "score_converter SIGMOID", "expected ':' or '{'"),
        ("model {", "[ext.field]: 1 model {", "line 2 has '\\[', expected the name"),
        ("model {", "model { \x00", "is not a text protobuf"),
    ],
)
def test_what_a_pipeline_config_may_not_say(write_checkpoint, tmp_path, heads, old, new, message):
    path = write_checkpoint(tmp_path, SMALL, values=heads)
    text = pipeline_config(SMALL)
    assert old in text
    (tmp_path / "pipeline.config").write_text(text.replace(old, new))
    with pytest.raises(CheckpointError, match=message) as caught:
        read_checkpoint(path, D0)
    assert "pipeline.config" in str(caught.value) or "anchors at each position" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipeline_config_cut_anywhere_is_an_error(write_checkpoint, tmp_path, heads):
    path = write_checkpoint(tmp_path, SMALL, values=heads)
    data = pipeline_config(SMALL).rstrip().encode()
    for end in range(0, len(data), 37):
        (tmp_path / "pipeline.config").write_bytes(data[:end])
        with pytest.raises(CheckpointError, match=r"pipeline\.config"):
            read_checkpoint(path, D0)
    (tmp_path / "pipeline.config").write_bytes(b"model: <" * 50_000)
    with pytest.raises(CheckpointError, match="nests its messages more than 32 deep"):
        read_checkpoint(path, D0)


def test_a_fact_that_contradicts_the_pipeline_config(write_checkpoint, tmp_path, heads):
    path = write_checkpoint(tmp_path, SMALL, values=heads)
    (tmp_path / "pipeline.config").write_text(pipeline_config(SMALL))
    with pytest.raises(CheckpointError, match=r"--anchor-scale says .* its pipeline\.config says"):
        read_checkpoint(path, D0, [Fact("--anchor-scale", {"anchor_scale": 2.0})])


def test_padding_of_another_value_is_a_colour(write_checkpoint, tmp_path, values):
    path = write_checkpoint(tmp_path, SMALL, values=values)
    text = pipeline_config(SMALL)
    for value, colour in (("", (124, 116, 104)), ("1.0 -1.0 0.0", (182, 59, 104))):
        said = "".join(f" per_channel_pad_value: {part}" for part in value.split())
        changed = text.replace("pad_to_max_dimension: true", "pad_to_max_dimension: true" + said)
        (tmp_path / "pipeline.config").write_text(changed)
        assert read_checkpoint(path, D0).variant.pad_rgb == colour


def test_a_folder_converts_to_every_format(write_checkpoint, tmp_path, values):
    folder = tmp_path / "efficientdet_d0_coco17_tpu-32"
    write_checkpoint(folder / "checkpoint", SMALL, values=values)
    (folder / "pipeline.config").write_text(pipeline_config(SMALL))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for index in range(2):
        pixels = random.integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{index}.png")
    request = Request(
        ["d0"],
        ["fp32", "int8"],
        tmp_path / "out",
        weights=str(folder),
        calibration=pictures,
        parity_report=False,
        formats=["tflite", "onnx", "openvino"],
    )
    written = run(request).files
    assert {(w.format, w.precision) for w in written} == {
        ("tflite", "fp32"),
        ("onnx", "fp32"),
        ("openvino", "fp32"),
        ("tflite", "int8"),
        ("openvino", "int8"),
    }
    picture = Image.open(pictures / "0.png")
    scores = {}
    for each in written:
        detector = edge_edet.load(each.path, score_threshold=0.01)
        assert detector.manifest.variant.image_size == SMALL.size
        assert detector.manifest.variant.feature_blocks == (1, 2, 0)
        assert detector.manifest.provenance["weights"]["family"] == "tfod"
        found = detector.detect(picture)
        scores[each.format, each.precision] = found.scores
    np.testing.assert_allclose(scores["tflite", "fp32"], scores["onnx", "fp32"], atol=1e-4)
    np.testing.assert_allclose(scores["tflite", "fp32"], scores["openvino", "fp32"], atol=1e-4)
