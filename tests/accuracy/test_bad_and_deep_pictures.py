"""Evaluation where listed pictures cannot be read, or hold more than 8 bits."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet.benchmarks.accuracy.evaluation import (
    DEFAULT_PROTOCOL,
    compare,
    evaluate,
    load_dataset,
)
from edge_edet.errors import ImageError, InputError

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def torn(write_coco: Callable[..., Path], tmp_path: Path) -> Path:
    """Two pictures, of which the second, with two of three boxes, is cut off."""
    file = write_coco(tmp_path)
    (tmp_path / "8.png").write_bytes((tmp_path / "8.png").read_bytes()[:100])
    return file


@pytest.fixture
def deep(write_coco: Callable[..., Path], tmp_path: Path) -> Path:
    """The same two pictures as 12 bits in 16-bit grey."""
    file = write_coco(tmp_path)
    for name in ("3.png", "8.png"):
        with Image.open(tmp_path / name) as image:
            grey = np.asarray(image.convert("L")).astype(np.uint16) * 16
        Image.fromarray(grey).save(tmp_path / name)
    return file


def test_a_bad_picture_is_left_out_with_its_objects_and_it_is_said(
    torn: Path, foreign: Path, run_eval: Run
) -> None:
    command = (foreign, "--data", torn, "--bootstrap", 0, "--threads", 1, "--json")
    ran = run_eval(*command)
    assert ran.returncode == 0, ran.stderr
    [result] = json.loads(ran.stdout)["results"]
    assert (result["pictures"], result["objects"], result["left_out"]) == (1, 1, 1)
    assert len(result["detections"]) == 1
    [(text, count)] = [(t, n) for t, n in result["notes"].items() if "left out" in t]
    assert count == 1
    assert "and 2 labelled objects with them, so AP is of the others: " in text
    assert "8.png" in text
    again = run_eval(*command)  # what cannot be read is tried again, the rest is there
    [result] = json.loads(again.stdout)["results"]
    assert (result["resumed"], result["left_out"]) == (1, 1)
    strict = run_eval(*command, "--strict")
    assert strict.returncode == 2
    assert "8.png" in strict.stderr


def test_the_numbers_are_those_of_the_pictures_that_are_left(
    torn: Path, foreign: Path, tmp_path: Path
) -> None:
    result = evaluate(foreign, load_dataset(torn), threads=1, resamples=0)
    alone = load_dataset(torn).first(1)
    only = evaluate(foreign, alone, threads=1, resamples=0)
    assert result.numbers == only.numbers
    assert result.data_digest == alone.digest()
    whole = load_dataset(torn)
    assert result.data_digest != whole.digest()


def test_yolo_s_fractions_need_no_size_of_a_picture_that_cannot_be_read(
    draw: Callable[..., None], foreign: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "yolo"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    (folder / "classes.txt").write_text("person\ndog\n")
    for name in ("a", "b"):
        (folder / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n")
    draw(folder / "images" / "a.png", 1)
    (folder / "images" / "b.png").write_bytes(b"")
    (folder / "images" / "._a.png").write_bytes(b"\0\5\x16\7 Mac OS X")
    result = evaluate(foreign, load_dataset(folder), threads=1, resamples=0)
    assert (result.pictures, result.objects, result.left_out) == (1, 2, 1)
    [(text, count)] = [(t, n) for t, n in result.notes.items() if "left out" in t]
    assert count == 1
    assert "and 2 labelled objects with them, so AP is of the others" in text
    assert not any("more than once" in text or "too small" in text for text in result.notes)
    with pytest.raises(ImageError, match=r"b\.png"):
        evaluate(foreign, load_dataset(folder), threads=1, resamples=0, strict=True)


def test_no_picture_that_can_be_read_is_an_error(torn: Path, foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "3.png").write_bytes(b"")
    with pytest.raises(
        ImageError, match=r"none of the 2 pictures can be read; the first: .*3\.png"
    ):
        evaluate(foreign, load_dataset(torn), threads=1, resamples=0)


def test_runs_without_the_same_pictures_are_not_compared(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    file = write_coco(tmp_path)
    whole = evaluate(foreign, load_dataset(file), threads=1, resamples=0)
    (tmp_path / "8.png").write_bytes(b"")
    part = evaluate(foreign, load_dataset(file), threads=1, resamples=0)
    with pytest.raises(InputError, match="they differ in data_digest"):
        compare(whole, part)


def test_12_bits_are_said_and_a_range_is_of_the_protocol(
    deep: Path, foreign: Path, run_eval: Run, tmp_path: Path
) -> None:
    state = tmp_path / "s.jsonl"
    command = (foreign, "--data", deep, "--bootstrap", 0, "--threads", 1, "--state", state)
    first, again = (run_eval(*command, "--json") for _ in range(2))
    for ran, resumed in ((first, 0), (again, 2)):  # a resumed run says it too
        [result] = json.loads(ran.stdout)["results"]
        assert result["resumed"] == resumed
        assert "picture_range" not in result["protocol"]
        [(text, count)] = [(t, n) for t, n in result["notes"].items() if "16-bit" in t]
        assert count == 2
        assert text.startswith("pictures with 16-bit values that stay below 2^12")
        assert "give --range auto or --range=0,4095" in text
    for given in ("auto", "0,4080"):
        ran = run_eval(*command, "--range", given, "--json")
        [result] = json.loads(ran.stdout)["results"]
        assert result["resumed"] == 0, "rows of another range are not taken"
        assert result["protocol"]["picture_range"] == given
        assert not any("16-bit" in text for text in result["notes"])
    shown = run_eval(*command, "--range", "auto")
    assert "range of grey values of more than 8 bits: auto" in shown.stdout


def test_a_range_gives_the_detections_of_8_bits(deep: Path, foreign: Path, tmp_path: Path) -> None:
    protocol: Any = DEFAULT_PROTOCOL.replace(picture_range="0,4080")
    ranged = evaluate(foreign, load_dataset(deep), protocol, threads=1, resamples=0)
    with edge_edet.load(foreign, threads=1, picture_range=(0, 4080)) as detector:
        assert evaluate(detector, load_dataset(deep), resamples=0).protocol == ranged.protocol
        with pytest.raises(InputError, match="the protocol's picture_range is 'auto'"):
            evaluate(detector, load_dataset(deep), protocol.replace(picture_range="auto"))
        boxes = detector.detect(tmp_path / "3.png").boxes
    for name in ("3.png", "8.png"):
        with Image.open(tmp_path / name) as image:
            grey = (np.asarray(image) // 16).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / name)
    with edge_edet.load(foreign, threads=1) as detector:
        np.testing.assert_array_equal(detector.detect(tmp_path / "3.png").boxes, boxes)
    plain = evaluate(foreign, load_dataset(deep), threads=1, resamples=0)
    assert plain.numbers == ranged.numbers
    assert plain.detections == ranged.detections


def test_a_loaded_detector_warns_of_what_is_nearly_black(deep: Path, foreign: Path) -> None:
    told = pytest.warns(edge_edet.PictureWarning, match="picture_range='auto'")
    with edge_edet.load(foreign, threads=1) as detector, told:
        detector.detect(deep.with_name("3.png"))
    with pytest.raises(InputError, match=r"picture_range \(9, 1\): expected"):
        edge_edet.load(foreign, picture_range=(9, 1))
