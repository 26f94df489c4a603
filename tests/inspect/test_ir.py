"""The inspection of OpenVINO models: what ran, errors by tensor and block, planted faults named first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.cli import main
from edge_edet.converters.inspect.comparison import compare_and_judge
from edge_edet.converters.inspect.inspection import inspect_against, inspect_file
from edge_edet.converters.inspect.openvino.errors import compare_ir_constants
from edge_edet.converters.inspect.openvino.graph import IrGraph
from edge_edet.converters.inspect.openvino.pairs import match_ir_tensors
from edge_edet.converters.inspect.result import Inspection
from edge_edet.converters.inspect.text_report import head, lines
from edge_edet.converters.inspect.verdict.diagnosis import diagnose
from edge_edet.formats.openvino_ir import read_ir
from edge_edet.manifest import MANIFEST_KEY

Model = Callable[[str], Path]


@pytest.fixture(scope="module")
def sound(ir_model: Model, ir_float: Path, bench: Any) -> Inspection:
    return inspect_against(ir_model("sound"), ir_float, [bench.pixels(bench.pictures[0])], 2)


def test_sound_model_is_healthy_and_its_errors_have_names(sound: Inspection) -> None:
    assert sound.nothing_stands_out
    by_name = {e.name: e for e in sound.tensors}
    assert by_name["class_logits"].reader == "sigmoid"
    assert by_name["class_logits"].behind_db > 15
    assert by_name["backbone/conv_stem"].reader == "swish"
    grid = by_name["backbone/blocks.2.1/se/mul"]
    assert not grid.carried
    assert grid.own_db > 20
    assert by_name["backbone/blocks.2.1/se/gate"].carried  # no quantizer behind it
    assert not {"normalized", "image"} & set(by_name)
    blocks = {b.block: b.own_db for b in sound.blocks}
    assert {"backbone/conv_stem", "backbone/blocks.2.1", "fpn/cell.1/fnode.4"} <= set(blocks)
    assert min(c.weight_db for c in sound.constants) > 25
    assert max(c.bias_steps or 0.0 for c in sound.constants) < 0.1


def test_what_really_ran_is_reported(sound: Inspection) -> None:
    facts = sound.facts.openvino
    assert facts is not None
    ran, convolutions = facts["executed"], facts["convolutions"]
    assert sum(convolutions["float"].values()) > 30
    assert "no reason stated" not in convolutions["float"]
    assert ran["layers"]["int8"] > 50
    assert ran["in_float"] == []
    assert sum(count for kind, _, count, _ in ran["kernels"] if kind == "Convolution") == (
        convolutions["int8"] + sum(convolutions["float"].values())
    )
    text = "\n".join(lines(sound))
    assert max(map(len, text.splitlines())) <= 80
    for part in ("fake quantizers: ", "ran on ", f"convolutions: {convolutions['int8']} int8"):
        assert part in text


@pytest.mark.parametrize(
    ("fault", "name", "place", "kind"),
    [
        ("clipped", "unknown", "backbone/blocks.3.1/add", "clipped"),
        ("black_calibration", "fault", "calibration, worst at ", "calibration"),
        ("mean_not_folded", "fault", "backbone/conv_stem: the first convolution", "normalization"),
    ],
)
def test_first_lines_name_the_culprit(
    fault: str, name: str, place: str, kind: str, ir_model: Model, ir_float: Path, bench: Any
) -> None:
    found = compare_and_judge(
        ir_model(fault), ir_float, bench.pictures[:1], 2, detected=bench.pictures[:8]
    )
    assert found.verdict.name == name
    assert found.inspection.findings[0].kind == kind
    text = " ".join(" ".join(head(found.inspection, found.verdict)).split())
    assert f"{'suspicion' if name == 'unknown' else 'cause'}: {place}" in text


def test_dead_range_shows_in_the_file_alone(ir_model: Model) -> None:
    found = inspect_file(ir_model("dead")).findings
    assert [(f.kind, f.place) for f in found] == [("zero scale", "fpn/cell.1/fnode.4/conv_dw")]


@pytest.mark.parametrize(
    ("fault", "gain"),
    [("empty_weights", None), ("one_quantizer_wrong", pytest.approx(1 / 3, 0.01))],
)
def test_weights_must_fit_the_quantizer_before_them(
    fault: str, gain: Any, ir_model: Model, ir_float: Path
) -> None:
    graphs = IrGraph(read_ir(ir_model(fault))), IrGraph(read_ir(ir_float))
    constants = compare_ir_constants(*graphs)
    worst = min(constants, key=lambda c: c.weight_db)
    assert worst.name == "fpn/cell.1/fnode.4/conv_pw"
    assert worst.gain == gain
    [finding] = diagnose([], [], [], constants)
    if gain is None:
        assert finding.place == "fpn/cell.1/fnode.4/conv_pw"
        assert "its weights are not the float model's" in finding.text
    else:
        assert finding.place == "fpn/cell.1/fnode.4/conv_dw"
        assert "ends of its fake quantizer do not fit" in finding.text
        assert "they are 3 times as large as they should be" in finding.text


def test_grid_rounds_as_the_runtime_does(ir_model: Model, bench: Any) -> None:
    graph = IrGraph(read_ir(ir_model("sound")))
    ov = graph.ov
    quantizer = graph.quantizers["backbone/blocks.1.0/conv_pwl"]
    [pair] = [t for t in match_ir_tensors(graph, graph) if t.name == quantizer.source]
    values = (
        np.random.default_rng(0).normal(0, 40, (1, 6, 5, quantizer.step.size)).astype(np.float32)
    )
    parameter = ov.opset13.parameter([1, quantizer.step.size, 6, 5], np.float32)
    ends = [
        ov.opset13.constant(np.asarray(end.reshape(1, -1, 1, 1), np.float32))
        for end in (quantizer.low, quantizer.high) * 2
    ]
    op = ov.opset13.fake_quantize(parameter, *ends, quantizer.levels)
    compiled = graph.compiled(
        ov.Model([op], [parameter], "one"), {"INFERENCE_PRECISION_HINT": "f32"}
    )
    wanted = compiled([values.transpose(0, 3, 1, 2)])[0].transpose(0, 2, 3, 1)
    difference = np.abs(pair.rounded(values) - wanted)
    assert (difference < 1e-3 * quantizer.step).mean() > 0.999  # ties may round either way
    assert (difference <= 1.01 * quantizer.step).all()
    below, above = pair.beyond(values)
    assert below > 0
    assert above > 0


def test_exposed_tensors_do_not_change_what_runs(
    ir_model: Model, bench: Any, planted_ir: Any
) -> None:
    graph = IrGraph(read_ir(ir_model("sound")))
    pixels = bench.pixels(bench.pictures[0])
    values = []
    for names in (["class_logits"], ["class_logits", *list(graph.tensors)[10:400:3]]):
        runner = graph.exposing(names, 2)
        runner.run([pixels])
        values.append(runner.get("class_logits").copy())
    noise = np.square(values[0] - values[1]).mean() / np.square(values[0]).mean()
    assert noise < 1e-3  # sums in another order sometimes round to the other step


def test_command_lists_quantizers_and_prints_json(
    ir_model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(ir_model("sound")), "--tensors"]) == 0
    text = capsys.readouterr().out
    assert "backbone/blocks.2.1/se/mul" in text
    assert max(map(len, text.splitlines())) <= 80
    assert main(["inspect", str(ir_model("sound")), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"]["openvino"]["executed"]["layers"]["int8"] > 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["IR", "--against", "TFLITE", "--data", "x"], "the float model in the same format"),
        (["IR", "--against", "IR", "--data", "x"], "needs the float model"),
        (["FLOAT", "--against", "FLOAT", "--data", "x"], "is no INT8 model"),
        (["ONNX"], "is ONNX: inspect and compare-float take .tflite and OpenVINO .xml files"),
        (["LONE"], "beside"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    ir_model: Model,
    ir_float: Path,
    float_path: Path,
    bench: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {
        "IR": ir_model("sound"),
        "FLOAT": ir_float,
        "TFLITE": float_path,
        "LONE": tmp_path / "x.xml",
        "ONNX": tmp_path / "x.onnx",
    }
    names["LONE"].write_bytes(ir_float.read_bytes())
    if "ONNX" in arguments:
        from edge_edet.converters.write.onnx.write import write_onnx

        names["ONNX"].write_bytes(write_onnx(bench.graph, {MANIFEST_KEY: "{}"}, None))
    assert main(["inspect", *(str(names.get(a, a)) for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_parity_report_of_an_ir(
    ir_model: Model, ir_float: Path, bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.jpg").symlink_to(bench.pictures[0])
    command = [
        "compare-float",
        str(ir_model("sound")),
        "--against",
        str(ir_float),
        "--data",
        str(folder),
        "--tensor-limit",
        "1",
        "-o",
        str(tmp_path / "out"),
    ]
    assert main(command) == 0
    record = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert record["agreement"]["same"] > 5
    assert record["openvino"]["executed"]["layers"]["int8"] > 50
    assert "kernels" not in record["openvino"]["executed"]  # times differ from run to run
    assert "openvino" in record["tools"]
    page = (tmp_path / "out/index.html").read_text("utf-8")
    floats = sum(record["openvino"]["convolutions"]["float"].values())
    assert f"float_convolutions {floats}" in page  # a long list is given by its length
