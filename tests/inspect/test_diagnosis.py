"""Each planted fault is named in the first lines; sound models are called healthy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_edet.cli import main
from edge_edet.converters.in_graph_nms import write_tflite_with_nms
from edge_edet.converters.inspect.constants import BAD_WEIGHTS_DB
from edge_edet.converters.inspect.inspection import Inspection, inspect_against, inspect_file
from edge_edet.converters.inspect.report import COLUMNS, lines
from edge_edet.converters.inspect.rewrite import Rewritable
from edge_edet.converters.smear import draw_smear
from edge_edet.preprocess import letterbox
from edge_edet.tflite_file import read_tflite

PICTURES = 1


def inspected(path: Path, twin: Path, bench: Any) -> Inspection:
    inputs = [bench.pixels(p) for p in bench.pictures[1 : 1 + PICTURES]]
    return inspect_against(path, twin, inputs, threads=1)


def head(inspection: Inspection, count: int = 4) -> str:
    """The first lines, joined."""
    text = list(lines(inspection, PICTURES))
    assert max(map(len, text)) <= COLUMNS
    return " ".join(" ".join(text[:count]).split())


@pytest.mark.parametrize(
    ("fault", "place", "words", "advice"),
    [
        ("minmax", "backbone/blocks.", "min-max ranges before swish", "--recipe reconstructed"),
        ("shared_scale", "class_logits and box_codes", "one scale", "a grid of its own"),
        ("clipped", "backbone/blocks.3.1/add", "lie beyond its grid", "widen this tensor's range"),
        ("black_calibration", "calibration", "saw other pictures", "calibrate with pictures like"),
        ("mean_not_folded", "backbone/conv_stem", "mean or standard deviation", "fold the mean"),
        ("dead", "fpn/cell.1/fnode.4/conv_pw", "all come out as one number", "calibrate with"),
        ("zero_scale", "fpn/cell.1/fnode.4/conv_pw", "its scale is 0", "calibrate with"),
        ("empty_weights", "fpn/cell.1/fnode.4/conv_pw", "its weights are not the float", "convert"),
        ("wrong_bias", "fpn/cell.1/fnode.4/conv_pw", "its bias is off", "convert both"),
        ("island", "fpn/cell.0/fnode.2", "float operators", "convert again"),
    ],
)
def test_first_lines_name_the_culprit_and_what_to_do(
    fault: str,
    place: str,
    words: str,
    advice: str,
    model: Callable[[str], Path],
    twin: Path,
    bench: Any,
) -> None:
    found = inspected(model(fault), twin, bench)
    text = head(found)
    assert text.startswith(f"fault: {place}")
    assert words in text
    assert f"do: {advice}" in text or advice in text.partition("do: ")[2]
    assert not found.healthy
    assert len([f for f in found.findings if f.severity == "fault"]) <= 2  # no cascade


@pytest.mark.parametrize("recipe", ["equalized", "mse"])
def test_sound_recipes_are_healthy(
    recipe: str, model: Callable[[str], Path], twin: Path, bench: Any
) -> None:
    found = inspected(model(recipe), twin, bench)
    assert head(found).startswith("healthy: no fault found against its float twin on 1 picture")
    assert all(f.severity == "note" for f in found.findings)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the bundled D0 as people get it: the default recipe, and its float twin."""
    folder = tmp_path_factory.mktemp("converted")
    bundled = ["convert", "d0", "--weights", "bundled", "--to", "tflite", "-o", str(folder)]
    assert main([*bundled, "--int8", "--fp32"]) == 0
    return folder


def against_float(path: Path, folder: Path) -> Inspection:
    smear, _ = letterbox(Image.fromarray(draw_smear(0)[0]), 512, (0, 0, 0))
    return inspect_against(path, folder / "d0-fp32.tflite", [smear], threads=1)


def test_default_recipe_is_healthy_though_it_moves_weights(converted: Path) -> None:
    found = against_float(converted / "d0-int8.tflite", converted)
    assert found.healthy, head(found)
    moved = [c for c in found.constants if c.weight_db < BAD_WEIGHTS_DB]
    assert moved  # else this proves nothing
    assert not any(c.weights_differ or c.bias_differs for c in found.constants)


@pytest.mark.parametrize("part", ["weights", "bias"])
def test_layer_that_was_corrected_can_still_be_at_fault(
    part: str, converted: Path, tmp_path: Path
) -> None:
    name = "backbone/blocks.3.1/conv_dw"  # among those moved farthest
    opened = Rewritable(read_tflite(converted / "d0-int8.tflite"))
    op = next(
        op for op in opened.model.operators
        if [opened.model.tensors[t].name for t in op.outputs] == [name]
    )  # fmt: skip
    stored = opened.constant(op.inputs[1 if part == "weights" else 2]).tobytes()
    data = (converted / "d0-int8.tflite").read_bytes()
    assert data.count(stored) == 1
    broken = tmp_path / "d0-int8.tflite"
    broken.write_bytes(data.replace(stored, stored[::-1]))
    found = against_float(broken, converted)
    assert head(found, 2).startswith(f"fault: {name}: its {part}")


def test_weakest_block_of_the_plain_recipe_is_noted(
    model: Callable[[str], Path], twin: Path, bench: Any
) -> None:
    notes = inspected(model("mse"), twin, bench).findings
    assert [f.kind for f in notes] == ["weak block"]
    assert notes[0].place == "backbone/blocks.0.0"  # what equalization is for


def test_random_lite_is_healthy(shared: Path, planted: Any, tmp_path: Path) -> None:
    bench = planted.lite(shared, tmp_path / "lite")
    path = bench.write("int8", planted.healthy(bench))
    assert inspected(path, bench.float_twin(), bench).healthy


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("shared_scale", "one scale"),
        ("minmax", "min-max ranges before swish"),
        ("zero_scale", "its scale is 0"),
        ("island", "4 float operators"),
        ("low_scores", "no score above 0."),
    ],
)
def test_file_alone_raises_suspicion(fault: str, words: str, model: Callable[[str], Path]) -> None:
    found = inspect_file(model(fault))
    assert words in " ".join(lines(found)).partition(".tflite")[0]
    assert not found.healthy


@pytest.mark.parametrize("name", ["equalized", "mse"])
def test_sound_files_raise_none(name: str, model: Callable[[str], Path], twin: Path) -> None:
    assert inspect_file(model(name)).findings == []
    assert next(lines(inspect_file(model(name)))).startswith("nothing suspicious in the file alone")
    assert inspect_file(twin).findings == []


@pytest.mark.parametrize(("random", "healthy"), [(True, True), (False, False)])
def test_ranges_of_random_weights_are_not_judged(
    random: bool, healthy: bool, planted: Any, twin: Path, bench: Any
) -> None:
    path = planted.with_manifest(bench, "black_calibration", random=random)
    found = inspected(path, twin, bench)
    assert found.healthy == healthy
    assert ("random weights" in [f.kind for f in found.findings]) == random


def test_suppression_in_the_graph_is_no_island(bench: Any) -> None:
    graph, quantized = bench.quantized()
    path = bench.write("nms", write_tflite_with_nms(graph, "int8", quantized))
    found = inspect_file(path)
    assert found.findings == []
    assert found.facts.float_operators > 0
    assert found.facts.islands == {}


def test_suppressed_boxes_are_not_compared_row_by_row(bench: Any) -> None:
    """Equal rows of two models are different anchors, as each sorts by its own scores."""
    graph, quantized = bench.quantized("equalized")
    path = bench.write("nms-int8", write_tflite_with_nms(graph, "int8", quantized))
    plain = bench.write("nms-fp32", write_tflite_with_nms(bench.graph, "fp32"))
    found = inspected(path, plain, bench)
    assert found.healthy, head(found)
    compared = {e.name for e in found.tensors}
    assert {"box_codes", "class_logits", "suppression/highest"} <= compared
    assert not any(name.startswith(("detection_", "suppression/box")) for name in compared)
    assert "\nclass_logits " in "\n".join(lines(found, PICTURES))


PARTS = ("backbone/conv_stem", "backbone/blocks.2.0", "fpn/inputs", "class_net/p4")


@pytest.mark.parametrize("stated", [True, False])
def test_parts_that_a_budget_kept_in_float_are_no_fault(
    stated: bool, planted: Any, twin: Path, bench: Any
) -> None:
    path = planted.with_manifest(bench, "equalized", float_parts=PARTS, stated=stated)
    found = inspected(path, twin, bench)
    assert found.healthy == stated
    if stated:
        place = "note: backbone/conv_stem, backbone/blocks.2.0, fpn/inputs, ...: 4 parts"
        assert place in head(found)
        assert inspect_file(path).healthy
    else:
        assert "float operators" in head(found)
