"""The model's own answers: from Python and as a file that numpy alone reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import InputError, RawOutputs
from edge_edet.cli import main
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.raw_outputs import Grid, is_raw_file
from edge_edet.formats.model_file import sha256_of


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture(params=["tflite int8", "tflite float", "ir", "onnx"])
def any_model(
    request: pytest.FixtureRequest,
    tiny_int8: Path,
    tiny_float: Path,
    build_ir: Callable[..., Path],
    build_onnx: Callable[..., Path],
    tmp_path: Path,
) -> Path:
    if request.param == "tflite int8":
        return tiny_int8
    if request.param == "tflite float":
        return tiny_float
    return (
        build_ir(tmp_path / "m.xml") if request.param == "ir" else build_onnx(tmp_path / "m.onnx")
    )


def load_npz(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.load(path, allow_pickle=False) as stored:
        return json.loads(str(stored["meta"])), {name: stored[name] for name in stored.files}


def test_a_file_holds_what_it_takes_to_make_the_detections(
    any_model: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new folder" / "out.npz"
    assert main(["detect", str(picture), "-m", str(any_model), "--raw", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["detections"]
    meta, arrays = load_npz(out)
    with edge_edet.load(any_model) as detector:
        assert shown == detector.detect(picture).to_dicts()
        raw = detector.raw(picture)
        info, variant = detector.info, detector.manifest.variant
    assert (meta["raw_version"], meta["picture"]) == (1, str(picture))
    assert meta["placement"] == {
        "width": 96,
        "height": 48,
        "scale_x": pytest.approx(64 / 96),
        "scale_y": pytest.approx(64 / 96),
    }
    assert meta["model"]["sha256"] == sha256_of(any_model)
    assert meta["runtime"]["name"] == info.runtime
    assert meta["input"]["mean"] == list(variant.mean)
    assert meta["input"]["normalized"] is False
    np.testing.assert_array_equal(arrays["input"], raw.input)
    np.testing.assert_array_equal(arrays["anchors"], anchors(variant))
    assert {output["role"] for output in meta["outputs"].values()} == {"boxes", "classes"}
    assert meta["outputs"].keys() == raw.outputs.keys()
    for name, output in meta["outputs"].items():
        values = arrays[output["key"]]
        np.testing.assert_array_equal(values, raw.outputs[name])
        assert values.dtype == raw.outputs[name].dtype
        if output["scale"] is not None:
            values = output["scale"] * (values.astype(np.float64) - output["zero_point"])
        np.testing.assert_allclose(values, raw.real(name), rtol=1e-6)


def test_raw_outputs_give_the_detections(any_model: Path, picture: Path) -> None:
    with edge_edet.load(any_model) as detector:
        raw = detector.raw(picture)
        assert raw.placement is not None
        found = detector.select(raw.outputs, raw.placement)
        assert found.to_dicts() == detector.detect(picture).to_dicts()
        assert len(found)


def test_integers_come_with_their_grids(tiny_int8: Path, picture: Path) -> None:
    with edge_edet.load(tiny_int8) as detector:
        raw = detector.raw(picture)
    logits = raw.outputs[raw.roles["classes"]]
    grid = raw.grids[raw.roles["classes"]]
    assert logits.dtype == np.int8
    assert grid == Grid(0.0625, 4)
    real = raw.real(raw.roles["classes"])
    assert real.dtype == np.float32
    np.testing.assert_allclose(real, 0.0625 * (logits.astype(float) - 4))


def test_an_unknown_tensor_is_refused_by_name(tiny_int8: Path, picture: Path) -> None:
    with edge_edet.load(tiny_int8) as detector:
        raw = detector.raw(picture)
    with pytest.raises(InputError, match=r"no tensor 'logits' .*: image, "):
        raw.real("logits")


def test_a_tensor_prepared_elsewhere_is_taken_as_it_is(tiny_float: Path, tmp_path: Path) -> None:
    tensor = np.full((1, 64, 64, 3), 7, np.uint8)
    with edge_edet.load(tiny_float) as detector:
        raw = detector.raw_of(tensor)
        assert raw.placement is None
        for name, values in detector.infer(tensor).items():
            np.testing.assert_array_equal(raw.outputs[name], values)
    raw.save(tmp_path / "t.npz")
    meta, arrays = load_npz(tmp_path / "t.npz")
    assert meta["picture"] is meta["placement"] is None
    np.testing.assert_array_equal(arrays["input"], tensor)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 64, 64, 3), "float32"), ((64, 64, 3), "uint8"), ((1, 3, 64, 64), "uint8")],
)
def test_another_tensor_is_refused_alike_by_every_runtime(
    any_model: Path, shape: tuple[int, ...], dtype: str
) -> None:
    with (
        edge_edet.load(any_model) as detector,
        pytest.raises(InputError, match=r"input 'image' must be uint8 \[1, 64, 64, 3\], but is "),
    ):
        detector.raw_of(np.zeros(shape, dtype))


@pytest.mark.parametrize("given", [[1, 2, 3], "a.png", None])
def test_what_is_no_tensor_is_refused(given: Any, tiny_float: Path) -> None:
    with (
        edge_edet.load(tiny_float) as detector,
        pytest.raises(InputError, match=r"must be uint8 \[1, 64, 64, 3\], but is "),
    ):
        detector.raw_of(given)


def test_a_transposed_view_is_taken(any_model: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
    view = pixels.transpose(0, 2, 3, 1)
    with edge_edet.load(any_model) as detector:
        np.testing.assert_array_equal(detector.raw_of(view).input, np.ascontiguousarray(view))


def test_a_model_of_bytes_takes_no_normalized_picture(tiny_float: Path) -> None:
    with (
        edge_edet.load(tiny_float) as detector,
        pytest.raises(
            InputError,
            match=r"takes uint8, which holds no normalized picture",
        ),
    ):
        detector.denormalize(np.zeros((1, 64, 64, 3), np.float32))


def test_suppressed_outputs_have_no_anchors(
    build_suppressed: Callable[..., Path], picture: Path, tmp_path: Path
) -> None:
    model = build_suppressed(tmp_path / "m.tflite")
    assert main(["detect", str(picture), "-m", str(model), "--raw", str(tmp_path / "o.npz")]) == 0
    meta, arrays = load_npz(tmp_path / "o.npz")
    assert "anchors" not in arrays
    roles = {output["role"] for output in meta["outputs"].values()}
    assert roles == {"boxes", "classes", "scores", "count"}


def test_several_pictures_go_into_a_folder(
    tiny_int8: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("x", "y"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "p.png").write_bytes(picture.read_bytes())
    pictures = [str(tmp_path / "in" / folder) for folder in ("x", "y")]
    command = ["detect", *pictures, "-m", str(tiny_int8), "--raw"]
    assert main([*command, str(tmp_path / "out.npz")]) == 2
    assert "is one file, and there are 2 pictures: give a folder" in capsys.readouterr().err
    for _ in range(2):  # its own files are replaced
        assert main([*command, str(tmp_path / "raw")]) == 0
    files = sorted((tmp_path / "raw").iterdir())
    assert [path.name for path in files] == ["p-2.npz", "p.npz"]
    assert [load_npz(path)[0]["picture"] for path in files] == [
        str(tmp_path / "in" / folder / "p.png") for folder in ("y", "x")
    ]


def test_what_it_did_not_write_stays(
    tiny_int8: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "labels.npz"
    np.savez(own, meta=np.array("mine"))
    before = own.read_bytes()
    assert main(["detect", str(picture), "-m", str(tiny_int8), "--raw", str(own)]) == 2
    assert (
        "is there and is not raw outputs of edge-edet: give another --raw"
        in capsys.readouterr().err
    )
    assert own.read_bytes() == before
    with (
        edge_edet.load(tiny_int8) as detector,
        pytest.raises(InputError, match="is not raw outputs"),
    ):
        detector.raw(picture).save(own)
    assert main(["detect", str(picture), "-m", str(tiny_int8), "--raw", str(picture)]) == 2
    assert "it is a file" in capsys.readouterr().err


def test_the_same_inference_gives_the_same_bytes(
    tiny_int8: Path, picture: Path, tmp_path: Path
) -> None:
    with edge_edet.load(tiny_int8) as detector:
        for name in ("a.npz", "b.npz"):
            detector.raw(picture).save(tmp_path / name, picture=picture)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert is_raw_file(tmp_path / "a.npz")


def test_odd_tensor_names_become_entries(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "a:0", "A_0", "a/0"]
    raw = RawOutputs(
        input_name="in",
        input=np.zeros((1, 1, 1, 3), np.uint8),
        outputs={name: np.full(1, i, np.float32) for i, name in enumerate(names)},
        grids=dict.fromkeys(("in", *names)),
        roles={},
        anchors=None,
        placement=None,
        about={"input": {}},
    )
    raw.save(tmp_path / "o.npz")
    meta, arrays = load_npz(tmp_path / "o.npz")
    for number, name in enumerate(names):
        assert arrays[meta["outputs"][name]["key"]] == [number]
    assert not any("/" in key for key in arrays)
