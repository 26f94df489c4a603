"""Targets as data, and `edge-edet targets` and `edge-edet check` as they are typed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import edge_edet
from edge_edet.cli import main
from edge_edet.devices.targets import (
    ALSO,
    check_model,
    find_target,
    known_targets,
    read_target,
    taken_as,
)
from edge_edet.errors import InputError
from edge_edet.formats import read_model

ROOT = Path(__file__).resolve().parents[2]
WHOLE = """
format = 1
name = "A program"
loads = "its runtime"
summary = "for a test"

[[rule]]
what = "It loads .tflite files."
need = "format"
value = [".tflite"]
otherwise = "refused"

[[rule.evidence]]
known = "documented"
source = "https://example.com/"
version = "1.0"
date = "2026-11-28"
"""
REQUIRED = {
    "edgetpu",
    "frigate-cpu",
    "frigate-edgetpu",
    "frigate-openvino",
    "litert-npu-google-tensor",
    "litert-npu-intel",
    "litert-npu-mediatek",
    "litert-npu-qualcomm",
    "litertjs",
    "mediapipe",
    "model-api",
    "onnxruntime",
    "openvino-cpu-arm",
    "openvino-cpu-x86",
    "openvino-gpu",
    "openvino-npu",
}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "program.toml"
    path.write_text(text)
    return path


def test_every_bundled_target_is_whole_and_its_tests_are_there() -> None:
    targets = known_targets()
    assert set(targets) >= REQUIRED
    for target in targets.values():
        assert target.rule[0].need == "format"
        for rule in target.rule:
            for source in rule.evidence:
                if source.source.startswith("tests/"):
                    assert (ROOT / source.source).is_file(), (target.id, source.source)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("edgetpu", "documented"),
        ("openvino-cpu-arm", "documented"),
        ("openvino-gpu", "documented"),
        ("openvino-npu", "documented"),
        ("litert-npu-mediatek", "documented"),
        ("litert-npu-qualcomm", "documented"),
        ("litert-npu-google-tensor", "documented"),
        ("litert-npu-intel", "documented"),
    ],
)
def test_what_cannot_be_had_here_does_not_claim_to_run(name: str, known: str) -> None:
    assert find_target(name).known[0] == known


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (WHOLE[WHOLE.index("\n[[rule.evidence]]") :], "", "the key 'rule[0].evidence' is missing"),
        (
            WHOLE[WHOLE.index("\n[[rule.evidence]]") :],
            "evidence = []\n",
            "'evidence' must name at least one source",
        ),
        ('known = "documented"', 'known = "guessed"', "must be one of run, emulated, documented"),
        ('known = "documented"', 'known = "run"', "of what is run must be a path in tests/"),
        ("https://example.com/", "hearsay", "must be an https address or a path in tests/"),
        ('date = "2026-11-28"', 'date = "lately"', "'date' must be YYYY-MM-DD, but is 'lately'"),
        ('version = "1.0"', 'version = ""', "'version' must not be empty"),
        ('need = "format"', 'need = "luck"', "'need' must be one of format, input-dtypes"),
        ('value = [".tflite"]', "value = 3", "'value' of format must be a list of suffixes"),
        ("format = 1\n", "", "'format' must be 1, the only known one, but is None"),
        ('summary = "for a test"', 'summary = " "', "'summary' must not be empty"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert WHOLE.count(old) == 1
    with pytest.raises(InputError) as error:
        read_target(written(tmp_path, WHOLE.replace(old, new)))
    assert message in str(error.value)
    assert "program.toml" in str(error.value)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    target = read_target(written(tmp_path, WHOLE))
    assert (target.id, target.known) == ("program", ("documented",))


def test_targets_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets"]) == 0
    first = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert first == list(known_targets())
    assert main(["targets", "frigate-cpu"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for rule in find_target("frigate-cpu").rule:
        assert rule.what in words
        for source in rule.evidence:
            assert f"{source.known}: {source.version}, {source.date}, {source.source}" in words
    assert main(["targets", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in document["targets"]] == list(known_targets())
    assert document["targets"][0]["rules"][0]["evidence"]


@pytest.mark.parametrize(
    ("name", "meant", "said"),
    [
        (
            "frigate",
            "frigate-cpu",
            "'frigate' is taken as frigate-cpu; there are also frigate-edgetpu and frigate-openvino",
        ),
        ("browser", "litertjs", "'browser' is taken as litertjs"),
        ("pycoral", "edgetpu", "'pycoral' is taken as edgetpu"),
    ],
)
def test_another_name_is_said_to_be_one(
    name: str,
    meant: str,
    said: str,
    target_models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert name not in known_targets()
    assert find_target(name).id == meant
    assert (taken_as(name), taken_as(meant)) == (said, None)
    assert all(one in known_targets() for one in ALSO[name])
    assert main(["targets", name, "--json"]) == 0
    out, err = capsys.readouterr()
    assert [one["id"] for one in json.loads(out)["targets"]] == [meant]
    assert err == f"note: {said}\n"
    assert main(["check", str(target_models["int8-nms.tflite"]), "--for", name, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["target"] == meant
    assert err == f"note: {said}\n"


@pytest.mark.parametrize(
    "command", [["targets", "frigat"], ["check", "x.tflite", "--for", "frigat"]]
)
def test_an_unknown_target_lists_the_known_ones(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "unknown target 'frigat': known are edgetpu, frigate-cpu," in line


@pytest.mark.parametrize(
    ("model", "target", "status", "line"),
    [
        ("int8.tflite", "mediapipe", 1, "refused: int8 output 'box_codes'"),
        ("int8-nms.tflite", "mediapipe", 0, "runs"),
        ("int8.tflite", "litertjs", 1, "refused: int8 output 'box_codes'"),
        ("int8-nms.tflite", "litertjs", 0, "runs"),
        ("int8.tflite", "frigate-cpu", 1, "refused: outputs by index: box codes, class logits"),
        ("int8-nms.tflite", "frigate-cpu", 0, "runs"),
        ("fp32-nms-float32-input.tflite", "frigate-cpu", 1, "refused: float32 input 'image'"),
        ("int8.xml", "frigate-cpu", 1, "refused: a .xml file"),
        ("int8.tflite", "edgetpu", 0, "runs partly: no operator edgetpu-custom-op"),
        ("int8-nms.tflite", "edgetpu", 0, "operators on the CPU: TOPK_V2, number"),
        ("fp32.tflite", "edgetpu", 0, "operators compute in float"),
        ("int8.xml", "openvino-cpu-x86", 0, "runs"),
        ("int8-nms.tflite", "openvino-gpu", 1, "refused: operator TFLite_Detection_PostProcess"),
        ("int8.tflite", "litert-npu-mediatek", 1, "weights with a scale for each channel"),
        ("fp32.onnx", "onnxruntime", 0, "runs"),
        ("int8.xml", "model-api", 1, "no model_info/model_type in the file"),
        ("int8-nms.xml", "model-api", 0, "runs"),
        ("int8-nms.xml", "frigate-openvino", 0, "runs"),
        ("fp32.onnx", "frigate-openvino", 1, "2 outputs [1, 49104, 4] and [1, 49104, 3]"),
    ],
)
def test_a_verdict_in_one_line(
    model: str,
    target: str,
    status: int,
    line: str,
    target_models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = target_models[model]
    assert main(["check", str(path), "--for", target]) == status
    assert line in capsys.readouterr().out.splitlines()[0]


def test_a_refusal_names_its_evidence_and_its_cure(
    target_models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(target_models["int8.tflite"])
    assert main(["check", path, "--for", "frigate-cpu"]) == 1
    text = capsys.readouterr().out
    assert "\ncure: edge-edet convert --int8 d0 --weights bundled --for frigate-cpu\n" in text
    assert "https://github.com/blakeblackshear/frigate/issues/3437" in text
    assert main(["check", path, "--for", "frigate-cpu", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["file"], document["verdict"]) == (path, "refused")
    refused = [one for one in document["findings"] if one["result"] == "refused"]
    assert all(one["evidence"] and one["cure"] for one in refused)


def test_a_cure_is_a_command_that_changes_something(
    target_models: dict[str, Path], tmp_path: Path
) -> None:
    """What `convert --for` makes is cured by the compiler alone, and its path is quoted."""
    path = tmp_path / "my model.tflite"
    path.write_bytes(target_models["int8-nms.tflite"].read_bytes())
    verdict = check_model(read_model(path), find_target("frigate-edgetpu"))
    assert verdict.verdict == "runs partly"
    assert verdict.cures == (f"edgetpu_compiler '{path}'",)
    found = {one.rule.need: one for one in verdict.findings}["integer-before"]
    assert found.result == "kept"
    assert found.found.endswith(" operators before TOPK_V2 are integer")
    floats = check_model(read_model(target_models["fp32.tflite"]), find_target("frigate-edgetpu"))
    found = {one.rule.need: one for one in floats.findings}["integer-before"]
    assert (found.result, found.cure) == (
        "partly",
        "edge-edet convert --int8 d0 --weights bundled --for frigate-edgetpu",
    )


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        (
            {"weights": "random", "num_classes": 5, "image_size": 128},
            "--int8 d0 --weights random --num-classes 5 --image-size 128",
        ),
        (
            {"weights": "random", "num_classes": 5, "image_size": "256x128"},
            "--int8 d0 --weights random --num-classes 5 --image-size 256x128",
        ),
        ({"weights": "my best.safetensors"}, "--int8 d0 --weights 'my best.safetensors'"),
    ],
)
def test_a_cure_is_about_the_same_weights_and_size(
    given: dict[str, Any], cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = ROOT / "edge_edet" / "assets" / "d0-bccd.safetensors"
    (tmp_path / "my best.safetensors").write_bytes(bundled.read_bytes())
    (path,) = edge_edet.convert("d0", "fp32", formats="tflite", output=tmp_path, **given).paths
    verdict = check_model(read_model(path), find_target("frigate-cpu"))
    assert verdict.cures == (f"edge-edet convert {cure} --for frigate-cpu",)
    if given["weights"] == "random":  # the command is right as it stands: it makes what is taken
        assert main([*shlex.split(verdict.cures[0])[1:], "-o", str(tmp_path / "cured")]) == 0
        (cured,) = (tmp_path / "cured").glob("*.tflite")
        assert check_model(read_model(cured), find_target("frigate-cpu")).verdict == "runs"


def reordered(path: Path, order: list[int], to: Path) -> Path:
    """The same `.tflite` with its outputs in another order, and without our manifest."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    graph = model.subgraphs[0]
    graph.outputs = [graph.outputs[i] for i in order]
    model.metadata, model.signatureDefs = None, None
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    to.write_bytes(bytes(builder.Output()))
    return to


def test_a_foreign_file_of_no_known_kind_is_checked_too(
    target_models: dict[str, Path], tmp_path: Path
) -> None:
    path = reordered(target_models["int8.tflite"], [0, 1], tmp_path / "foreign.tflite")
    verdict: Any = check_model(read_model(path), find_target("frigate-cpu"))
    assert verdict.verdict == "refused"
    assert "'box_codes' (unknown)" in verdict.line
