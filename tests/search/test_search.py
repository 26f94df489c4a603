"""`convert --max-drop`: the fastest model within the budget, or none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.converters.calibrate.find import find_calibration
from edge_edet.converters.int8.affine import Quantized
from edge_edet.converters.pipeline import ConvertedFile, FileWritten, Request
from edge_edet.converters.pipeline import run as convert_all
from edge_edet.converters.quantize.channelwise import CHANNELWISE_RECIPES, quantize_channelwise
from edge_edet.converters.quantize.recipes import RECIPES, quantize
from edge_edet.converters.search import budget as budget
from edge_edet.converters.search import (
    builders as makers,
)
from edge_edet.converters.search import (
    candidates,
)
from edge_edet.converters.search import (
    score as evaluator,
)
from edge_edet.converters.search.log import Measured, SearchLog, table
from edge_edet.converters.weights.find import find_weights
from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.demo_picture import draw_smear
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.network.build import build_network

PICTURES = 3
NAMES = ("RBC", "WBC", "Platelets")


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn smears with their true boxes, as COCO json."""
    folder = tmp_path_factory.mktemp("smears")
    images, annotations = [], []
    for number in range(PICTURES):
        pixels, boxes = draw_smear(number)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        height, width = pixels.shape[:2]
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
        )
        for x0, y0, x1, y1, kind in boxes:
            box = [float(x0), float(y0), float(x1 - x0), float(y1 - y0)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": int(kind) + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(NAMES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(document))
    return folder


def request(data: Path, output: Path, max_drop: float, target: str = "tflite") -> Request:
    return Request(
        ("d0",),
        ("int8",),
        output,
        weights="bundled",
        max_drop=max_drop,
        data=data,
        threads=2,
        formats=(target,),
        parity_report=False,
    )


def converted(wanted: Request) -> tuple[list[str], list[ConvertedFile]]:
    """What was said of the search and its result, and the files."""
    texts = []
    found = convert_all(
        wanted,
        lambda event: None if isinstance(event, FileWritten) else texts.append(event.text),
    )
    return texts, list(found.files)


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Fewer recipes than the real search tries, for time's sake."""
    tables = (makers.INTEGER_RECIPES, makers.CHANNELWISE)
    few = [tuple(r for r in table if r.name in names) for table in tables]
    assert sum(map(len, few)) == len(names)
    monkeypatch.setattr(makers, "INTEGER_RECIPES", few[0])
    monkeypatch.setattr(makers, "CHANNELWISE", few[1])


def test_fastest_within_the_budget_is_written_and_a_second_search_knows_it(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "minmax", "mse", "equalized")
    _, [written] = converted(request(smears / "instances.json", tmp_path, 100))
    document = json.loads((tmp_path / "d0-int8.pareto.json").read_text())
    rows = document["candidates"]
    assert {row["name"] for row in rows} == {"minmax", "mse", "equalized"}
    assert document["chosen"] == rows[0]["name"]  # all are within: the fastest
    assert [row["ms"] for row in rows] == sorted(row["ms"] for row in rows)
    by_name = {row["name"]: row for row in rows}
    assert by_name["equalized"]["ap"] > by_name["minmax"]["ap"] + 0.02
    recipe = edge_edet.read_manifest(written.path).provenance["recipe"]
    assert recipe["name"] == document["chosen"]
    assert recipe["against"] == "labels"
    before = written.path.read_bytes()

    evaluated = []
    real = evaluator._evaluate
    monkeypatch.setattr(evaluator, "_evaluate", lambda *a: evaluated.append(a[0]) or real(*a))
    again, _ = converted(request(smears / "instances.json", tmp_path, 100))
    assert any(text.startswith("resuming from") for text in again)
    assert not evaluated
    assert written.path.read_bytes() == before


def test_openvino_is_searched_with_its_own_recipes(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "channelwise", "channelwise-all")
    notes, [written] = converted(request(smears / "instances.json", tmp_path, 100, "openvino"))
    assert any(
        note.startswith("nncf's presets are not tried: they need pictures") for note in notes
    )
    document = json.loads((tmp_path / "d0-int8-openvino.pareto.json").read_text())
    rows = {row["name"]: row for row in document["candidates"]}
    assert set(rows) == {"channelwise", "channelwise-all"}
    assert rows["channelwise-all"]["non_integer_operators"] < written.operators
    assert document["float_precision"] in ("f32", "bf16")
    recipe = edge_edet.read_manifest(written.path).provenance["recipe"]
    assert recipe["name"] == document["chosen"]
    assert len(recipe["float_convolutions"]) == written.float_convolutions
    before = written.path.read_bytes()
    monkeypatch.setattr(evaluator, "_evaluate", None)  # nothing is measured twice
    converted(request(smears / "instances.json", tmp_path, 100, "openvino"))
    assert written.path.read_bytes() == before


def test_openvino_keeps_parts_in_float_where_integers_do_not_do(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "channelwise-all")
    few = ("box_net/p7", "backbone/blocks.1.0")
    monkeypatch.setattr(budget, "parts", lambda graph: few)
    monkeypatch.setattr(
        evaluator.Evaluator, "ap", lambda self, model: 0.9 if model.name == "float.xml" else 0.5
    )
    with pytest.raises(EdgeEdetError, match="no INT8 model of d0 stays within 0 points"):
        converted(request(smears, tmp_path, 0, "openvino"))
    assert not (tmp_path / "d0-int8.xml").exists()
    assert not (tmp_path / "d0-int8-openvino.pareto.json").exists()
    lines = (tmp_path / "d0-int8-openvino.search.jsonl").read_text().splitlines()
    rows = [json.loads(line)["result"] for line in lines]
    mixed = [row for row in rows if isinstance(row, dict) and row["candidate"]["float_parts"]]
    plain = next(row for row in rows if isinstance(row, dict) and row["name"] == "channelwise-all")
    assert mixed
    assert all(row["non_integer_operators"] > plain["non_integer_operators"] for row in mixed)


def test_parts_in_float_are_those_and_no_others() -> None:
    source = find_weights("d0", "bundled", 0, None, None)
    graph = build_network(source.variant, source.weights)
    for part in ("backbone/conv_stem", "backbone/blocks.5.1", "fpn/inputs", "box_net/p7"):
        inside = makers._scope(graph, (part,))
        assert inside
        assert {candidates.float_part_of(name) for name in inside} == {part}
        record = find_calibration(source, graph, None, None, 0, 2).record
        recipe = dataclasses.replace(CHANNELWISE_RECIPES["channelwise-all"], float_scope=inside)
        floats = quantize_channelwise(graph, record.statistics, recipe).floats
        assert {name for name, why in floats.items() if why == "budget"} == set(inside)


def by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that another program's load does not move: a millisecond for each megabyte."""
    monkeypatch.setattr(
        evaluator.Evaluator,
        "milliseconds",
        lambda _, models: [path.stat().st_size / 1e6 for path in models],
    )


def test_budget_that_integers_cannot_meet_keeps_parts_in_float(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "minmax")
    by_size(monkeypatch)
    few = ("box_net/p7", "backbone/blocks.0.0", "backbone/blocks.1.0", "backbone/conv_stem")
    monkeypatch.setattr(budget, "parts", lambda graph: few)
    texts, [chosen] = converted(request(smears, tmp_path, 0))
    ranked = [text.split()[0] for text in texts if "in float: output error" in text]
    assert ranked
    assert ranked[0] != "box_net/p7"  # the stem's side is where it goes wrong, not the last level
    rows = json.loads((tmp_path / "d0-int8.pareto.json").read_text())["candidates"]
    assert chosen.non_integer_operators is not None
    assert 0 < chosen.non_integer_operators < chosen.operators / 2
    by_name = {row["name"]: row for row in rows}
    assert by_name["minmax"]["drop"] > 0 >= by_name["minmax + float 1"]["drop"] or len(rows) > 2


def test_budget_that_nothing_meets_writes_nothing(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "minmax")
    monkeypatch.setattr(budget, "parts", lambda graph: ())
    (tmp_path / "d0-int8.tflite").write_bytes(b"an earlier model")
    wanted = dataclasses.replace(request(smears, tmp_path, 0), overwrite=True)
    with pytest.raises(EdgeEdetError, match=r"no INT8 model of d0 stays within 0 points .*minmax"):
        converted(wanted)
    assert (tmp_path / "d0-int8.tflite").read_bytes() == b"an earlier model"
    assert not (tmp_path / "d0-int8.pareto.json").exists()


def test_floats_go_into_what_has_the_best_outputs_of_those_that_ap_cannot_tell_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = object.__new__(budget._Run)
    recipes = {name: RECIPES[name] for name in ("minmax", "equalized", "reconstructed")}
    run.candidates = {name: candidates.Candidate(recipe) for name, recipe in recipes.items()}
    rows = [
        Measured(name, {}, 0.6 - drop / 100, drop, 30, 5_000_000, 600, 0)
        for name, drop in (("minmax", 14.0), ("equalized", 0.13), ("reconstructed", 0.14))
    ]
    errors = {"minmax": 0.0, "equalized": 0.0305, "reconstructed": 0.0095}
    monkeypatch.setattr(budget._Run, "error", lambda self, row: errors[row.name])
    assert run.base(rows).recipe is RECIPES["reconstructed"]


def test_without_labels_agreement_with_the_float_model_counts(
    smears: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "equalized")
    bare = tmp_path / "pictures"
    bare.mkdir()
    for picture in smears.glob("*.png"):
        (bare / picture.name).write_bytes(picture.read_bytes())
    texts, _ = converted(request(bare, tmp_path, 50))
    assert any("no labels: AP is against the float model's detections" in t for t in texts)
    document = json.loads((tmp_path / "d0-int8.pareto.json").read_text())
    assert document["against"] == "the float model's detections"
    assert document["float_ap"] > 0.99  # the float model agrees with itself
    assert document["ap"] > 0.6


def test_random_weights_have_no_budget(smears: Path, tmp_path: Path) -> None:
    wanted = Request(
        ("d0",), ("int8",), tmp_path, weights="random", max_drop=1, data=smears, image_size=128
    )
    with pytest.raises(InputError, match="random ones have no accuracy to lose"):
        converted(wanted)


def test_log_forgets_a_torn_line_and_other_searches(tmp_path: Path) -> None:
    path = tmp_path / "x.search.jsonl"
    log = SearchLog(path, "one")
    log.put("a", [1, 2])
    with path.open("a") as file:
        file.write('{"format_version":1,"key":"one","what":"b","res')
    again = SearchLog(path, "one")
    assert (again.get("a"), again.get("b")) == ([1, 2], None)
    again.put("b", 3)
    assert SearchLog(path, "one").get("b") == 3
    assert SearchLog(path, "two").resumed == 0


def test_table_marks_the_front_and_the_choice() -> None:
    def row(name: str, ap: float, ms: float) -> Measured:
        return Measured(name, {}, ap, 100 * (0.6 - ap), ms, 5_000_000, 600, 0)

    lines = table([row("slow", 0.5, 40), row("good", 0.59, 30), row("fast", 0.4, 20)], "good")
    assert [line[0] for line in lines[1:]] == ["*", ">", " "]
    assert all(len(line) <= 80 for line in lines)


@pytest.fixture(scope="module")
def quantized() -> Any:
    source = find_weights("d0", "bundled", 0, None, None)
    graph = build_network(source.variant, source.weights)
    record = find_calibration(source, graph, None, None, 0, 2).record
    return graph, *quantize(graph, record.statistics, RECIPES["equalized"])


def run(model: bytes, pixels: Any) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    return {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()}


def test_graph_with_every_part_in_float_is_the_float_graph(quantized: Any) -> None:
    graph, built, integers = quantized
    every = frozenset(node.name for node in built.nodes)
    mixed = Quantized(integers.activations, integers.weights, integers.biases, every)
    pixels = np.random.default_rng(0).integers(0, 256, graph.input_shape, np.uint8)
    wanted = run(write_tflite(graph, "fp32"), pixels)
    for name, values in run(write_tflite(built, "int8", mixed), pixels).items():
        assert np.abs(values - wanted[name]).max() <= 1e-3 * np.ptp(wanted[name])


@pytest.mark.parametrize("part", ["backbone/conv_stem", "fpn/cell.1/fnode.3", "class_net/p3"])
def test_float_segment_has_one_crossing_a_tensor(quantized: Any, part: str, tmp_path: Path) -> None:
    graph, _, integers = quantized
    chosen = candidates.Candidate(RECIPES["equalized"], (part,))
    source = find_weights("d0", "bundled", 0, None, None)
    record = find_calibration(source, graph, None, None, 0, 2).record
    built, mixed = candidates.build(chosen, graph, record.statistics, {})
    path = tmp_path / "mixed.tflite"
    path.write_bytes(write_tflite(built, "int8", mixed))
    model = read_tflite(path)
    inside = sum(1 for n in built.nodes if n.name in mixed.float_nodes)
    assert 0 < len(model.non_integer_operators) <= 3 * inside + 4
    crossed = [op.outputs for op in model.operators if op.name == "DEQUANTIZE"]
    assert len(crossed) == len(set(crossed)) <= 3
    assert integers.float_nodes == frozenset()


def test_parts_cover_every_layer_with_weights() -> None:
    graph = build_network(find_weights("d0", "bundled", 0, None, None).variant)
    found = candidates.parts(graph)
    assert found[0] == "backbone/conv_stem"
    assert {"backbone/blocks.2.1", "fpn/cell.1/fnode.4", "class_net/p3", "box_net/p7"} <= set(found)
    assert len(found) == 1 + 16 + 1 + 24 + 10
