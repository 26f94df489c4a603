"""Calibration: what is kept of pictures, the file it is kept in, and what hostile files do."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.converters import network_pass
from edge_edet.converters.calibration import calibrate, calibrate_on_noise, collect, find_pictures
from edge_edet.converters.calibration_record import (
    ARRAYS,
    CalibrationRecord,
    as_stored,
    check_fits,
    load_record,
    save_record,
    weights_digest,
)
from edge_edet.converters.convert import Request, convert
from edge_edet.converters.graph import Graph
from edge_edet.converters.network import build_network
from edge_edet.converters.ranges import calibrated_tensors
from edge_edet.converters.recipes import RECONSTRUCTED
from edge_edet.converters.statistics import BINS
from edge_edet.errors import EdgeEdetError, ImageError, InputError
from edge_edet.variants import VARIANTS

TINY = VARIANTS["d0"].replace(image_size=64, num_classes=2)


@pytest.fixture(scope="module")
def graph(helpers: Any) -> Graph:
    return build_network(TINY, helpers.cheap_weights(TINY))


@pytest.fixture(scope="module")
def record(graph: Graph, smears: Path) -> CalibrationRecord:
    return calibrate(graph, "w" * 64, find_pictures(smears, None, 0), threads=1)


def same(one: CalibrationRecord, two: CalibrationRecord) -> bool:
    for name, a in one.statistics.items():
        b = two.statistics[name]
        if (a.low, a.high, a.pictures) != (b.low, b.high, b.pictures):
            return False
        arrays = (
            (a.counts, b.counts),
            (a.channel_low, b.channel_low),
            (a.channel_high, b.channel_high),
        )
        if not all(np.array_equal(x, y) for x, y in arrays):
            return False
    assert one.corrections is not None
    assert two.corrections is not None
    for name, c in one.corrections.items():
        d = two.corrections[name]
        pairs = ((c.gain, d.gain), (c.shift, d.shift), (c.steps, d.steps))
        if not all(np.array_equal(x, y) for x, y in pairs):
            return False
    if list(one.corrections) != list(two.corrections):
        return False
    rest = [dataclasses.replace(found, statistics={}, corrections={}) for found in (one, two)]
    return rest[0] == rest[1] and list(one.statistics) == list(two.statistics)


# --- what is kept --------------------------------------------------------------------------------


def test_record_covers_every_calibrated_tensor(record: CalibrationRecord, graph: Graph) -> None:
    assert list(record.statistics) == calibrated_tensors(graph)
    for name, stats in record.statistics.items():
        assert stats.pictures == record.pictures == 6
        assert stats.channel_low.size == graph.node(name).shape[-1]
        assert stats.low <= stats.high
        assert stats.counts.sum() > 0
    assert (record.variant, record.image_size) == ("d0", 64)


def test_record_survives_its_file(record: CalibrationRecord, tmp_path: Path) -> None:
    path = tmp_path / "a.calibration"
    save_record(record, path)
    assert same(load_record(path), record)


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
    from edge_edet.image import read_image
    from edge_edet.preprocess import letterbox

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


def test_noise_is_decided_by_the_seed(graph: Graph) -> None:
    one, again, other = (calibrate_on_noise(graph, "", 1, seed, 1) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)
    assert "noise" in one.digest


# --- which pictures ------------------------------------------------------------------------------


def test_digest_changes_with_the_pictures(graph: Graph, smears: Path, tmp_path: Path) -> None:
    first, second = find_pictures(smears, None, 0)[:2]
    pixels = np.asarray(Image.open(first)).copy()
    renamed, changed = tmp_path / "other.png", tmp_path / "x" / first.name
    changed.parent.mkdir()
    renamed.write_bytes(first.read_bytes())
    pixels[200:300, 200:300] = 0
    Image.fromarray(pixels).save(changed)
    digests = {
        what: calibrate(graph, "", pictures, 1, corrections=False).digest
        for what, pictures in {
            "one": [first], "same": [first], "another": [second], "two": [first, second],
            "renamed": [renamed], "changed": [changed],
        }.items()
    }  # fmt: skip
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
    with pytest.raises(InputError, match=r"no pictures in .*: expected files ending in \.bmp"):
        find_pictures(tmp_path, None, 0)
    with pytest.raises(InputError, match="is no folder of pictures and no calibration record"):
        find_pictures(tmp_path / "nowhere", None, 0)


def test_damaged_picture_is_named(graph: Graph, smears: Path, tmp_path: Path) -> None:
    whole = (smears / "smear0.png").read_bytes()
    for name, data in (("cut.png", whole[: len(whole) // 2]), ("text.jpg", b"hello")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=name):
            calibrate(graph, "", [tmp_path / name], 1)


# --- whose record --------------------------------------------------------------------------------


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


# --- hostile files -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contents(
    record: CalibrationRecord, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The entries of a sound record."""
    path = tmp_path_factory.mktemp("record") / "sound"
    save_record(record, path)
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def npy(array: Any, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def unpacked(contents: dict[str, bytes], name: str) -> Any:
    return np.load(io.BytesIO(contents[f"{name}.npy"])).copy()


def zipped(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def with_meta(contents: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    meta = json.loads(bytes(unpacked(contents, "meta"))) | changes
    return with_text(contents, json.dumps(meta).encode())


def with_text(contents: dict[str, bytes], text: bytes) -> dict[str, bytes]:
    return contents | {"meta.npy": npy(np.frombuffer(text, np.uint8))}


def with_array(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], Any]:
    return lambda contents: contents | {f"{name}.npy": npy(change(unpacked(contents, name)))}


def put(where: Any, value: float) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[where] = value
        return array

    return change


def header(shape: str, descr: str = "'<u4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


HOSTILE: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
    "an entry is missing": lambda c: {k: v for k, v in c.items() if k != "counts.npy"},
    "no entries": lambda c: {},
    "pickled objects": lambda c: c | {"counts.npy": npy(np.asarray([{}], object), pickled=True)},
    "pickle instead of numpy": lambda c: c | {"counts.npy": b"\x80\x04cos\nsystem\n(S'id'\ntR."},
    "not numpy": lambda c: c | {"counts.npy": b"hello"},
    "header only": lambda c: c | {"counts.npy": header("(390, 4096)")},
    "a shape of terabytes": lambda c: c | {"counts.npy": header("(1 << 40,)")},
    "a shape of exabytes": lambda c: c | {"counts.npy": header("(1000000000000000000,)")},
    "a negative shape": lambda c: c | {"counts.npy": header("(-1, 4096)") + bytes(64)},
    "a header with code": lambda c: c | {"counts.npy": header("__import__('os')")},
    "a header that nests": lambda c: c | {"counts.npy": header("(" * 3000)},
    "a header with unclosed text": lambda c: c | {"counts.npy": header("'''")},
    "structured items": lambda c: c | {"counts.npy": header("(1,)", "[('a', '<u4')]") + bytes(4)},
    "counts of floats": with_array("counts", lambda a: a.astype(np.float32)),
    "counts of another byte order": with_array("counts", lambda a: a.astype(">u4")),
    "counts in Fortran's order": with_array("counts", np.asfortranarray),
    "too few counts": with_array("counts", lambda a: a[:-1]),
    "too few bins": with_array("counts", lambda a: a[:, :-1]),
    "counts all zero": with_array("counts", lambda a: a * 0),
    "one tensor's counts zero": with_array("counts", put(3, 0)),
    "counts flat": with_array("counts", lambda a: a.reshape(-1)),
    "too few extremes": with_array("extremes", lambda a: a[:-1]),
    "extremes of one end": with_array("extremes", lambda a: a[:, :1]),
    "NaN extreme": with_array("extremes", put((0, 1), np.nan)),
    "infinite extreme": with_array("extremes", put((0, 0), -np.inf)),
    "extremes swapped": with_array("extremes", lambda a: a[:, ::-1].copy()),
    "NaN channel": with_array("channel_low", put(5, np.nan)),
    "channel ends swapped": with_array("channel_high", put(5, -60000)),
    "too few channels": with_array("channels", lambda a: a[:-1]),
    "a negative channel count": with_array("channels", put(0, -4)),
    "channels beyond the data": with_array("channels", put(0, 2**31 - 1)),
    "too few channel extremes": with_array("channel_low", lambda a: a[:-1]),
    "meta is no JSON": lambda c: with_text(c, b"{"),
    "meta is no text": lambda c: with_text(c, b"\xff\xfe\xff"),
    "meta is a list": lambda c: with_text(c, b"[1, 2]"),
    "meta nests": lambda c: with_text(c, b"[" * 200_000),
    "meta is empty": lambda c: with_text(c, b"{}"),
    "tensors are a number": lambda c: with_meta(c, tensors=5),
    "tensors are a text": lambda c: with_meta(c, tensors="x" * 390),
    "tensors are a list of one": lambda c: with_meta(c, tensors=["x"]),
    "tensors repeat": lambda c: with_meta(c, tensors=["x"] * 390),
    "pictures infinite": lambda c: with_meta(c, pictures=float("inf")),
    "pictures are a text": lambda c: with_meta(c, pictures="many"),
    "no pictures": lambda c: with_meta(c, pictures=0),
    "layers are a number": lambda c: with_meta(c, layers=5),
    "layers repeat": lambda c: with_meta(c, layers=["x"] * 214),
    "a layer is missing": lambda c: with_meta(c, layers=["x"]),
    "a layer without channels": with_array("outputs", put(0, 0)),
    "outputs beyond the data": with_array("outputs", put(0, 2**31 - 1)),
    "a negative number of weights": with_array("weights", put(0, -5)),
    "too few steps": with_array("steps", lambda a: a[:-1]),
    "too few shifts": with_array("shift", lambda a: a[:-1]),
    "a gain of zero": with_array("gain", put(7, 0)),
    "a gain of NaN": with_array("gain", put(7, np.nan)),
    "an infinite shift": with_array("shift", put(7, np.inf)),
    "size is NaN": lambda c: with_meta(c, image_size=float("nan")),
}


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_record(path)
    text = str(caught.value)
    assert repr(str(path)) in text
    assert len(text) < 1000
    return text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_record_is_refused(name: str, contents: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path / "hostile.calibration", HOSTILE[name](contents))
    assert "edge-edet calibrate" in refused(path)


def test_sound_entries_are_accepted_however_packed(
    contents: dict[str, bytes], record: CalibrationRecord, tmp_path: Path
) -> None:
    """So that the cases above are refused for what they are about."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        assert same(load_record(zipped(tmp_path / "sound", contents, method)), record)


def test_unknown_version_says_which(contents: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path / "x", with_meta(contents, format_version=1))
    assert "has format version 1, this edge-edet reads 2: calibrate again" in refused(path)


def test_corrections_for_another_recipe_are_refused(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    recipe = RECONSTRUCTED.to_dict() | {"equalize_step": 0.1}
    path = zipped(tmp_path / "x", with_meta(contents, recipe=recipe))
    assert "corrects layers for another recipe than this edge-edet has" in refused(path)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2], ids=str
)
@pytest.mark.parametrize("lie", [False, True], ids=["said", "hidden"])
def test_zip_bomb_costs_little_memory(
    method: int, lie: bool, contents: dict[str, bytes], tmp_path: Path
) -> None:
    entries = contents | {"counts.npy": contents["counts.npy"][:128] + bytes(100 << 20)}
    path = zipped(tmp_path / "bomb", entries, method)
    if lie:  # the directory says that it unpacks to 1,000 bytes
        size = len(entries["counts.npy"]).to_bytes(4, "little")
        data = path.read_bytes()
        assert data.count(size) == 2
        path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    del entries
    tracemalloc.start()
    refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 180 << 20  # the limit, while its buffer grows


@pytest.mark.parametrize("kept", [0, 1, 30, 0.1, 0.5, 0.9, 0.999])
def test_truncated_record_is_refused(
    kept: float, record: CalibrationRecord, tmp_path: Path
) -> None:
    path = tmp_path / "cut.calibration"
    save_record(record, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if kept < 1 else int(kept)])
    assert "is no calibration record" in refused(path)


def test_flipped_bytes_never_crash(record: CalibrationRecord, tmp_path: Path) -> None:
    path = tmp_path / "flipped.calibration"
    save_record(record, path)
    sound = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(sound)
        # the directory at the end and the entries' heads are where it matters
        position = int(random.choice([random.integers(len(data)), -random.integers(1, 500)]))
        data[position] ^= int(random.integers(1, 256))
        path.write_bytes(data)
        with contextlib.suppress(EdgeEdetError):  # anything else is a failure
            load_record(path)


@pytest.mark.parametrize("what", ["folder", "nothing", "text"])
def test_what_is_no_record(what: str, tmp_path: Path) -> None:
    path = tmp_path / "x.calibration"
    if what == "folder":
        path.mkdir()
    if what == "text":
        path.write_text("counts\n")
    assert "is no calibration record" in refused(path)


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


# --- a folder or its record ----------------------------------------------------------------------


def test_folder_and_its_record_give_the_same_bytes(smears: Path, tmp_path: Path) -> None:
    """The record keeps rounded counts: the folder's way must round them alike."""
    from edge_edet.converters.sources import find_weights

    source = find_weights("d0", "bundled", 0, None, 128)
    graph = build_network(source.variant, source.weights)
    pictures = find_pictures(smears, 3, seed=7)
    path = tmp_path / "three.calibration"
    save_record(calibrate(graph, source.digest, pictures, 2), path)
    written = []
    for number, given in enumerate((smears, path)):
        request = Request(
            variants=("d0",), precisions=("int8",), output=tmp_path / str(number), image_size=128,
            weights="bundled", calibration=given, calibration_images=3, seed=7, formats=("tflite",),
        )  # fmt: skip
        written += [step for step in convert(request) if not isinstance(step, str)]
    one, two = (item.path.read_bytes() for item in written)
    assert len(one) > 4_000_000
    assert one == two


def test_bundled_record_has_the_documented_format() -> None:
    from edge_edet.converters.sources import asset

    path = asset("d0-bccd.calibration")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{name}.npy" for name in ARRAYS]
        counts = np.load(io.BytesIO(archive.read("counts.npy")))
    assert counts.shape[1] == BINS
    assert load_record(path).pictures == 205
