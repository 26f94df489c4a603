"""Calibration records that are damaged, or made to do harm."""

from __future__ import annotations

import contextlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.calibrate.calibration import calibrate, find_pictures
from edge_edet.converters.calibrate.correct import make_corrections
from edge_edet.converters.quantize.calibration_record import (
    CalibrationRecord,
    load_record,
    save_record,
)
from edge_edet.converters.quantize.correction_record import load_corrections, save_corrections
from edge_edet.converters.quantize.recipes import RECONSTRUCTED
from edge_edet.errors import EdgeEdetError, InputError
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


@pytest.fixture(scope="module")
def contents(
    record: CalibrationRecord, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The entries of a sound record."""
    path = tmp_path_factory.mktemp("record") / "sound"
    save_record(record, path)
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.fixture(scope="module")
def corrections(
    record: CalibrationRecord,
    graph: Graph,
    smears: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, bytes]:
    """The entries of a sound record of corrections."""
    path = tmp_path_factory.mktemp("corrections") / "sound"
    save_corrections(make_corrections(graph, record, find_pictures(smears, None, 0), 1), path)
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
    "size is NaN": lambda c: with_meta(c, image_size=float("nan")),
}


HOSTILE_CORRECTIONS: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
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
    "swishes are a text": lambda c: with_meta(c, swishes="x" * 22),
    "swishes repeat": lambda c: with_meta(c, swishes=["x"] * 22),
    "a swish is missing": with_array("swish_channels", lambda a: a[:-1]),
    "a swish without channels": with_array("swish_channels", put(0, 0)),
    "swish channels beyond the data": with_array("swish_channels", put(0, 2**31 - 1)),
    "three numbers of each swish": with_array("swish", lambda a: a[:3]),
    "an infinite swish": with_array("swish", put((1, 3), np.inf)),
    "a swish as near as NaN": with_array("swish_db", put(0, np.nan)),
    "a changed shift": with_array("shift", put(7, 0.25)),
    "a changed digest": lambda c: with_meta(c, digest="0" * 64),
    "an entry is missing": lambda c: {k: v for k, v in c.items() if k != "gain.npy"},
    "meta is a list": lambda c: with_text(c, b"[1, 2]"),
    "meta is empty": lambda c: with_text(c, b"{}"),
}


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_record(path)
    text = str(caught.value)
    assert repr(str(path)) in text
    assert len(text) < 1000
    return text


@pytest.mark.parametrize("name", HOSTILE_CORRECTIONS)
def test_hostile_corrections_are_refused(
    name: str, corrections: dict[str, bytes], tmp_path: Path
) -> None:
    path = zipped(tmp_path / "hostile.corrections", HOSTILE_CORRECTIONS[name](corrections))
    with pytest.raises(InputError, match=r"is no correction record .*edge-edet calibrate"):
        load_corrections(path)


def test_sound_corrections_are_accepted(corrections: dict[str, bytes], tmp_path: Path) -> None:
    load_corrections(zipped(tmp_path / "sound", corrections))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_record_is_refused(name: str, contents: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path / "hostile.calibration", HOSTILE[name](contents))
    assert "edge-edet calibrate" in refused(path)


def test_sound_entries_are_accepted_however_packed(
    helpers: Any, contents: dict[str, bytes], record: CalibrationRecord, tmp_path: Path
) -> None:
    """So that the cases above are refused for what they are about."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        assert helpers.same_record(
            load_record(zipped(tmp_path / "sound", contents, method)), record
        )


def test_unknown_version_says_which(contents: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path / "x", with_meta(contents, format_version=1))
    assert (
        "has format version 1, this edge-edet reads 4: make a new one with 'edge-edet calibrate d0 "
        f"--calibration PICTURES -o {path}'"
    ) in refused(path)


@pytest.mark.parametrize("version", [2, 3])
def test_older_records_are_refused_with_the_command(
    version: int, contents: dict[str, bytes], tmp_path: Path
) -> None:
    """They held corrections too, in entries that are not looked at."""
    old = with_meta(contents, format_version=version, layers=[], recipe={})
    del old["channel_high.npy"]
    assert "make a new one with 'edge-edet calibrate d0" in refused(zipped(tmp_path / "x", old))


def test_corrections_for_another_recipe_are_refused(
    corrections: dict[str, bytes], tmp_path: Path
) -> None:
    recipe = RECONSTRUCTED.to_dict() | {"equalize_step": 0.1}
    path = zipped(tmp_path / "x", with_meta(corrections, recipe=recipe))
    with pytest.raises(
        InputError, match="corrects layers for another recipe than this edge-edet has"
    ):
        load_corrections(path)


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
    assert {
        "folder": "it is a folder, expected a regular file",
        "nothing": "No such file",
        "text": "is no calibration record",
    }[what] in refused(path)
