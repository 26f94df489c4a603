"""The networks of the studies against what was published about them, and as files in both runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_edet
from edge_edet.benchmarks.published import read_rows
from edge_edet.errors import InputError
from edge_edet.formats.read import read_model
from edge_edet.formats.tflite.file import TfliteModel
from edge_edet.network.architecture import parameter_shapes
from edge_edet.network.build import build_network
from edge_edet.network.feature_networks import FEATURE_NETWORKS, feature_nodes
from edge_edet.network.graph import OPS
from edge_edet.studies.networks.catalog import comparators, feature_networks, fusions, scalings
from edge_edet.studies.study_model import StudyModel, feature_network_size, size
from edge_edet.variants import VARIANTS, Variant

WITHIN = 0.03
SIZE = 128
SUFFIXES = {"tflite": ".tflite", "openvino": ".xml"}


def tiny(variant: Variant, **changes: Any) -> Variant:
    return variant.replace(image_size=SIZE, num_classes=min(variant.num_classes, 5), **changes)


NETWORKS = {
    "yolov3": tiny(comparators()["yolov3-608"]),
    "retinanet-r50": tiny(comparators()["retinanet-r50-640"]),
    **{row: tiny(v, fpn_repeats=1) for row, v in feature_networks("d0").items()},
}
FUSIONS = {name: tiny(v, fpn_repeats=1) for name, v in fusions("d0").items()}
EVERY = {**NETWORKS, **FUSIONS}
IN_FILES = (  # what has operators of its own
    "yolov3",
    "retinanet-r50",
    "nas-fpn",
    "fully-connected-fpn",
    "softmax-stacked",
    "fast-runtime",
)


# --- counts -------------------------------------------------------------------------------------


def published_comparators() -> list[tuple[str, str, str]]:
    """name, params_m, flops_g of each row that has a network here."""
    rows = {}
    for row in read_rows("comparators"):
        rows[f"{row['model']}-{row['input_size']}"] = (row["params_m"], row["flops_g"])
    return [(name, *rows[name]) for name in comparators()]


@pytest.mark.parametrize(("name", "millions", "billions"), published_comparators())
def test_comparators_count_as_published(name: str, millions: str, billions: str) -> None:
    parameters, multiply_adds = size(comparators()[name])
    if millions:  # none for YOLOv3
        assert parameters / 1e6 == pytest.approx(float(millions), rel=WITHIN)
    assert multiply_adds / 1e9 == pytest.approx(float(billions), rel=WITHIN)


def published_ratios() -> list[tuple[str, float, float]]:
    return [
        (row["row"], float(row["params"].rstrip("x")), float(row["flops"].rstrip("x")))
        for row in read_rows("ablations")
        if row["table"] == "5"
    ]


def test_every_row_of_table_5_has_a_network() -> None:
    assert {row for row, _, _ in published_ratios()} == set(feature_networks()) - {"fpn"}


@pytest.mark.parametrize(("row", "parameters", "multiply_adds"), published_ratios())
def test_feature_networks_have_the_published_ratios(
    row: str, parameters: float, multiply_adds: float
) -> None:
    networks = feature_networks()
    first = feature_network_size(networks["repeated-fpn"])
    found = feature_network_size(networks[row])
    assert found[0] / first[0] == pytest.approx(parameters, rel=WITHIN)
    assert found[1] / first[1] == pytest.approx(multiply_adds, rel=WITHIN)


def test_weighted_bifpn_is_d3_itself() -> None:
    assert size(feature_networks()["bifpn-weighted"]) == size(VARIANTS["d3"])


@pytest.mark.parametrize("name", fusions("d0"))
def test_fusion_changes_no_count(name: str) -> None:
    assert size(fusions("d0")[name]) == size(VARIANTS["d0"])


def test_scaling_stays_within_60_billion_multiply_adds() -> None:
    ways = {way: [size(v)[1] / 1e9 for v in networks] for way, networks in scalings().items()}
    for adds in ways.values():
        assert adds == sorted(adds)
        assert adds[-1] < 60
    assert all(ways[way][-1] > 54 for way in ("compound", "image size", "channels"))


# --- graphs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_graph_is_in_order_and_uses_every_weight(name: str) -> None:
    class Watched(dict[str, Any]):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.used: set[str] = set()

        def __getitem__(self, key: str) -> Any:
            self.used.add(key)
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            self.used |= {key} & self.keys()
            return super().get(key, default)

    variant = EVERY[name]
    shapes = parameter_shapes(variant)
    weights = Watched({key: np.ones(shape, np.float32) for key, shape in shapes.items()})
    graph = build_network(variant, weights)
    known = {graph.input_name}
    for node in graph.nodes:
        assert node.op in OPS
        assert set(node.inputs) <= known
        assert node.name not in known
        known.add(node.name)
    assert weights.used == set(shapes)


def test_unknown_feature_network_is_an_error() -> None:
    with pytest.raises(InputError, match="unknown feature network 'mesh': known are bifpn, fpn"):
        build_network(VARIANTS["d0"].replace(feature_network="mesh"))


def test_nas_fpn_wants_its_five_levels() -> None:
    with pytest.raises(InputError, match=r"NAS-FPN has levels 3 to 7, but d7x has"):
        feature_nodes(VARIANTS["d7x"].replace(feature_network="nas-fpn"))


def test_network_without_fusion_weights_has_no_fusion_study() -> None:
    with pytest.raises(InputError, match="d6 sums its features without weights"):
        fusions("d6")


@pytest.mark.parametrize("name", sorted(set(FEATURE_NETWORKS) - {"nas-fpn"}))
def test_cells_end_with_a_node_at_every_level_and_read_what_exists(name: str) -> None:
    variant = VARIANTS["d7x"].replace(feature_network=name)  # six levels
    nodes, count = feature_nodes(variant), len(variant.levels)
    assert {node.level for node in nodes} >= set(variant.levels) - {3}
    for index, node in enumerate(nodes):
        assert all(0 <= offset < count + index for offset in node.inputs)
        assert len(set(node.inputs)) == len(node.inputs)


# --- files --------------------------------------------------------------------------------------


def outputs(path: Path, pixels: Any) -> dict[str, Any]:
    """Output -> real values."""
    with edge_edet.load(path, threads=2) as detector:
        found = detector.infer(pixels)
        specs = {spec.name: spec for spec in detector.backend.outputs}
    for name, values in found.items():
        if values.dtype == np.int8:
            found[name] = (values.astype(np.float32) - specs[name].zero_point) * specs[name].scale
    return found


def noise() -> Any:
    return np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize("name", IN_FILES)
def test_both_runtimes_compute_the_same_and_int8_is_near(name: str, tmp_path: Path) -> None:
    model, found = StudyModel(EVERY[name], 0, 2), {}
    precisions = ("fp32",) if name in FUSIONS else ("fp32", "int8")
    for target, suffix in SUFFIXES.items():
        for precision in precisions:
            path = tmp_path / f"{precision}{suffix}"
            model.write(path, target, precision)
            found[target, precision] = outputs(path, noise())
    exact = found["tflite", "fp32"]
    for name_of, values in exact.items():
        spread = values.std()
        np.testing.assert_allclose(found["openvino", "fp32"][name_of], values, atol=1e-3 * spread)
        for target in SUFFIXES if "int8" in precisions else ():
            near = np.corrcoef(found[target, "int8"][name_of].ravel(), values.ravel())[0, 1]
            assert near > 0.9, (target, name_of)


@pytest.mark.parametrize("method", ["softmax", "fast"])
@pytest.mark.parametrize("form", ["runtime", "stacked"])
def test_weights_at_run_time_give_what_constants_give(
    method: str, form: str, tmp_path: Path
) -> None:
    found = []
    for each in (form, "constant"):
        path = tmp_path / f"{each}.tflite"
        StudyModel(FUSIONS[f"{method}-{each}"], 0, 2).write(path, "tflite", "fp32")
        found.append(outputs(path, noise()))
    for name, values in found[0].items():
        np.testing.assert_allclose(values, found[1][name], atol=1e-4 * values.std())


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [
        ("softmax-runtime", {"EXP", "SUM", "DIV"}, {"RELU", "PACK"}),
        ("fast-runtime", {"RELU", "SUM", "DIV"}, {"EXP", "PACK"}),
        ("softmax-stacked", {"EXP", "SUM", "DIV", "PACK"}, {"RELU"}),
        ("fast-stacked", {"RELU", "SUM", "DIV"}, {"EXP", "PACK"}),
        ("softmax-constant", {"MUL"}, {"EXP", "SUM", "DIV", "RELU"}),
        ("fast-constant", {"MUL"}, {"EXP", "SUM", "DIV", "RELU"}),
    ],
)
def test_fusions_run_the_operators_that_they_are_about(
    name: str, there: set[str], absent: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    StudyModel(FUSIONS[name], 0, 2).write(path, "tflite", "fp32")
    model = read_model(path)
    assert isinstance(model, TfliteModel)
    operators = set(model.operator_names)
    assert there <= operators
    assert not absent & operators


def test_run_time_fusion_has_no_int8(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="normalized at run time have no INT8: use fp32"):
        StudyModel(FUSIONS["fast-runtime"], 0, 2).write(tmp_path / "x.tflite", "tflite", "int8")
