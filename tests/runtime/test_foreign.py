"""Foreign detectors: what the file tells, what is assumed and said, what options give, what is
refused. Files of these kinds: tensorflow issues 42114, 42157, 47551, 54659, 57817; Model Maker;
google-coral/edgetpu issue 36."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import BackendError, InputError, ModelFileError
from edge_edet.cli import main
from edge_edet.converters.write.tflite.flatbuffer import Quantization

Build = Callable[..., Path]
PICTURE = np.zeros((64, 64, 3), np.uint8)
WIDE = np.zeros((64, 128, 3), np.uint8)
NAMES = ["location", "category", "score", "number of detections"]
FREE = (1, -1, -1, 3)
ONE_PIXEL = (1, 1, 1, 3)
FEW = 700  # anchors: of no EfficientDet
RUNTIMES = [
    name
    for name, package in (("ai-edge-litert", "ai_edge_litert"), ("tensorflow", "tensorflow"))
    if importlib.util.find_spec(package)
]


@pytest.fixture
def build(build_suppressed: Build, tmp_path: Path) -> Build:
    return lambda **options: build_suppressed(tmp_path / "m.tflite", **options)


# --- input size ---------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_input_stored_as_one_pixel_gets_a_size(runtime: str, build: Build) -> None:
    path = build(shape=ONE_PIXEL, signature=FREE, resized=(48, 80), anchor_count=FEW)
    with edge_edet.load(path, runtime=runtime) as detector:
        found = detector.detect(PICTURE)
        tensor, _ = detector.prepare(PICTURE)
    assert found.classes.tolist() == [2, 0]
    assert tensor.shape == (1, 48, 80, 3)
    assert detector.info.image_size == (48, 80)
    (note,) = detector.info.notes
    assert note.startswith("input of free size [1, -1, -1, 3] taken as 80 x 48: the graph resizes")


SIZES: dict[str, tuple[dict[str, Any], Any, tuple[int, int], str | None]] = {
    "graph resizes": (
        {"shape": ONE_PIXEL, "signature": FREE, "resized": (48, 80)}, None, (48, 80), "the graph",
    ),
    "float graph resizes": (
        {"shape": ONE_PIXEL, "signature": FREE, "resized": (48, 80), "dtype": "float32"},
        None, (48, 80), "the graph",
    ),
    "anchors": ({"shape": ONE_PIXEL, "signature": FREE}, None, (64, 64), "the 774 anchors of that"),
    "stored": (
        {"shape": (1, 48, 80, 3), "signature": FREE, "anchor_count": FEW}, None, (48, 80),
        "the file stores",
    ),
    "given": ({"shape": ONE_PIXEL, "signature": FREE, "anchor_count": FEW}, 96, (96, 96), None),
    "given as text": (
        {"shape": ONE_PIXEL, "signature": FREE, "anchor_count": FEW}, "96x32", (32, 96), None,
    ),
    "given beats stored": ({"shape": (1, 48, 80, 3), "signature": FREE}, (32, 64), (32, 64), None),
    "zero stored": ({"shape": (1, 0, 0, 3), "signature": FREE}, None, (64, 64), "anchors"),
    "free batch": ({"signature": (-1, 64, 64, 3)}, None, (64, 64), None),
    "stored batch of 4": (
        {"shape": (4, 64, 64, 3), "signature": (-1, 64, 64, 3)}, None, (64, 64), None,
    ),
    "all free": ({"shape": ONE_PIXEL, "signature": (-1, -1, -1, 3)}, None, (64, 64), "anchors"),
    "free height": (
        {"shape": (1, 1, 64, 3), "signature": (1, -1, 64, 3)}, None, (64, 64), "anchors",
    ),
    "free height, given": (
        {"shape": (1, 1, 64, 3), "signature": (1, -1, 64, 3)}, (32, 64), (32, 64), None,
    ),
    "fixed, given": ({}, 64, (64, 64), None),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_size_of_the_input(name: str, build: Build) -> None:
    options, given, size, reason = SIZES[name]
    if options.get("dtype"):
        norm: dict[str, Any] = {"mean": 127.5, "std": 127.5}
    else:
        norm = {}
    detector = edge_edet.load(build(**options), input_size=given, fit="stretch", **norm)
    assert detector.info.image_size == size
    assert detector.prepare(PICTURE)[0].shape == (1, *size, 3)
    assert detector.detect(PICTURE).classes.tolist() == [2, 0]
    notes = detector.info.notes
    assert (len(notes) == 1 and reason in notes[0]) if reason else notes == ()


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        (
            {"shape": ONE_PIXEL, "signature": FREE, "anchor_count": FEW},
            None,
            r"its input \[1, -1, -1, 3\] has a free height or width.*--input-size 320",
        ),
        (
            {"shape": (1, 1, 48, 3), "signature": (1, -1, 48, 3)},
            None,  # not square
            r"its input \[1, -1, 48, 3\] has a free height or width",
        ),
        ({}, 96, r"input size 96 x 96 is not for .* fixed to 64 x 64"),
        (
            {"shape": (1, 1, 64, 3), "signature": (1, -1, 64, 3)},
            "80x64",
            r"input size 80 x 64 is not for .* fixed to 64 x any",
        ),
        ({"shape": (1, 0, 64, 3)}, None, r"has no pixels"),
        ({"shape": (2, 64, 64, 3)}, None, r"must be \[1, h, w, 3\], but is \[2, 64, 64, 3\]"),
        ({"shape": (1, 64, 64, 1)}, None, r"must be \[1, h, w, 3\]"),
        ({}, 1, "input_size must be a side from 16 to 8192 pixels.*got 1"),
        ({}, "64x", "input_size must be .*got '64x'"),
        ({}, "64x64x3", "input_size must be"),
        ({}, (64.5, 64), "input_size must be"),
        ({}, True, "input_size must be"),
    ],
)
def test_sizes_that_are_refused(
    options: dict[str, Any], given: Any, message: str, build: Build
) -> None:
    with pytest.raises(InputError, match=message) as error:
        edge_edet.load(build(**options), input_size=given)
    assert "\n" not in str(error.value)


def test_a_free_size_is_not_for_the_gpu(build: Build) -> None:
    path = build(shape=ONE_PIXEL, signature=FREE)
    with pytest.raises(InputError, match="has a free size, and the GPU takes fixed ones"):
        edge_edet.load(path, delegate="gpu")


def test_inspect_shows_what_is_free(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    path = build(shape=ONE_PIXEL, signature=FREE)
    main(["inspect", str(path)])
    assert "1x?x?x3" in capsys.readouterr().out
    main(["inspect", str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["model"]["inputs"][0]["shape"] == [1, -1, -1, 3]


# --- fit ----------------------------------------------------------------------------------------


FITS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "SSD": ({"anchor_count": FEW}, "", "stretch", "nothing in the file says EfficientDet"),
    "EfficientDet's anchors": ({"background": False}, "", "letterbox", "774 anchors"),
    # The Object Detection API exports models for stretched pictures only.
    "with a background": ({}, "", "stretch", "scores with a background"),
    "Model Maker's name": (
        {"anchor_count": FEW},
        "efficientdet_lite0",
        "letterbox",
        "metadata says",
    ),
    "a spelled name": ({"anchor_count": FEW}, "EfficientDet Lite0 V1", "letterbox", "metadata"),
    "another name": ({"anchor_count": FEW}, "ObjectDetector", "stretch", "nothing"),
    "a tensor's name": (
        {"anchor_count": FEW, "background": False, "image_name": "EfficientDet-D0/image"},
        "",
        "letterbox",
        "a tensor is called",
    ),
    "a tensor's name and a background": (
        {"anchor_count": FEW, "image_name": "EfficientDet-D0/image"},
        "",
        "stretch",
        "nothing",
    ),
    "another size": (
        {"background": False, "shape": (1, 96, 96, 3)},
        "",
        "stretch",
        "nothing",
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_fit_by_what_the_file_says(
    name: str, build: Build, make_metadata: Callable[..., bytes]
) -> None:
    options, called, fit, reason = FITS[name]
    metadata = make_metadata(NAMES, [127.5], [127.5], name=called) if called else None
    info = edge_edet.load(build(metadata=metadata, **options)).info
    assert info.fit == fit
    assert reason in info.fit_reason
    said = [note for note in info.notes if "letterboxed" in note]
    assert bool(said) == (fit == "letterbox")


@pytest.mark.parametrize(
    ("fit", "factor"), [("letterbox", [2, 2, 2, 2]), ("stretch", [2, 1, 2, 1])]
)
def test_boxes_come_back_from_either_fit(fit: str, factor: list[int], build: Build) -> None:
    detector = edge_edet.load(build(), fit=fit)
    square, wide = detector.detect(PICTURE), detector.detect(WIDE)
    expected = np.minimum(square.boxes * factor, [128, 64, 128, 64])
    np.testing.assert_allclose(wide.boxes, expected, rtol=1e-5)
    assert (detector.info.fit, detector.info.fit_reason) == (fit, "as asked")
    assert detector.info.notes == ()


def test_letterbox_into_an_input_that_is_not_square(build: Build) -> None:
    path = build(shape=ONE_PIXEL, signature=FREE)
    detector = edge_edet.load(path, input_size="128x32", fit="letterbox", pad="1,2,3")
    tensor, placement = detector.prepare(np.full((64, 64, 3), 9, np.uint8))
    assert (placement.scale_x, placement.scale_y) == (0.5, 0.5)
    assert np.all(tensor[0, :, :32] == 9)
    assert np.all(tensor[0, :, 32:] == [1, 2, 3])
    staged = detector.select(detector.infer(tensor), placement)
    assert staged.to_dicts() == detector.detect(np.full((64, 64, 3), 9, np.uint8)).to_dicts()


@pytest.mark.parametrize(
    ("options", "mean", "given", "expected"),
    [
        ({}, None, None, (124, 116, 104)),  # ImageNet's mean, where nothing tells
        ({"quantization": Quantization((1 / 128,), (127,))}, None, None, (127, 127, 127)),
        ({"quantization": Quantization((1.0,), (0,))}, None, None, (124, 116, 104)),
        ({}, [127.5], None, (128, 128, 128)),
        ({}, [0.0], None, (0, 0, 0)),
        ({"dtype": "float32"}, [123.675, 116.28, 103.53], None, (124, 116, 104)),
        ({}, [127.5], 7, (7, 7, 7)),
        ({}, None, "1,2,3", (1, 2, 3)),
        ({}, None, [1, 2, 3], (1, 2, 3)),
    ],
)
def test_padding_is_the_zero_of_normalized_pictures(
    options: dict[str, Any],
    mean: list[float] | None,
    given: Any,
    expected: tuple[int, int, int],
    build: Build,
    make_metadata: Callable[..., bytes],
) -> None:
    metadata = make_metadata(NAMES, mean, [1.0] * len(mean)) if mean else None
    path = build(metadata=metadata, background=False, **options)
    detector = edge_edet.load(path, pad=given)
    assert detector.info.pad_rgb == expected
    if not options.get("dtype"):
        assert detector.prepare(WIDE)[0][0, -1, -1].tolist() == list(expected)
        assert detector.detect(WIDE).classes.tolist() == [2, 0]


def test_unknown_fits_and_pads_are_refused(build: Build) -> None:
    path = build()
    with pytest.raises(InputError, match="fit must be one of letterbox, stretch, but got 'crop'"):
        edge_edet.load(path, fit="crop")
    with pytest.raises(InputError, match=r"pad .* is for letterboxed pictures.*--fit letterbox"):
        edge_edet.load(path, pad=7)
    for pad in (256, -1, "1,2", "red", (1, 2, 3, 4), 1.5):
        with pytest.raises(InputError, match="pad must be one value from 0 to 255 or three"):
            edge_edet.load(path, pad=pad)


# --- normalization ------------------------------------------------------------------------------


def test_a_float_input_without_metadata_takes_mean_and_std(build: Build) -> None:
    path = build(dtype="float32")
    white = np.full((64, 64, 3), 255, np.uint8)
    detector = edge_edet.load(path, mean=127.5, std="63.75")
    assert np.all(detector.prepare(white)[0] == 2.0)
    assert (detector.info.mean, detector.info.std) == ((127.5,) * 3, (63.75,) * 3)
    assert detector.detect(white).classes.tolist() == [2, 0]
    imagenet = edge_edet.load(path, mean="0.485,0.456,0.406", std="0.229,0.224,0.225")
    expected = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(imagenet.prepare(white)[0][0, 0, 0], expected, rtol=1e-5)


def test_an_int8_input_without_metadata_is_quantized_by_its_tensor(build: Build) -> None:
    detector = edge_edet.load(build(dtype="int8"), mean=127.5, std=127.5)
    tensor, _ = detector.prepare(np.full((64, 64, 3), 255, np.uint8))
    assert tensor.dtype == np.int8
    assert np.all(tensor == 64 - 3)  # 1.0 at scale 1/64 and zero point -3


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_without_either_the_line_names_the_options(dtype: str, build: Build) -> None:
    path = build(dtype=dtype)
    with pytest.raises(ModelFileError, match="no metadata says how pictures are norm") as error:
        edge_edet.load(path)
    text = str(error.value)
    assert f"its input is {dtype}" in text
    assert "--mean 127.5 --std 127.5" in text
    assert "--mean 123.675,116.28,103.53 --std 58.395,57.12,57.375" in text
    assert "\n" not in text


def test_mean_and_std_are_not_for_uint8(build: Build) -> None:
    with pytest.raises(InputError, match="its input is uint8, the picture's own bytes"):
        edge_edet.load(build(), mean=127.5, std=127.5)


def test_options_may_repeat_the_metadata_and_not_contradict_it(
    build: Build, make_metadata: Callable[..., bytes]
) -> None:
    path = build(dtype="float32", metadata=make_metadata(NAMES, [127.5], [127.5]))
    assert edge_edet.load(path, mean=0.5, std=0.5).info.mean == (127.5,) * 3
    message = "mean 0 std 255 contradicts the metadata of .*, which says mean 127.5 std 127.5"
    with pytest.raises(InputError, match=message):
        edge_edet.load(path, mean=0, std=255)


# --- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "cat\n???\ndog\n",
        "0 cat\n2 dog\n",
        "???\ncat\n???\ndog\n",
        "1 cat\n3 dog\n",
        "item { id: 1 name: 'cat' }\nitem { id: 3 display_name: 'dog' name: '/m/1' }",
    ],
)
def test_labels_from_a_file(text: str, build: Build, tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text(text)
    detector = edge_edet.load(build(), labels=tmp_path / "labelmap.txt")
    assert detector.labels == ("cat", None, "dog")
    assert detector.detect(PICTURE).labels == ("dog", "cat")


def test_labels_as_names(build: Build) -> None:
    assert edge_edet.load(build(), labels=["a", None, "c"]).labels == ("a", None, "c")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b"], "labels: 2 names, but the model has 3 classes"),
        (["a", "b", 3], "labels must be a file or names by class, but got 3"),
        (7, "labels must be a file or names by class, but got 7"),
        ([], "labels must be"),
        ("nowhere.txt", "cannot read labels from 'nowhere.txt': No such file"),
    ],
)
def test_labels_that_are_refused(labels: Any, message: str, build: Build) -> None:
    with pytest.raises(InputError, match=message):
        edge_edet.load(build(), labels=labels)


def test_labels_given_replace_those_in_the_file(
    build: Build, make_metadata: Callable[..., bytes], tmp_path: Path
) -> None:
    path = build(metadata=make_metadata(NAMES, [0.0], [1.0], "labels.txt"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "???\nx\ny\nz\n")  # with the background in front
    assert edge_edet.load(path).labels == ("x", "y", "z")
    assert edge_edet.load(path, labels=["a", "b", "c"]).labels == ("a", "b", "c")


def test_labels_in_the_file_for_another_number_of_classes_are_said(
    build: Build, make_metadata: Callable[..., bytes]
) -> None:
    path = build(metadata=make_metadata(NAMES, [0.0], [1.0], "labels.txt"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "x\ny\n")
    detector = edge_edet.load(path)
    assert detector.labels == ("x", "y")
    assert detector.info.notes == ("labels: 2 names in the file for 3 classes",)


def test_a_model_of_ours_takes_labels_and_nothing_else(tiny_float: Path) -> None:
    assert edge_edet.load(tiny_float, labels=["a", "b", "c"]).detect(PICTURE).labels == ("c", "a")
    with pytest.raises(InputError, match="2 names, but the model has 3 classes"):
        edge_edet.load(tiny_float, labels=["a", "b"])
    for options in ({"fit": "stretch"}, {"mean": 1, "std": 1}, {"pad": 0}, {"input_size": 64}):
        with pytest.raises(InputError, match=r"for foreign detectors: .* is from 'edge-edet conv"):
            edge_edet.load(tiny_float, **options)  # type: ignore[arg-type]
    info = edge_edet.load(tiny_float).info
    assert (info.fit, info.pad_rgb, info.mean, info.notes) == ("letterbox", (0, 0, 0), (), ())


# --- outputs and operators ----------------------------------------------------------------------


def test_two_classes_for_each_box(build: Build) -> None:
    """The operator counts boxes and writes a row for each of a box's classes."""
    config = edge_edet.PostprocessConfig(score_threshold=0.0)
    one = edge_edet.load(build(score_threshold=0.5), config=config).detect(PICTURE)
    two = edge_edet.load(build(score_threshold=0.5, per_box=2), config=config).detect(PICTURE)
    assert len(two) == 2 * len(one)
    assert max(zip(two.classes.tolist(), two.scores.tolist(), strict=True))[0] == 2
    for cls, score in zip(one.classes, one.scores, strict=True):
        assert (cls, score) in set(zip(two.classes.tolist(), two.scores.tolist(), strict=True))


def test_the_other_mode_counts_rows(build: Build) -> None:
    path = build(score_threshold=0.5, per_box=2, regular=True)
    assert edge_edet.load(path).layout.classes_per_box == 1


def test_a_runtime_that_leaves_holes_between_classes_is_named(build: Build) -> None:
    """tensorflow issue 47551; ai-edge-litert 2.3 has no holes."""
    detector = edge_edet.load(build(per_box=2))
    tensor, placement = detector.prepare(PICTURE)
    outputs = detector.infer(tensor)
    boxes = outputs["detection_boxes"].copy()
    boxes[0, 1] += 0.25
    with pytest.raises(BackendError, match="does not write the 2 classes of a box side by side"):
        detector.select({**outputs, "detection_boxes": boxes}, placement)


def test_compiled_for_the_edge_tpu(build: Build) -> None:
    path = build(operator="edgetpu-custom-op")
    for delegate in (None, "none", "xnnpack"):
        with pytest.raises(InputError, match=r"compiled for the Edge TPU: run it with .*edgetpu"):
            edge_edet.load(path, delegate=delegate)
    with pytest.raises(BackendError, match=r"libedgetpu\.so\.1"):
        edge_edet.load(path, delegate="edgetpu")


def test_outputs_of_one_name_are_refused(build: Build) -> None:
    path = build(output_names=("a", "a", "b", "c"))
    with pytest.raises(ModelFileError, match="its outputs must have four names, but are boxes 'a'"):
        edge_edet.load(path)


# --- commands -----------------------------------------------------------------------------------


def test_detect_says_what_was_assumed(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = build(shape=ONE_PIXEL, signature=FREE, background=False)
    Image.fromarray(WIDE).save(tmp_path / "a.png")
    (tmp_path / "labels.txt").write_text("0 cat\n2 dog\n")
    command = ["detect", str(tmp_path / "a.png"), "-m", str(path), "--json"]
    assert main([*command, "--labels", str(tmp_path / "labels.txt")]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert [one["label"] for one in document["detections"]] == ["dog", "cat"]
    assert (document["fit"], document["input_size"]) == ("letterbox", [64, 64])
    notes = [line for line in captured.err.splitlines() if line.startswith("note: ")]
    assert [note.removeprefix("note: ") for note in notes] == document["notes"]
    assert [note.split()[0] for note in document["notes"]] == ["input", "labels:", "pictures"]
    options = ["--fit", "stretch", "--input-size", "96x32"]
    assert main([*command, *options]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["fit"], document["fit_reason"]) == ("stretch", "as asked")
    assert (document["input_size"], document["notes"]) == ([32, 96], [])


def test_detect_with_a_contradiction_is_one_line(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    command = ["detect", str(tmp_path / "a.png"), "-m", str(build(dtype="float32"))]
    assert main(command) == 2
    assert main([*command, "--mean", "127.5"]) == 2
    assert main([*command, "--mean", "-1", "--std", "1"]) == 2
    assert main([*command, "--mean", "127.5", "--std", "127.5", "--pad", "x"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "INFO" not in line]
    assert len(lines) == 4
    assert all(line.startswith("edge-edet: error: ") for line in lines)


def test_model_makers_order_is_recognised_and_told(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    path = build(order=(2, 0, 3, 1))
    assert main(["check", str(path), "--for", "frigate-cpu"]) == 1
    text = capsys.readouterr().out
    assert "refused: outputs by index: scores, boxes, count, classes (the order of Model" in text
    assert "\ncure: edge-edet convert --int8 CHECKPOINT --for frigate-cpu\n" in text
    note = "outputs are scores, boxes, count, classes by index, the order of Model Maker's files"
    with edge_edet.load(path) as detector:
        assert note in detector.info.notes
    with edge_edet.load(build()) as detector:
        assert note not in detector.info.notes
