"""`.pth` files: what torch writes is read, what could do harm is refused."""

from __future__ import annotations

import pickle
import struct
import zipfile

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, read_checkpoint
from edge_edet.converters.checkpoints.torch import pickle_reader as pickle_machine
from edge_edet.converters.checkpoints.torch.file import read_torch_legacy, read_torch_zip
from edge_edet.converters.checkpoints.torch.pickle_objects import Opaque
from edge_edet.converters.checkpoints.torch.pickle_reader import run_pickle
from edge_edet.converters.checkpoints.torch.tensors import KNOWN_GLOBALS, storage_of
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.errors import CheckpointError
from edge_edet.variants import get_variant

D0 = get_variant("d0")


@pytest.mark.parametrize(
    ("name", "read"), [("training.pth", read_torch_zip), ("legacy.pth", read_torch_legacy)]
)
def test_what_torch_wrote_is_read(golden, name, read):
    expected = np.load(golden / "torch/plain.npz")
    tensors = read((golden / "torch" / name).read_bytes()).tensors
    assert set(tensors) == set(expected.files)
    for key in expected.files:
        np.testing.assert_array_equal(tensors[key].astype(np.float64), expected[key], key)


def boxes_of(variant):
    """[N, 4] y0 x0 y1 x1 in pixels, as effdet's DetBench keeps its anchors."""
    rows = anchors(variant)
    return np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], axis=1)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("prefix", "wrap"),
    [("", ""), ("model.", ""), ("module.model.", "state_dict"), ("module.", "state_dict_ema")],
)
def test_wrapped_state_dicts_are_unwrapped(write, tmp_path, prefix, wrap, legacy):
    weights = random_weights(D0.replace(num_classes=2), 0)
    tensors = {f"{prefix}{name}": array for name, array in weights.items()}
    tensors |= {"anchors.boxes": boxes_of(D0)} if prefix else {}
    path = write.state(tmp_path / "net.pth", tensors, wrap, legacy)
    checkpoint = read_checkpoint(path, D0)
    assert checkpoint.family == "effdet"
    assert checkpoint.variant.num_classes == 2
    assert checkpoint.labels is None
    assert list(checkpoint.weights) == list(weights)
    assert all((checkpoint.weights[name] == weights[name]).all() for name in weights)


def test_the_bundled_kind_of_checkpoint(shared):
    checkpoint = read_checkpoint(shared / "weights/d0-bccd.pth", D0)
    assert checkpoint.sha256.startswith("dfe2c2fa74aeb360")
    assert checkpoint.variant == D0.replace(num_classes=3)
    assert all(a.dtype == np.float32 for a in checkpoint.weights.values())


def _calls(module, name):
    return f"c{module}\n{name}\n(X\x04\x00\x00\x00echotR".encode()


@pytest.mark.parametrize(
    "pickled",
    [
        _calls("os", "system"),
        _calls("builtins", "eval"),
        _calls("torch", "load"),
        _calls("torch._utils", "_rebuild_tensor_v2.__globals__"),
        b"\x8c\x02os\x8c\x06system\x93(tR",  # STACK_GLOBAL
        b"(ios\nsystem\n",  # INST
        b"(cos\nsystem\nX\x04\x00\x00\x00echoo",  # OBJ
        b"cos\nsystem\n)}\x92",  # NEWOBJ_EX
    ],
)
def test_a_call_of_what_is_not_known_ends_as_an_object_that_nothing_was_done_with(pickled):
    value, _ = run_pickle(b"\x80\x02" + pickled + b".", KNOWN_GLOBALS, storage_of)
    assert isinstance(value, Opaque)
    assert value.name in (
        "os.system",
        "builtins.eval",
        "torch.load",
        "torch._utils._rebuild_tensor_v2.__globals__",
    )


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return open, (str(marker), "w")

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"evil{protocol}.pth"
        path.write_bytes(pickle.dumps({"a": Evil()}, protocol))
        with pytest.raises(CheckpointError):
            read_checkpoint(path, D0)
        assert not marker.exists()


def _nested(depth):
    return b")" + b"\x85" * depth


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"}",
        b"R.",
        b"Q.",
        b"t.",
        b"u.",
        b"(NNtR.",
        b"h\x05.",
        b"X\xff\xff\xff\xffabc.",
        b"B\xff\xff\xff\xff.",
        b"\x8a\xff" + b"\xff" * 255 + b".",
        b"\x8b\xff\xff\xff\x7f.",
        b"N" + b"r\xff\xff\xff\x7f" + b"j\x00\x00\x00\x00.",
        b"}]Ns.",
        b"NNNs.",
        b"](NNu.",
        b"}(Ne.",
        b"G\x00.",
        b"I1\n.",
        b"\x82\x01.",
        b"P1\n.",
        b"ccollections\nOrderedDict\n(](]N\x86etR.",
        b"ccollections\nOrderedDict\n(K\x05tR.",
        b"ctorch\nSize\n(K\x05tR.",
        b"cos\nsystem\n(Nu.",
        b"cos\nsystem\n)N\x92.",
        b"NN\x93.",
        b"(o.",
        b"K\x01K\x02b)R.",
        b"\x97.",
        b"ctorch\nFloatStorage\n)R.",
        b"\x85.",
    ],
)
def test_malformed_pickles_are_errors(data):
    with pytest.raises(CheckpointError, match="malformed"):
        run_pickle(data, KNOWN_GLOBALS, lambda pid: pid[100])


@pytest.mark.parametrize(
    "data",
    [
        b"}" + _nested(200_000) + b"Ns.",  # a tuple as a key
        b"]" + b"cos\nsystem\n" * 200_000 + b")" + b"\x85R" * 200_000 + b"a.",  # objects in objects
        b"cA\nB\nq\x00" + b"h\x00)R" * 100_000 + b"b" * 99_999 + b".",  # states of states
    ],
)
def test_deep_nesting_does_not_overflow_the_stack(data):
    assert run_pickle(data, KNOWN_GLOBALS, storage_of)[1] == len(data)


def test_a_pickle_of_too_many_opcodes_is_refused(monkeypatch):
    monkeypatch.setattr(pickle_machine, "MAX_OPCODES", 100)
    with pytest.raises(CheckpointError, match=r"more than 100 opcodes: save the state dict alone"):
        run_pickle(b"N" * 100 + b".", {}, storage_of)


def test_a_sparse_memo_costs_no_memory():
    data = b"N" + b"".join(b"r" + struct.pack("<I", 2**32 - 1 - i) for i in range(100)) + b"."
    assert run_pickle(data, {}, lambda pid: None)[0] is None


@pytest.mark.parametrize(
    ("count", "offset", "shape", "strides", "what"),
    [
        (4, 1, (4,), (1,), "element 4 of a storage of 4"),
        (4, 0, (2, 3), (3, 1), "element 5 of a storage of 4"),
        (4, -1, (2,), (1,), "negative"),
        (4, 0, (-1,), (1,), "negative"),
        (4, 0, (2,), (-1,), "negative"),
        (4, 0, (2,), (1, 1), "strides"),
        (4, 0, (2**40,), (0,), "elements"),
        (4, 0, (1,) * 9, (1,) * 9, "dimensions"),
        (-4, 0, (1,), (1,), "negative"),
    ],
)
def test_views_stay_inside_their_storage(write, tmp_path, count, offset, shape, strides, what):
    storage = write.P.storage("0", "FloatStorage", count)
    tensor = write.P.tensor(storage, offset, shape, strides)
    path = write.zip_pth(tmp_path / "a.pth", write.P.mapping({"a": tensor}), {"0": b"\0" * 16})
    with pytest.raises(CheckpointError, match=what):
        read_checkpoint(path, D0)


def _good(write, tmp_path):
    path = write.state(tmp_path / "good.pth", {"a": np.ones(100, np.float32)})
    return path.read_bytes()


def test_truncated_zips_are_errors(write, tmp_path):
    good = _good(write, tmp_path)
    path = tmp_path / "cut.pth"
    for end in range(4, len(good), 7):
        path.write_bytes(good[:end])
        with pytest.raises(CheckpointError, match="zip"):
            read_checkpoint(path, D0)


def test_flipped_bytes_are_errors(write, tmp_path):
    good = _good(write, tmp_path)
    path = tmp_path / "flipped.pth"
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        with pytest.raises(CheckpointError):  # at the latest: not an EfficientDet
            read_checkpoint(path, D0)


def test_legacy_files_cut_or_flipped_are_errors(golden, tmp_path):
    good = (golden / "torch/legacy.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for end in range(1, len(good), 23):
        path.write_bytes(good[:end])
        with pytest.raises(CheckpointError):
            read_checkpoint(path, D0)
        path.write_bytes(good[:end] + bytes([good[end] ^ 0xFF]) + good[end + 1 :])
        with pytest.raises(CheckpointError):
            read_checkpoint(path, D0)


def test_zip_bombs_are_refused(write, tmp_path):
    big = write.P.tensor(write.P.storage("0", "FloatStorage", 1 << 20), 0, (1 << 20,), (1,))
    path = tmp_path / "bomb.pth"
    pickled = write.P.mapping({"a": big})
    write.zip_pth(path, pickled, {"0": bytes(4 << 20)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="the limit is 100 to 1"):
        read_checkpoint(path, D0)


def test_a_declared_size_over_the_limit_is_refused(write, tmp_path):
    data = bytearray(_good(write, tmp_path))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)
    path = tmp_path / "huge.pth"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="unpacks to 4294967"):
        read_checkpoint(path, D0)


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"readme.txt": b""}, "no single data.pkl"),
        ({"a/data.pkl": b"", "b/data.pkl": b""}, "no single data.pkl"),
        ({"a/data.pkl": b"\x80\x02}.", "a/constants.pkl": b""}, "TorchScript"),
        ({"a/data.pkl": b"\x80\x02}.", "a/byteorder": b"big"}, "big-endian"),
        ({"a/data.pkl": b"\x80\x02}."}, "holds no tensors"),
        ({"a/data.pkl": b"N" * (33 << 20)}, "a pickle of more than"),
    ],
)
def test_other_zips_are_refused(tmp_path, members, what):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match=what):
        read_checkpoint(path, D0)


def test_a_missing_storage_is_named(write, tmp_path):
    tensor = write.P.tensor(write.P.storage("0", "FloatStorage", 4), 0, (4,), (1,))
    path = write.zip_pth(tmp_path / "a.pth", write.P.mapping({"weight": tensor}), {"0": b"\0" * 8})
    with pytest.raises(CheckpointError, match=r"'weight' in archive/data/0.*16 bytes"):
        read_checkpoint(path, D0)
