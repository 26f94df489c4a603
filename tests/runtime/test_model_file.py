"""Model files and manifests: what is read, and what is refused in one line before the runtime."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

import edge_edet
from edge_edet import Manifest, ModelFileError
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.formats.tflite.metadata import read_metadata
from edge_edet.formats.tflite.schema import OPERATORS, TENSOR_TYPES
from edge_edet.manifest import MAX_JSON_BYTES, read_manifest


def test_names_are_those_of_the_schema() -> None:
    builtin = vars(schema.BuiltinOperator)
    known = {value: name for name, value in builtin.items() if isinstance(value, int)}
    assert {i: name for i, name in enumerate(OPERATORS) if i in known} == {
        i: name for i, name in known.items() if i < len(OPERATORS)
    }
    types = vars(schema.TensorType)
    assert all(types[name.upper()] == i for i, name in enumerate(TENSOR_TYPES))


def test_summary_of_a_model(tiny_int8: Path) -> None:
    model = read_tflite(tiny_int8)
    assert [op.name for op in model.operators] == [
        "CAST",
        "SUM",
        "MUL",
        "ADD",
        "QUANTIZE",
        "ADD",
        "QUANTIZE",
    ]
    assert [t.name for t in model.output_tensors] == ["class_logits", "box_codes"]
    logits = model.output_tensors[0]
    assert (logits.shape, logits.dtype) == ((1, 774, 3), "int8")
    assert (logits.scales, logits.zero_points) == ((0.0625,), (4,))
    assert model.tensors[model.operators[1].inputs[1]].constant_bytes == 16
    assert len(model.non_integer_operators) == 7  # each computes on floats
    assert model.signatures == ("serving_default",)
    assert model.custom_operators == ()
    assert model.size_bytes == tiny_int8.stat().st_size


def test_public_model_is_integer_up_to_its_suppression(shared: Path) -> None:
    model = read_tflite(shared / "weights" / "ssd_mobilenet_v1_coco_uint8.tflite")
    assert [op.name for op in model.non_integer_operators] == ["TFLite_Detection_PostProcess"]
    assert model.custom_operators == ("TFLite_Detection_PostProcess",)
    metadata = read_metadata(model)
    assert metadata is not None
    assert metadata.mean == metadata.std == (127.5,)
    assert metadata.output_names == ("location", "category", "score", "number of detections")
    assert metadata.label_files == ("labelmap.txt",)
    assert metadata.labels is not None
    assert metadata.labels[:2] == ("person", "bicycle")


def test_manifest_comes_back_as_it_was_written(
    tiny_float: Path, make_manifest: Callable[..., Manifest]
) -> None:
    given = make_manifest()
    assert read_manifest(tiny_float) == given
    assert given.to_json() == make_manifest().to_json()


def test_unknown_keys_are_kept(make_manifest: Callable[..., Manifest]) -> None:
    document = make_manifest().to_dict() | {"note": "hello"}
    manifest = Manifest.from_dict(document)
    assert manifest.extra == {"note": "hello"}
    assert manifest.to_dict()["note"] == "hello"


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with one key changed, removed for ...; `variant.name` goes a level down."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    *parents, key = path.split(".")
    target = copy
    for parent in parents:
        target = target[parent]
    if value is ...:
        del target[key]
    else:
        target[key] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format_version", 2, "format_version 2 is unknown, this edge-edet reads 1"),
        ("format_version", "1", "'format_version' must be an integer"),
        ("format_version", True, "'format_version' must be an integer"),
        ("generator", ..., "the key 'generator' is missing"),
        ("precision", "int4", "'precision' must be one of fp32, fp16, int8-dynamic, int8"),
        ("variant", [], "'variant' must be an object, but is []"),
        ("variant.image_size", 64.5, "'image_size' must be an integer from 1 to 8192"),
        ("variant.image_size", 10**9, "'image_size' must be an integer from 1 to 8192"),
        ("variant.fusion", "mean", "'fusion' must be one of fast, softmax, sum, but is 'mean'"),
        ("variant.aspect_ratios", [[1]], "expected a list of 2 numbers, but found [1]"),
        ("variant.std", [0, 1, 1], "'std' must be positive"),
        ("variant.pad_rgb", [0, 0, 256], "'pad_rgb' must be three integers from 0 to 255"),
        ("variant.num_classes", 4, "'labels' must have num_classes = 4 entries, but is 3"),
        ("variant.min_level", 8, "'min_level' must be at most max_level 7"),
        ("input.dtype", "int16", "'dtype' must be one of uint8, int8, float32"),
        ("input.shape", [1, 32, 32, 3], "'shape' must be [1, 64, 64, 3]"),
        ("nms", None, "'nms' must be one of none, in-graph, but is None"),
        ("nms", "in-graph", "the key 'scores' is missing"),
        ("outputs.boxes", "", "'boxes' must be a string that is not empty"),
        ("outputs.boxes", "class_logits", "'outputs' must name one tensor each"),
        ("labels", ["a", 1, None], "'labels' must hold strings and nulls, but is 1"),
        ("provenance", None, "'provenance' must be an object"),
    ],
)
def test_wrong_manifests_are_refused(
    path: str, value: object, message: str, make_manifest: Callable[..., Manifest]
) -> None:
    with pytest.raises(ModelFileError) as error:
        Manifest.from_dict(changed(make_manifest().to_dict(), path, value))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not UTF-8 JSON"),
        (b"{", "is not UTF-8 JSON"),
        (b"\xff\xfe", "is not UTF-8 JSON"),
        (b"[]", "must be a JSON object, but is []"),
        (b'{"format_version": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "is not UTF-8 JSON"),
        (b" " * (MAX_JSON_BYTES + 1), f"at most {MAX_JSON_BYTES} are read"),
    ],
)
def test_manifest_bytes_are_checked(data: bytes, message: str) -> None:
    with pytest.raises(ModelFileError) as error:
        Manifest.from_json(data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_name": "picture"}, "its only input is 'picture', the file has ['image']"),
        ({"outputs": {"boxes": "a", "classes": "class_logits"}}, "boxes are in tensor 'a'"),
        ({"outputs": {"boxes": "class_logits", "classes": "box_codes"}}, "float32 [1, 774, 4]"),
        ({"variant.image_size": 128}, "is uint8 [1, 128, 128, 3], in the file it is"),
        ({"variant.anchor_scale": 3.0}, None),  # the tensors cannot tell
    ],
)
def test_a_manifest_that_contradicts_the_tensors_is_refused(
    changes: dict[str, Any],
    message: str | None,
    build_tiny: Callable[..., Path],
    make_manifest: Callable[..., Manifest],
    tmp_path: Path,
) -> None:
    base = make_manifest()
    fields = {k: v for k, v in changes.items() if "." not in k}
    inner = {k.partition(".")[2]: v for k, v in changes.items() if "." in k}
    given = make_manifest(base.variant.replace(**inner), **fields)
    path = build_tiny(tmp_path / "m.tflite", given=given)
    if message is None:
        edge_edet.load(path)
        return
    with pytest.raises(ModelFileError) as error:
        edge_edet.load(path)
    assert message in str(error.value)


def test_int8_outputs_of_a_float_manifest_are_refused(
    build_tiny: Callable[..., Path], make_manifest: Callable[..., Manifest], tmp_path: Path
) -> None:
    path = build_tiny(tmp_path / "m.tflite", int8=True, given=make_manifest(precision="fp32"))
    with pytest.raises(ModelFileError, match=r"is float32 \[1, 774, 4\], in the file it is int8"):
        edge_edet.load(path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.tflite", b"", "is empty"),
        ("text.tflite", b"hello, this is no model\n", "is not a .tflite model"),
        ("zip.tflite", b"PK\x03\x04" + b"\0" * 30, "found a zip archive"),
        ("random.tflite", random.Random(0).randbytes(5000), "is not a .tflite model"),
        (
            "mine.safetensors",
            b"\x10\0\0\0\0\0\0\0{}",
            "is a checkpoint by its name: make a model file",
        ),
        ("header.tflite", b"\x1c\0\0\0TFL3", "is damaged"),
        ("null.tflite", b"\0\0\0\0TFL3" + b"\0" * 100, "is damaged"),
        ("far.tflite", b"\xff\xff\xff\x7fTFL3" + b"\0" * 100, "is damaged"),
        ("loop.tflite", b"\x04\0\0\0TFL3" + b"\xff" * 100, "is damaged"),
    ],
)
def test_files_that_are_no_model(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelFileError) as error:
        edge_edet.load(tmp_path / name)
    assert message in str(error.value)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no model file"):
        edge_edet.load(tmp_path / "nope.tflite")
    with pytest.raises(ModelFileError, match="is a folder"):
        edge_edet.load(tmp_path)
    with pytest.raises(ModelFileError):
        edge_edet.load("a\0b.tflite")


def test_every_truncation_is_refused(tiny_int8: Path, tmp_path: Path) -> None:
    data = tiny_int8.read_bytes()
    path = tmp_path / "cut.tflite"
    for length in range(0, len(data) - 1, len(data) // 97):
        path.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            read_tflite(path)


FUZZ = """
import random, sys
from pathlib import Path
import numpy as np
import edge_edet
source, target = Path(sys.argv[1]), Path(sys.argv[2])
data = source.read_bytes()
picture = np.zeros((64, 64, 3), np.uint8)
refused = 0
for seed in range(int(sys.argv[3]), int(sys.argv[4])):
    rng = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 2, 5, 20])):
        # Structure lies at both ends, the constants between them.
        at = rng.randrange(1200) if rng.random() < 0.5 else len(data) - 1 - rng.randrange(5000)
        damaged[at % len(data)] = rng.choice([0, 255, 127, 128, rng.randrange(256)])
    target.write_bytes(damaged)
    try:
        edge_edet.load(target, threads=1).detect(picture)
    except edge_edet.EdgeEdetError as error:
        refused += 1
        assert "\\n" not in str(error), error
print(refused)
"""


@pytest.mark.parametrize("fixture", ["tiny_int8", "suppressed"])
def test_flipped_bytes_never_crash_the_runtime(
    fixture: str,
    request: pytest.FixtureRequest,
    build_suppressed: Callable[..., Path],
    tmp_path: Path,
) -> None:
    if fixture == "suppressed":
        source = build_suppressed(tmp_path / "source.tflite")
    else:
        source = request.getfixturevalue(fixture)
    command = [sys.executable, "-c", FUZZ, str(source), str(tmp_path / "m.tflite"), "0", "150"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert int(done.stdout) > 20


def test_import_needs_numpy_and_pillow_only() -> None:
    code = """
import sys
allowed = set(sys.stdlib_module_names) | {"numpy", "PIL", "edge_edet"}
before = set(sys.modules)
import edge_edet
edge_edet.load, edge_edet.Detections, edge_edet.Manifest
import edge_edet.commands.detect
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(name for name in new - allowed if not name.startswith("_")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_exist() -> None:
    for name in edge_edet.__all__:
        assert getattr(edge_edet, name) is not None
    assert set(edge_edet.__all__) == set(dir(edge_edet))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        edge_edet.nothing  # noqa: B018 - the access is the test


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file(tiny_float: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(tiny_float.read_bytes())
    path.chmod(0)
    with pytest.raises(ModelFileError, match="Permission denied"):
        edge_edet.load(path)
