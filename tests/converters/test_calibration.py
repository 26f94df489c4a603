"""Calibration: what is kept of pictures, and what its record fits."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.converters.calibrate import tensor_runs as network_pass
from edge_edet.converters.calibrate.calibration import (
    calibrate,
    calibrate_on_noise,
    collect,
    find_pictures,
)
from edge_edet.converters.calibrate.correct import make_corrections
from edge_edet.converters.pipeline import Request, run
from edge_edet.converters.quantize.calibration_record import (
    ARRAYS,
    CalibrationRecord,
    as_stored,
    check_fits,
    load_record,
    save_record,
)
from edge_edet.converters.quantize.correction_record import ARRAYS as CORRECTION_ARRAYS
from edge_edet.converters.quantize.correction_record import (
    corrections_path,
    load_corrections,
    save_corrections,
)
from edge_edet.converters.quantize.histograms import BINS
from edge_edet.converters.quantize.ranges import calibrated_tensors
from edge_edet.converters.weights.source import weights_digest
from edge_edet.errors import ImageError, InputError
from edge_edet.network.build import build_network
from edge_edet.network.graph import Graph
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)


@pytest.fixture(scope="module")
def graph(helpers: Any) -> Graph:
    return build_network(TINY, helpers.cheap_weights(TINY))


@pytest.fixture(scope="module")
def record(graph: Graph, smears: Path) -> CalibrationRecord:
    return calibrate(graph, "w" * 64, find_pictures(smears, None, 0), threads=1)


def test_record_covers_every_calibrated_tensor(record: CalibrationRecord, graph: Graph) -> None:
    assert list(record.statistics) == calibrated_tensors(graph)
    for name, stats in record.statistics.items():
        assert stats.pictures == record.pictures == 6
        assert stats.channel_low.size == graph.node(name).shape[-1]
        assert stats.low <= stats.high
        assert stats.counts.sum() > 0
    assert (record.variant, record.image_size) == ("d0", 64)


def test_record_survives_its_file(record: CalibrationRecord, helpers: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.calibration"
    save_record(record, path)
    assert helpers.same_record(load_record(path), record)


def test_same_record_same_bytes(record: CalibrationRecord, graph: Graph, tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        save_record(record, path)
    save_record(load_record(paths[0]), tmp_path / "again")
    assert paths[0].read_bytes() == paths[1].read_bytes() == (tmp_path / "again").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "one", "two"]


def test_counts_are_those_of_the_single_pictures_added(graph: Graph, smears: Path) -> None:
    pictures = find_pictures(smears, None, 0)
    load = _loader()
    whole = collect(graph, pictures, load, 1)
    parts = [collect(graph, [picture], load, 1) for picture in pictures]
    for name, stats in whole.items():
        np.testing.assert_array_equal(stats.counts, sum(part[name].counts for part in parts))
        assert stats.low == min(part[name].low for part in parts)
        lows = [part[name].channel_low for part in parts]
        np.testing.assert_allclose(stats.channel_low, np.mean(lows, axis=0), atol=1e-6)


def _loader() -> Callable[[Path], Any]:
    from edge_edet.detection.preprocess import letterbox
    from edge_edet.pictures.image import read_image

    return lambda path: letterbox(read_image(path), 64, (0, 0, 0))[0]


def test_passes_that_fit_into_memory_give_the_same(
    graph: Graph, smears: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = find_pictures(smears, 2, 0)
    whole = collect(graph, pictures, _loader(), 1)
    monkeypatch.setattr(network_pass, "MAX_PASS_BYTES", 300_000)
    shapes = {node.name: node.shape for node in graph.nodes}
    passes = network_pass.passes(calibrated_tensors(graph), shapes)
    sizes = [sum(4 * int(np.prod(shapes[name])) for name in names) for names in passes]
    assert len(passes) > 3
    assert all(
        size <= 300_000 or len(names) == 1 for size, names in zip(sizes, passes, strict=True)
    )
    assert [name for names in passes for name in names] == calibrated_tensors(graph)
    split = collect(graph, pictures, _loader(), 1)
    for name, stats in whole.items():
        np.testing.assert_array_equal(stats.counts, split[name].counts)
        np.testing.assert_array_equal(stats.channel_high, split[name].channel_high)
        assert (stats.low, stats.high) == (split[name].low, split[name].high)


def test_rounded_counts_stay_near_and_are_stable(helpers: Any) -> None:
    stats = helpers.statistics_of([[1.0]])
    stats.counts[: 1 << 12] = np.arange(1 << 12) ** 2
    stats.counts[7] = 2**40  # more than fits: the most there is
    once = as_stored({"x": stats})["x"].counts
    known = np.arange(8, 1 << 12)
    np.testing.assert_allclose(once[known], stats.counts[known], rtol=1 / 32)
    assert once[7] < 2**32
    np.testing.assert_array_equal(as_stored(as_stored({"x": stats}))["x"].counts, once)


def test_noise_is_decided_by_the_seed(graph: Graph, helpers: Any) -> None:
    one, again, other = (calibrate_on_noise(graph, "", 1, seed, 1) for seed in (1, 1, 2))
    assert helpers.same_record(one, again)
    assert not helpers.same_record(one, other)
    assert "noise" in one.digest


def test_digest_changes_with_the_pictures(graph: Graph, smears: Path, tmp_path: Path) -> None:
    first, second = find_pictures(smears, None, 0)[:2]
    pixels = np.asarray(Image.open(first)).copy()
    renamed, changed = tmp_path / "other.png", tmp_path / "x" / first.name
    changed.parent.mkdir()
    renamed.write_bytes(first.read_bytes())
    pixels[200:300, 200:300] = 0
    Image.fromarray(pixels).save(changed)
    digests = {
        what: calibrate(graph, "", pictures, 1).digest
        for what, pictures in {
            "one": [first],
            "same": [first],
            "another": [second],
            "two": [first, second],
            "renamed": [renamed],
            "changed": [changed],
        }.items()
    }
    assert digests.pop("same") == digests["one"]
    assert len(set(digests.values())) == 5


def test_pictures_are_drawn_by_seed(tmp_path: Path) -> None:
    for index in range(20):
        (tmp_path / f"{index:02}.PNG").touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "21.jpeg").touch()
    (tmp_path / "labels.txt").touch()
    everything = find_pictures(tmp_path, None, 0)
    assert len(everything) == 21
    assert find_pictures(tmp_path, 21, 5) == find_pictures(tmp_path, 500, 5) == everything
    one, again, other = (find_pictures(tmp_path, 5, seed) for seed in (1, 1, 2))
    assert one == again == sorted(one)
    assert len(set(one)) == 5
    assert one != other


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no pictures in folder .*: looked for \.jpg"):
        find_pictures(tmp_path, None, 0)
    with pytest.raises(
        InputError, match=r"'.*nowhere' is not there: expected a folder of pictures"
    ):
        find_pictures(tmp_path / "nowhere", None, 0)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is no folder of pictures and no calibration record"):
        find_pictures(tmp_path / "file", None, 0)


def test_damaged_picture_is_named(graph: Graph, smears: Path, tmp_path: Path) -> None:
    whole = (smears / "smear0.png").read_bytes()
    for name, data in (("cut.png", whole[: len(whole) // 2]), ("text.jpg", b"hello")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=name):
            calibrate(graph, "", [tmp_path / name], 1)


def test_digest_of_weights_survives_float16_and_nothing_else(helpers: Any) -> None:
    weights = helpers.cheap_weights(TINY)
    digest = weights_digest(weights)
    stored = {name: values.astype(np.float16) for name, values in weights.items()}
    assert weights_digest(stored) == digest
    assert weights_digest(dict(reversed(weights.items()))) == digest
    changed = dict(weights)
    changed["backbone.conv_stem.weight"] = weights["backbone.conv_stem.weight"] * np.float32(1.01)
    assert weights_digest(changed) != digest
    del changed["backbone.conv_stem.weight"]
    assert weights_digest(changed) != digest


MISFITS = {
    "another variant": ({"variant": "d1"}, "is for d1 at 64 pixels and the model is d0 at 64"),
    "another size": ({"image_size": 512}, "is for d0 at 512 pixels and the model is d0 at 64"),
    "other weights": ({"weights_sha256": "x" * 64}, "was taken from other weights of d0"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_record_of_something_else_is_refused(
    name: str, record: CalibrationRecord, graph: Graph
) -> None:
    changes, text = MISFITS[name]
    check_fits(record, graph, "w" * 64, "the record")
    with pytest.raises(InputError, match=f"the record {text}.*edge-edet calibrate d0"):
        check_fits(dataclasses.replace(record, **changes), graph, "w" * 64, "the record")


def test_record_with_other_tensors_is_refused(
    record: CalibrationRecord, graph: Graph, helpers: Any
) -> None:
    statistics = dict(record.statistics)
    del statistics["backbone/conv_stem"]
    with pytest.raises(InputError, match="has nothing about tensor backbone/conv_stem"):
        check_fits(dataclasses.replace(record, statistics=statistics), graph, "w" * 64, "it")
    statistics["backbone/conv_stem"] = helpers.statistics_of([[1.0, 2.0]])
    with pytest.raises(InputError, match="2 channels of tensor backbone/conv_stem, the network 32"):
        check_fits(dataclasses.replace(record, statistics=statistics), graph, "w" * 64, "it")


def test_failed_save_leaves_the_old_record(
    record: CalibrationRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.calibration"
    save_record(record, path)
    before = path.read_bytes()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space left"):
        save_record(record, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_folder_and_its_record_give_the_same_bytes(smears: Path, tmp_path: Path) -> None:
    """The record keeps rounded counts: the folder's way must round them alike."""
    from edge_edet.converters.weights.find import find_weights

    source = find_weights("d0", "bundled", 0, None, 128)
    graph = build_network(source.variant, source.weights)
    pictures = find_pictures(smears, 3, seed=7)
    path = tmp_path / "three.calibration"
    measured = calibrate(graph, source.digest, pictures, 2)
    save_record(measured, path)
    save_corrections(make_corrections(graph, measured, pictures, 2), corrections_path(path))
    written = []
    for number, given in enumerate((smears, path)):
        request = Request(
            variants=("d0",),
            precisions=("int8",),
            output=tmp_path / str(number),
            image_size=128,
            weights="bundled",
            calibration=given,
            calibration_images=3,
            seed=7,
            formats=("tflite",),
        )
        written += run(request).files
    one, two = (item.path.read_bytes() for item in written)
    assert len(one) > 4_000_000
    assert one == two


def test_bundled_record_has_the_documented_format() -> None:
    from edge_edet.converters.weights.source import asset

    path = asset("d0-bccd.calibration")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{name}.npy" for name in ("meta", *ARRAYS)]
        counts = np.load(io.BytesIO(archive.read("counts.npy")))
    assert counts.shape[1] == BINS
    assert load_record(path).pictures == 205
    with zipfile.ZipFile(asset("d0-bccd.corrections")) as archive:
        assert archive.namelist() == [f"{name}.npy" for name in ("meta", *CORRECTION_ARRAYS)]


# --- what is made of a record for one recipe -------------------------------------------------------


def test_corrections_survive_their_file_and_state_their_digest(
    record: CalibrationRecord, graph: Graph, smears: Path, helpers: Any, tmp_path: Path
) -> None:
    made = make_corrections(graph, record, find_pictures(smears, None, 0), 1)
    path = corrections_path(tmp_path / "a.calibration")
    assert path.name == "a.corrections"
    save_corrections(made, path)
    assert helpers.same_corrections(load_corrections(path), made)
    assert (made.calibration, made.recipe["name"]) == (record.digest, "reconstructed")
    name, one = next(iter(made.layers.items()))
    other = dataclasses.replace(one, shift=one.shift + np.float16(0.5))
    changed = dataclasses.replace(made, layers=made.layers | {name: other})
    assert changed.digest != made.digest


def test_corrections_of_another_record_are_refused(smears: Path, tmp_path: Path) -> None:
    from edge_edet.converters.weights.source import asset

    record = tmp_path / "mine.calibration"
    record.write_bytes(asset("d0-bccd.calibration").read_bytes())
    bundled = load_corrections(asset("d0-bccd.corrections"))
    wanted = Request(("d0",), ("int8",), tmp_path / "out", "bundled", record, formats=("tflite",))
    message = (
        "recipe 'reconstructed' needs the corrections that 'edge-edet calibrate' writes beside its "
        "record, and .*mine.corrections' is not there: put it there, give the pictures with "
        "--calibration DIR, or take --recipe equalized"
    )
    with pytest.raises(InputError, match=message):
        run(wanted)
    with pytest.raises(InputError, match="or take --recipe channelwise-exact"):
        run(dataclasses.replace(wanted, formats=("openvino",)))
    run(dataclasses.replace(wanted, recipe="equalized"))  # which needs none
    save_corrections(dataclasses.replace(bundled, calibration="x" * 64), corrections_path(record))
    with pytest.raises(InputError, match="was made of another calibration record than the one"):
        run(wanted)
