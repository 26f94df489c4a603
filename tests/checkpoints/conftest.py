"""Writers of checkpoint containers that need neither torch nor TensorFlow.

They write what the frameworks write (the goldens prove that the readers understand these), and,
asked to, what no framework would.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints.tensorflow.crc32c import crc32c

STORAGES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<f8": "DoubleStorage"}
TF_TYPES = {"<f4": 1, "<f8": 2, "<i8": 9, "<f2": 19}


class PickleText:
    """Opcodes of protocol 2 for what torch.save writes."""

    @staticmethod
    def text(value: str) -> bytes:
        raw = value.encode()
        return b"X" + struct.pack("<I", len(raw)) + raw

    @staticmethod
    def number(value: int) -> bytes:
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        raw = value.to_bytes(15, "little", signed=True)
        return b"\x8a" + bytes([len(raw)]) + raw

    @classmethod
    def numbers(cls, values: Any) -> bytes:
        return b"(" + b"".join(cls.number(v) for v in values) + b"t"

    @classmethod
    def storage(cls, key: str, kind: str, count: int, tail: bytes = b"") -> bytes:
        return (
            b"("
            + cls.text("storage")
            + f"ctorch\n{kind}\n".encode()
            + cls.text(key)
            + cls.text("cpu")
            + cls.number(count)
            + tail
            + b"tQ"
        )

    @classmethod
    def tensor(cls, storage: bytes, offset: int, shape: Any, strides: Any) -> bytes:
        return (
            b"ctorch._utils\n_rebuild_tensor_v2\n("
            + storage
            + cls.number(offset)
            + cls.numbers(shape)
            + cls.numbers(strides)
            + b"\x89ccollections\nOrderedDict\n)RtR"
        )

    @classmethod
    def mapping(cls, items: dict[str, bytes]) -> bytes:
        return b"}(" + b"".join(cls.text(k) + v for k, v in items.items()) + b"u"


def element_strides(shape: Any) -> list[int]:
    return [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]


def zip_pth(path: Path, pickled: bytes, storages: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", options.get("compression", zipfile.ZIP_STORED)) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + pickled + b".")
        archive.writestr("archive/byteorder", options.get("byteorder", "little"))
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
    return path


def write_state(path: Path, tensors: dict[str, Any], wrap: str = "", legacy: bool = False) -> Path:
    """A `.pth` of the tensors, each in its own storage; under the key wrap if that is given."""
    items, storages = {}, {}
    for index, (name, value) in enumerate(tensors.items()):
        array = np.asarray(value)
        kind = STORAGES[array.dtype.str]
        storage = PickleText.storage(str(index), kind, array.size, b"N" if legacy else b"")
        items[name] = PickleText.tensor(storage, 0, array.shape, element_strides(array.shape))
        storages[str(index)] = array.tobytes()
    pickled = PickleText.mapping(items)
    if wrap:
        pickled = PickleText.mapping({wrap: pickled, "epoch": PickleText.number(3)})
    if not legacy:
        return zip_pth(path, pickled, storages)
    magic = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
    order = b"](" + b"".join(PickleText.text(key) for key in storages) + b"e"
    parts = [b"\x8a\x0a" + magic, b"M\xe9\x03", b"}", pickled, order]
    data = b"".join(b"\x80\x02" + part + b"." for part in parts)
    for (_, raw), array in zip(storages.items(), tensors.values(), strict=True):
        data += np.asarray(array).size.to_bytes(8, "little") + raw
    path.write_bytes(data)
    return path


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(
        b"\0" + _varint(len(key)) + _varint(len(value)) + key + value for key, value in entries
    )
    return body + struct.pack("<II", 0, 1)


def _mask(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def write_tf(prefix: Path, tensors: dict[str, Any]) -> Path:
    """A TensorFlow checkpoint: one data file, an uncompressed index of two blocks. bytes: a string."""
    data, entries = bytearray(), [(b"", b"\x08\x01")]
    for name in sorted(tensors, key=str.encode):
        text = isinstance(tensors[name], bytes)
        array = np.asarray(tensors[name]) if not text else np.float32(0)
        raw = (
            array.tobytes() if not text else _varint(len(tensors[name])) + b"\0" * 4 + tensors[name]
        )
        shape = b"".join(
            b"\x12" + _varint(len(dim)) + dim
            for dim in (b"\x08" + _varint(size) for size in array.shape)
        )
        kind = 7 if text else TF_TYPES[array.dtype.str]
        entry = b"\x08" + _varint(kind) + b"\x12" + _varint(len(shape)) + shape
        entry += b"\x20" + _varint(len(data)) + b"\x28" + _varint(len(raw))
        entry += b"\x35" + struct.pack("<I", _mask(crc32c(raw)))
        entries.append((name.encode(), entry))
        data += raw
    index, handles = b"", []
    half = len(entries) // 2
    for part in (entries[:half], entries[half:], None):
        block = _block(handles if part is None else part)
        handle = _varint(len(index)) + _varint(len(block))
        index += block + b"\0" + struct.pack("<I", _mask(crc32c(block + b"\0")))
        if part:
            handles.append((part[-1][0], handle))
    footer = b"\0\0" + handle
    index += footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    Path(f"{prefix}.index").write_bytes(index)
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)
    return prefix


def raw_safetensors(path: Path, header: Any, body: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + body)
    return path


def seeded(name: str, shape: Any, kind: str) -> Any:
    """The value of the reference checkpoints' tensor; the rule is in their README."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    if kind in ("scale", "variance"):
        values = random.uniform(0.5, 1.5, shape)
    elif kind in ("shift", "mean"):
        values = random.normal(0, 0.2, shape)
    elif kind == "fusion":
        values = random.uniform(0.2, 1.5, shape)
    elif kind == "bias":
        values = random.normal(0, 0.1, shape)
    else:
        fan = {"depthwise": shape[:2], "tf": shape[:-1], "torch": shape[1:]}[kind]
        values = random.normal(0, 1 / np.sqrt(np.prod(fan)), shape)
    return np.asarray(values, np.float32)


def automl_values(names: dict[str, list[int]]) -> dict[str, Any]:
    kinds = {"gamma": "scale", "moving_variance": "variance", "beta": "shift"}
    kinds |= {"moving_mean": "mean", "bias": "bias"}
    values = {}
    for name, shape in names.items():
        leaf = name.rsplit("/", 1)[-1]
        fusion = "fusion" if "WSM" in name else None
        kernel = "depthwise" if "depthwise" in name else "tf"
        values[name] = seeded(name, shape, fusion or kinds.get(leaf) or kernel)
    return values


def zylo_values(names: dict[str, list[int]]) -> dict[str, Any]:
    norm = {"weight": "scale", "running_var": "variance", "bias": "shift", "running_mean": "mean"}
    values = {}
    for name, shape in names.items():
        module, leaf = name.rsplit(".", 1)
        if leaf == "num_batches_tracked":
            continue
        if f"{module}.running_var" in names:
            kind = norm[leaf]
        elif leaf.startswith("p"):
            kind = "fusion"
        else:
            kind = "bias" if leaf == "bias" else "torch"
        values[name] = seeded(name, shape, kind)
    return values


class Writers:
    """The functions above, for tests to call."""

    P = PickleText
    element_strides = staticmethod(element_strides)
    zip_pth = staticmethod(zip_pth)
    state = staticmethod(write_state)
    tf = staticmethod(write_tf)
    raw_safetensors = staticmethod(raw_safetensors)
    automl_values = staticmethod(automl_values)
    zylo_values = staticmethod(zylo_values)


@pytest.fixture(scope="session")
def write() -> type[Writers]:
    return Writers


@pytest.fixture(scope="session")
def golden() -> Path:
    return Path(__file__).resolve().parent / "golden"
