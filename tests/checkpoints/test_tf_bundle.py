"""TensorFlow checkpoints: agrees with TensorFlow's own files, refuses damaged ones."""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest

from edge_edet.converters.checkpoints import read_checkpoint
from edge_edet.converters.checkpoints.families.automl import normalize_automl
from edge_edet.converters.checkpoints.tensorflow.bundle import read_tf_bundle
from edge_edet.converters.checkpoints.tensorflow.crc32c import crc32c
from edge_edet.converters.checkpoints.tensorflow.leveldb_table import read_table
from edge_edet.converters.checkpoints.tensorflow.snappy import decompress
from edge_edet.errors import CheckpointError
from edge_edet.variants import get_variant

D0 = get_variant("d0")


def test_a_tf1_checkpoint_is_read(golden):
    tensors = read_tf_bundle(golden / "tf1/model.ckpt-7")
    assert len(tensors) == 47
    assert tensors["class_net/class-0/bias/ExponentialMovingAverage"].tolist() == [0, 1, 2, 3, 4]
    assert tensors["class_net/class-0/bias"].dtype == np.float32
    assert tensors["class_net/class-0/pointwise_kernel"].dtype == np.float16
    assert tensors["class_net/class-0/pointwise_kernel"].shape == (1, 1, 3, 5)
    assert tensors["fpn_cells/cell_0/fnode0/WSM"].shape == ()
    assert tensors["fpn_cells/cell_0/fnode0/WSM_1"] == 0.1
    assert tensors["box_net/box-0/bias"].tolist() == [1.0, -2.5]
    assert tensors["class_net/class-39-bn-3/gamma"].tolist() == [39, 39]
    assert tensors["global_step"] == 7


def test_an_object_graph_is_read_by_variable_name(golden):
    expected = np.load(golden / "tf2/expected.npz")
    tensors = read_tf_bundle(golden / "tf2/model")
    assert {name for name in tensors if not name.startswith("SGD/")} == set(expected.files)
    for name in expected.files:
        np.testing.assert_array_equal(tensors[name], expected[name], name)


@pytest.fixture(scope="module")
def automl(shared, write):
    names = json.loads((shared / "reference/checkpoints/automl_d0_names.json").read_text())
    return write.automl_values(names)


def test_averages_replace_the_raw_variables(shared, automl, write, tmp_path):
    tensors = {f"{name}/ExponentialMovingAverage": value for name, value in automl.items()}
    tensors |= {name: value + np.float32(1) for name, value in automl.items()}
    tensors |= {"global_step": np.int64(5), "box_net/box-0/bias/Momentum": np.zeros(64, "f4")}
    prefix = write.tf(tmp_path / "model.ckpt-5", tensors)
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/elsewhere/model.ckpt-5"\n'
        'all_model_checkpoint_paths: "/elsewhere/model.ckpt-5"\n'
    )
    keras = read_checkpoint(shared / "reference/checkpoints/automl_d0.h5", D0)
    found = {}
    for path in (tmp_path, tmp_path / "checkpoint", prefix, f"{prefix}.index"):
        checkpoint = read_checkpoint(path, D0)
        found[checkpoint.sha256] = checkpoint
        for name, array in keras.weights.items():
            np.testing.assert_array_equal(checkpoint.weights[name], array, name)
        assert checkpoint.variant == keras.variant
    assert len(found) == 1


@pytest.mark.parametrize(
    "name",
    [
        "detector/efficientnet-b0/blocks_0/tpu_batch_normalization_1/gamma",
        "efficientnet-b0/blocks_0/batch_normalization_1/gamma",
        "efficientnet-b0/blocks_0/sync_batch_normalization_1/gamma/ExponentialMovingAverage",
    ],
)
def test_other_scopes_of_the_same_variable(name):
    plain = "efficientnet-b0/blocks_0/tpu_batch_normalization_1/gamma"
    assert list(normalize_automl({name: np.ones(1)})[0]) == [plain]


def test_two_raw_variables_of_one_name_are_an_error():
    names = ("a/class_net/class-0/bias", "b/class_net/class-0/bias")
    with pytest.raises(CheckpointError, match="has class_net/class-0/bias more than once"):
        normalize_automl(dict.fromkeys(names, np.ones(1)))


def test_missing_and_cut_data_files_are_errors(golden, tmp_path):
    prefix = tmp_path / "model.ckpt-7"
    shutil.copy(golden / "tf1/model.ckpt-7.index", f"{prefix}.index")
    with pytest.raises(CheckpointError, match=r"model\.ckpt-7\.data-00000-of-00001 is missing"):
        read_checkpoint(prefix, D0)
    data = (golden / "tf1/model.ckpt-7.data-00000-of-00001").read_bytes()
    shard = tmp_path / "model.ckpt-7.data-00000-of-00001"
    shard.write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match="lies outside of the data file"):
        read_checkpoint(prefix, D0)
    for place in range(0, len(data), 5):
        shard.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CheckpointError, match="does not match its checksum"):
            read_checkpoint(prefix, D0)


def test_damaged_indexes_are_errors(golden, tmp_path):
    prefix = tmp_path / "model"
    shutil.copy(golden / "tf1/model.ckpt-7.data-00000-of-00001", f"{prefix}.data-00000-of-00001")
    index = (golden / "tf1/model.ckpt-7.index").read_bytes()
    for place in range(0, len(index), 3):
        for damaged in (
            index[:place],
            index[:place] + bytes([index[place] ^ 0xFF]) + index[place + 1 :],
        ):
            (tmp_path / "model.index").write_bytes(damaged)
            with pytest.raises(CheckpointError):
                read_checkpoint(prefix, D0)


@pytest.mark.parametrize("name", ["", "empty"])
def test_a_folder_without_a_checkpoint_is_an_error(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    with pytest.raises(CheckpointError, match="a folder without a TensorFlow checkpoint"):
        read_checkpoint(folder, D0)


def _slow_crc(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 11, 12, 13, 15, 16, 17, 100, 4095, 4096, 70001])
def test_the_fast_crc_is_the_slow_one(size):
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == _slow_crc(data)


def test_the_crc_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 appendix B.4 uses the same polynomial


@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        (b"\x00", b""),
        (b"\x03\x08abc", b"abc"),
        (b"\x0a\x00a\x1d\x01", None),  # 1 + 11 bytes, 10 announced
        (b"\x0c\x00a\x1d\x01", b"a" * 12),  # a copy that overlaps itself
        (b"\x06\x08abc\x0a\x03\x00", b"abcabc"),  # two-byte offset
        (b"\x06\x08abc\x0b\x03\x00\x00\x00", b"abcabc"),  # four-byte offset
        (b"\x46\xf0\x45" + b"x" * 70, b"x" * 70),  # long literal
        (b"\x06\x08abc\x0a\x04\x00", None),  # reaches before the beginning
        (b"\x06\x08abc\x0a\x00\x00", None),
        (b"\x06\x08ab", None),
        (b"\x06", None),
        (b"\xff\xff\xff\xff\x7f", None),
    ],
)
def test_snappy(packed, plain):
    if plain is None:
        with pytest.raises(CheckpointError, match="is damaged"):
            decompress(packed)
    else:
        assert decompress(packed) == plain


def _compression(index):
    """The compression type of each block of a table, that of the block of handles first."""
    from edge_edet.converters.checkpoints.tensorflow import leveldb_table as table

    footer = index[-48:]
    _, _, position = table._handle(footer, 0)
    offset, size, _ = table._handle(footer, position)
    handles = [
        table._handle(value, 0) for _, value in table._entries(index[offset : offset + size])
    ]
    ends = [offset + size, *(start + length for start, length, _ in handles)]
    return [index[end] for end in ends]


@pytest.mark.parametrize("name", ["tf1/model.ckpt-7", "tf2/model"])
def test_the_goldens_indexes_are_uncompressed(golden, name):
    assert _compression((golden / f"{name}.index").read_bytes()) == [0, 0]


def test_tensorflow_writes_indexes_uncompressed(tmp_path):
    """As tensor_bundle.cc says (kNoCompression), in its TF1 Saver too."""
    tensorflow = pytest.importorskip("tensorflow")
    names = [f"layer_{number}/a/name/that/compresses/well/kernel" for number in range(300)]
    module = tensorflow.Module()
    module.all = [tensorflow.Variable([1.0, 2.0], name=name) for name in names]
    tensorflow.train.Checkpoint(model=module).write(str(tmp_path / "tf2"))
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default(), v1.Session() as session:
        variables = [v1.get_variable(name, [2]) for name in names]
        session.run(v1.global_variables_initializer())
        v1.train.Saver(variables).save(session, str(tmp_path / "tf1"))
    for name in ("tf1", "tf2"):
        index = (tmp_path / f"{name}.index").read_bytes()
        assert set(_compression(index)) == {0}
        assert len(read_table(index)) > len(names)
        assert set(read_tf_bundle(tmp_path / name)) >= set(names)


def test_the_published_checkpoints_have_compressed_indexes(shared):
    """Google's own, of TensorFlow's model zoo: this is why there is a decompressor."""
    index = (shared / "reference/checkpoints/tfod_d0_coco17_ckpt-0.index").read_bytes()
    assert _compression(index) == [0, 1]
    assert any(key.startswith(b"model/_feature_extractor/") for key in read_table(index))
