"""`.safetensors`: agrees with the reference implementation, refuses what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_edet.converters.checkpoints import (
    random_weights,
    read_checkpoint,
    write_safetensors,
)
from edge_edet.converters.checkpoints.safetensors_file import read_safetensors
from edge_edet.errors import CheckpointError
from edge_edet.variants import get_variant

D0 = get_variant("d0").replace(num_classes=2)
ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_reference_implementation_reads_what_we_write(tmp_path, dtype):
    reference = pytest.importorskip("safetensors.numpy")
    weights = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones((), np.float32)}
    write_safetensors(tmp_path / "a.safetensors", weights, {"origin": "here"}, dtype)
    found = reference.load_file(tmp_path / "a.safetensors")
    assert {name: array.dtype for name, array in found.items()} == dict.fromkeys("ab", dtype)
    np.testing.assert_array_equal(found["b"], weights["b"])


def test_we_read_what_the_reference_implementation_writes():
    reference = pytest.importorskip("safetensors.numpy")
    tensors = {
        name: np.arange(4).reshape(2, 2).astype(name)
        for name in ("float16", "float32", "float64", "int64", "int32", "int8", "uint8", "bool")
    }
    found, metadata = read_safetensors(reference.save(tensors, {"format": "pt"}))
    assert metadata == {"format": "pt"}
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_bfloat16_becomes_float32(write, tmp_path):
    header = {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    path = write.raw_safetensors(tmp_path / "a.safetensors", header, b"\x80\x3f\x20\xbe")
    tensors, _ = read_safetensors(path.read_bytes())
    assert tensors["a"].tolist() == [1.0, -0.15625]


def test_a_checkpoint_comes_back_with_labels_and_padding(tmp_path):
    weights = random_weights(D0, 1)
    metadata = {
        "labels": json.dumps(["cat", None]),
        "pad_rgb": "[0, 0, 0]",
        "pool_padding": '"zero"',
        "aspect_ratios": "[[1, 1], [1.4, 0.7], [0.7, 1.4]]",
    }
    path = tmp_path / "net.safetensors"
    write_safetensors(path, weights, metadata)
    checkpoint = read_checkpoint(path, get_variant("d0"))
    assert checkpoint.labels == ("cat", None)
    assert checkpoint.variant == D0.replace(pad_rgb=(0, 0, 0), pool_padding="zero")
    for name, array in weights.items():
        np.testing.assert_array_equal(checkpoint.weights[name], array.astype(np.float16))


def test_the_same_weights_give_the_same_bytes(tmp_path):
    a, b = np.ones(3), np.zeros(2)
    write_safetensors(tmp_path / "1", {"a": a, "b": b}, {"x": "1", "y": "2"})
    write_safetensors(tmp_path / "2", {"b": b, "a": a}, {"y": "2", "x": "1"})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.ones(1)}, {})
    old = path.read_bytes()
    with pytest.raises(CheckpointError, match="cannot write 'a' as float16: a value overflows"):
        write_safetensors(path, {"a": np.full(1, 1e6)}, {})
    with pytest.raises(CheckpointError, match="choose float16 or float32"):
        write_safetensors(path, {"a": np.ones(1)}, {}, np.int8)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({"labels": "cat"}, "'labels' that is not JSON"),
        ({"labels": '["cat"]'}, "a list of 2 texts or nulls"),
        ({"labels": "[1, 2]"}, "a list of 2 texts or nulls"),
        ({"pad_rgb": "[0, 0]"}, "has pad_rgb .0, 0. in its metadata: expected .* three"),
        ({"pad_rgb": "[0, 0, 256]"}, "whole numbers from 0 to 255"),
        ({"pad_rgb": "[" * 100_000}, "not JSON"),
        ({"pool_padding": '"valid"'}, '"ignore", "symmetric" or "zero"'),
        (
            {"aspect_ratios": "[[1, 1]]"},
            "9 anchors at each position, but 3 scales x 1 aspect ratios",
        ),
        ({"aspect_ratios": "[[1, 1], [1, 0], [1, 1]]"}, "a list of numbers or of pairs"),
        ({"aspect_ratios": "[[1, 1], [1, NaN], [1, 1]]"}, "a list of numbers or of pairs"),
        ({"anchor_scale": '"big"'}, "has anchor_scale 'big' in its metadata: expected a positive"),
        ({"anchor_scale": "[4, 3]"}, "it is one number or 5, one for each level"),
        ({"num_scales": "2.5"}, "a whole number from 1 to 100"),
        ({"mean": "0.5"}, "has a mean but no std in its metadata"),
        ({"mean": "[1, 2]", "std": "1"}, "has mean .1, 2. in its metadata"),
        (
            {"mean": "127.5", "std": "0"},
            "no valid normalization in its metadata: std must be positive",
        ),
        ({"image_size": "[512, 640, 3, 3]"}, "a whole number of pixels"),
        ({"image_size": "true"}, "a whole number of pixels"),
    ],
)
def test_wrong_metadata_is_an_error(tmp_path, metadata, what):
    path = tmp_path / "net.safetensors"
    write_safetensors(path, random_weights(D0, 1), metadata)
    with pytest.raises(CheckpointError, match=what):
        read_checkpoint(path, D0)


@pytest.mark.parametrize(
    ("header", "body", "length", "what"),
    [
        ({"a": ONE}, b"\0" * 8, 10**6, "its header would have 1000000 bytes"),
        ({"a": ONE}, b"\0" * 8, 2**63, "its header would have"),
        (b"{", b"", None, "not JSON"),
        (b"{\xff}", b"", None, "not JSON"),
        (b"{" + b'"a":[' * 100_000, b"", None, "not JSON"),
        (b'{"a": 1, "a": 1}', b"", None, "names 'a' twice"),
        ({"a": ONE}, b"\0" * 4, None, "bytes 0 to 8 of 4"),
        ({"a": {**ONE, "shape": [3]}}, b"\0" * 8, None, "does not hold F32 of shape"),
        ({"a": {**ONE, "data_offsets": [8, 0]}}, b"\0" * 8, None, "bytes 8 to 0"),
        ({"a": {**ONE, "data_offsets": [-8, 0]}}, b"\0" * 8, None, "negative"),
        ({"a": {**ONE, "data_offsets": [0]}}, b"\0" * 8, None, "describes 'a' wrongly"),
        ({"a": {**ONE, "shape": [2**62, 2**62]}}, b"\0" * 8, None, "does not hold"),
        ({"a": {**ONE, "shape": [-2]}}, b"\0" * 8, None, "negative"),
        ({"a": {**ONE, "shape": 2}}, b"\0" * 8, None, "describes 'a' wrongly"),
        ({"a": {**ONE, "dtype": "F8_E4M3"}}, b"\0" * 8, None, "a dtype of F16, F32"),
        ({"a": {**ONE, "dtype": []}}, b"\0" * 8, None, "describes 'a' wrongly"),
        ({"a": 5}, b"\0" * 8, None, "describes 'a' wrongly"),
        ({"a": ONE, "b": ONE}, b"\0" * 8, None, "overlapping"),
        ({"a": {**ONE, "data_offsets": [4, 12]}}, b"\0" * 12, None, "unused bytes before 'a'"),
        ({"a": ONE}, b"\0" * 9, None, "1 bytes that belong to no tensor"),
        ({"__metadata__": {"a": 1}}, b"", None, "metadata that is not a map"),
        ({"__metadata__": []}, b"", None, "metadata that is not a map"),
    ],
)
def test_hostile_files_are_errors(write, tmp_path, header, body, length, what):
    path = write.raw_safetensors(tmp_path / "a.safetensors", header, body, length)
    with pytest.raises(CheckpointError, match=what) as caught:
        read_checkpoint(path, D0)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_an_error(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.ones(3), "b": np.ones(2)}, {"x": "y"})
    good = path.read_bytes()
    for end in range(len(good)):
        path.write_bytes(good[:end])
        with pytest.raises(CheckpointError):
            read_checkpoint(path, D0)
