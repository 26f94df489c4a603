"""Each planted fault is named first; detections decide the verdict, whatever the tensors look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_edet.cli import main
from edge_edet.converters.inspect.comparison import Comparison, compare_and_judge
from edge_edet.converters.inspect.errors.constants import BAD_WEIGHTS_DB
from edge_edet.converters.inspect.inspection import inspect_against, inspect_file
from edge_edet.converters.inspect.result import Inspection
from edge_edet.converters.inspect.text_report import COLUMNS, lines
from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.verdict.verdict import FAULT, HEALTHY, UNKNOWN
from edge_edet.converters.write.tflite.nms import write_tflite_with_nms
from edge_edet.demo_picture import draw_smear
from edge_edet.detection.preprocess import letterbox
from edge_edet.errors import ModelFileError
from edge_edet.formats.tflite.file import read_tflite

PICTURES = 1


def inspected(path: Path, float_path: Path, bench: Any) -> Inspection:
    inputs = [bench.pixels(p) for p in bench.pictures[1 : 1 + PICTURES]]
    return inspect_against(path, float_path, inputs, threads=1)


def judged(path: Path, float_path: Path, bench: Any) -> Comparison:
    """Compare tensors on one picture, and detections on eight."""
    one = bench.pictures[1 : 1 + PICTURES]
    return compare_and_judge(path, float_path, one, 1, detected=bench.pictures[:8])


def head(found: Comparison, count: int = 6) -> str:
    """Join the first lines of the report."""
    text = list(lines(found.inspection, found.verdict))
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
        (
            "dead",
            "fpn/cell.1/fnode.4/conv_dw",
            "% of its values lie beyond its grid, most at the lower end",
            "widen this",
        ),
        ("empty_weights", "fpn/cell.1/fnode.4/conv_pw", "its weights are not the float", "convert"),
        ("wrong_bias", "fpn/cell.1/fnode.4/conv_pw", "its bias is off", "convert both"),
    ],
)
def test_first_lines_name_the_culprit_and_what_to_do(
    fault: str,
    place: str,
    words: str,
    advice: str,
    model: Callable[[str], Path],
    float_path: Path,
    bench: Any,
) -> None:
    found = judged(model(fault), float_path, bench)
    text = head(found)
    verdict, _, cause = text.partition(" cause: ")
    assert verdict.startswith(("fault: its boxes agree with", "fault: it does not run"))
    assert cause.startswith(place)
    assert words in cause
    assert advice in cause.partition("do: ")[2]
    assert len([f for f in found.inspection.findings if f.level == "error"]) <= 2  # no cascade


def test_float_operators_inside_are_reported_and_no_cause_of_other_faults(
    model: Callable[[str], Path], float_path: Path, bench: Any
) -> None:
    (found,) = [
        f
        for f in inspected(model("island"), float_path, bench).findings
        if f.kind == "float island"
    ]
    assert found.place == "fpn/cell.0/fnode.2"
    assert "float operators" in found.text
    assert {found.severity(name) for name in (FAULT, HEALTHY, UNKNOWN)} == {"note"}


@pytest.mark.parametrize("recipe", ["equalized", "mse"])
def test_nothing_stands_out_in_sound_recipes(
    recipe: str, model: Callable[[str], Path], float_path: Path, bench: Any
) -> None:
    assert inspected(model(recipe), float_path, bench).nothing_stands_out


def test_model_that_lost_is_a_fault_though_no_tensor_stands_out(
    model: Callable[[str], Path], float_path: Path, bench: Any
) -> None:
    """At this size the plain recipe loses half of the boxes: many small errors."""
    found = judged(model("mse"), float_path, bench)
    assert found.verdict.name == FAULT
    assert "cause: no tensor stands out" in head(found)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convert the bundled D0 as people do, with the default recipe, and its float model."""
    folder = tmp_path_factory.mktemp("converted")
    bundled = ["convert", "d0", "--weights", "bundled", "--to", "tflite", "-o", str(folder)]
    assert main([*bundled, "--int8", "--fp32"]) == 0
    return folder


def against_float(path: Path, folder: Path) -> Inspection:
    smear, _ = letterbox(Image.fromarray(draw_smear(0)[0]), 512, (0, 0, 0))
    return inspect_against(path, folder / "d0-fp32.tflite", [smear], threads=1)


def test_nothing_stands_out_in_the_default_recipe_though_it_moves_weights(converted: Path) -> None:
    found = against_float(converted / "d0-int8.tflite", converted)
    assert found.nothing_stands_out, found.findings
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
        op
        for op in opened.model.operators
        if [opened.model.tensors[t].name for t in op.outputs] == [name]
    )
    stored = opened.constant(op.inputs[1 if part == "weights" else 2]).tobytes()
    data = (converted / "d0-int8.tflite").read_bytes()
    assert data.count(stored) == 1
    broken = tmp_path / "d0-int8.tflite"
    broken.write_bytes(data.replace(stored, stored[::-1]))
    first = against_float(broken, converted).findings[0]
    assert (first.level, first.place) == ("error", name)
    assert first.text.startswith(f"its {part}")


def test_weakest_block_of_the_plain_recipe_is_noted(
    model: Callable[[str], Path], float_path: Path, bench: Any
) -> None:
    notes = inspected(model("mse"), float_path, bench).findings
    assert [f.kind for f in notes] == ["weak block"]
    assert notes[0].place == "backbone/blocks.0.0"  # where equalization helps


def test_of_random_weights_nothing_is_known(shared: Path, planted: Any, tmp_path: Path) -> None:
    bench = planted.lite(shared, tmp_path / "lite")
    path = bench.write("int8", planted.healthy(bench))
    found = judged(path, bench.float_model(), bench)
    assert found.inspection.nothing_stands_out
    assert found.verdict.name == UNKNOWN
    assert "random weights" in found.verdict.because


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("shared_scale", "one scale"),
        ("minmax", "min-max ranges before swish"),
        ("island", "4 float operators"),
        ("low_scores", "its grid ends at a score of 0."),
    ],
)
def test_file_alone_raises_suspicion(fault: str, words: str, model: Callable[[str], Path]) -> None:
    found = inspect_file(model(fault))
    assert words in " ".join(lines(found)).partition(".tflite")[0]
    severities = {f.severity(UNKNOWN) for f in found.findings}
    assert severities == {"note" if fault == "island" else "suspicion"}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("zero_scale", r"'fpn/cell\.1/fnode\.4/conv_pw' has a scale of 0"),
        ("no_range", r"operator \d+ \(CONV_2D\): the scale of its output is 3\.92157e-09"),
    ],
)
def test_scale_that_no_runtime_takes_is_refused_with_its_place(
    fault: str, words: str, model: Callable[[str], Path]
) -> None:
    with pytest.raises(ModelFileError, match=words):
        inspect_file(model(fault))


@pytest.mark.parametrize("name", ["equalized", "mse"])
def test_sound_files_raise_none(name: str, model: Callable[[str], Path], float_path: Path) -> None:
    assert inspect_file(model(name)).findings == []
    assert next(lines(inspect_file(model(name)))).startswith("nothing suspicious in the file alone")
    assert inspect_file(float_path).findings == []


@pytest.mark.parametrize(("random", "quiet"), [(True, True), (False, False)])
def test_ranges_of_random_weights_are_not_judged(
    random: bool, quiet: bool, planted: Any, float_path: Path, bench: Any
) -> None:
    path = planted.with_manifest(bench, "black_calibration", random=random)
    found = inspected(path, float_path, bench)
    assert found.nothing_stands_out == quiet
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
    assert found.nothing_stands_out, found.findings
    compared = {e.name for e in found.tensors}
    assert {"box_codes", "class_logits", "suppression/highest"} <= compared
    assert not any(name.startswith(("detection_", "suppression/box")) for name in compared)
    assert "\nclass_logits " in "\n".join(lines(found))


PARTS = ("backbone/conv_stem", "backbone/blocks.2.0", "fpn/inputs", "class_net/p4")


@pytest.mark.parametrize("stated", [True, False])
def test_parts_that_a_budget_kept_in_float_are_no_fault(
    stated: bool, planted: Any, float_path: Path, bench: Any
) -> None:
    path = planted.with_manifest(bench, "equalized", float_parts=PARTS, stated=stated)
    found = inspected(path, float_path, bench)
    text = " ".join(" ".join(lines(found)).split())
    place = "note: backbone/conv_stem, backbone/blocks.2.0, fpn/inputs and 1 more: 4 parts"
    assert (place in text) == stated
    assert ("float operators (" in text) == (not stated)
    assert found.nothing_stands_out
