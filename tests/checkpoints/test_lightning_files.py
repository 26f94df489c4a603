"""Checkpoints with more in them than weights: read for weights and plain data, never executed."""

from __future__ import annotations

import argparse
import collections
import datetime
import enum
import functools
import pathlib
import pickle
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.checkpoints import random_weights, read_checkpoint, write_safetensors
from edge_edet.converters.checkpoints.configurations import configurations
from edge_edet.converters.checkpoints.families.effdet import EFFDET
from edge_edet.converters.checkpoints.families.network_prefix import take_network
from edge_edet.converters.checkpoints.torch.file import TorchFile, read_torch_legacy, read_torch_zip
from edge_edet.converters.checkpoints.torch.state_dict import AVERAGED, USUAL
from edge_edet.errors import CheckpointError

HERE = Path(__file__).resolve().parent
torch_like = runpy.run_path(str(HERE / "torch_pickles.py"))
save, tensors, named, named_function, omega, module, module_of, Tensor, AttributeDict = (
    torch_like[name]
    for name in (
        "save",
        "tensors",
        "named",
        "named_function",
        "omega",
        "module",
        "module_of",
        "Tensor",
        "AttributeDict",
    )
)
NARROW = runpy.run_path(str(HERE / "golden/onnx_exports.py"))["NARROW"].replace(num_classes=2)
WEIGHTS = random_weights(NARROW, 0)
SMALL = {"conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}


def read(path: Path) -> TorchFile:
    data = path.read_bytes()
    return read_torch_zip(data) if data[:2] == b"PK" else read_torch_legacy(data)


def same(found: Any, expected: Any) -> bool:
    return list(found) == list(expected) and all((found[k] == expected[k]).all() for k in expected)


class _Compose:
    by_name = True


_Compose.__module__, _Compose.__qualname__ = "albumentations.core.composition", "Compose"


def _with(kind: Any, **state: Any) -> Any:
    made = kind()
    made.__dict__.update(state)
    return made


class _WithKeywords:
    def __new__(cls, **keywords: Any) -> Any:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> Any:
        return (), {"size": 512}

    by_name = True


_WithKeywords.__module__, _WithKeywords.__qualname__ = "own.data", "Loader"
_Colour = enum.Enum("_Colour", "RED GREEN")
_Colour.by_name = True  # type: ignore[attr-defined]


class _Slotted:
    __slots__ = ("image_size",)
    by_name = True


_Slotted.__module__, _Slotted.__qualname__ = "own.config", "Slotted"
slotted = _Slotted()
slotted.image_size = 640  # type: ignore[attr-defined]
circle: dict[str, Any] = {"image_size": 512}
circle["self"] = circle

# What hyper-parameters and callbacks hold -> what is left of it as plain data; ...: nothing
OBJECTS: dict[str, tuple[Any, Any]] = {
    "AttributeDict": (
        AttributeDict(anchor_scale=2.0, deep=AttributeDict(a=[1, "b"])),
        {"anchor_scale": 2.0, "deep": {"a": [1, "b"]}},
    ),
    "DictConfig": (
        omega({"mean": [0.5, 0.5, 0.5], "size": {"h": 512}, "refers": "${size.h}"}),
        {"mean": [0.5, 0.5, 0.5], "size": {"h": 512}},
    ),
    "Namespace": (argparse.Namespace(image_size=512, mean=None), {"image_size": 512, "mean": None}),
    "object": (_with(named("own.Config"), lr=0.1), {"lr": 0.1}),
    "slots": (slotted, {"image_size": 640}),
    "defaultdict": (collections.defaultdict(list, {"a": [1]}), {"a": [1]}),
    "Counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "OrderedDict subclass": (named("own.Ordered", collections.OrderedDict)(a=1), {"a": 1}),
    "deque": (collections.deque([1, 2], 5), [1, 2]),
    "list subclass": (named("own.List", list)([1, 2]), [1, 2]),
    "set": ({3}, [3]),
    "frozenset": (frozenset([3]), [3]),
    "NumPy scalar": (np.float64(0.25), 0.25),
    "NumPy integer": (np.int64(768), 768),
    "NumPy array": (np.float32([[0.5, 2], [1, 1]]), [[0.5, 2.0], [1.0, 1.0]]),
    "NumPy array by columns": (np.asfortranarray([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "tensor": (Tensor(np.float32([0.5, 0.25])), [0.5, 0.25]),
    "tuple": ((640, 640), [640, 640]),
    "tuple as a key": ({(1, 2): 3, "a": 4}, {"a": 4}),
    "circle": (circle, {"image_size": 512}),
    "big integer": (2**200, 2**200),
    "NumPy texts": (np.array(["a", "b"]), ...),
    "NumPy objects": (np.array([{}, None]), ...),
    "NumPy dtype": (np.dtype("f4"), ...),
    "complex": (1 + 2j, ...),
    "bytes": (b"abc", ...),
    "bytearray": (bytearray(b"abc"), ...),
    "path": (pathlib.PurePosixPath("/data/train"), ...),
    "date": (datetime.datetime(2024, 5, 1), ...),  # noqa: DTZ001 - as Lightning writes it
    "partial": (functools.partial(print, 1), ...),
    "enum": (_Colour.RED, ...),
    "class": (named("torch.nn.modules.activation.SiLU"), ...),
    "function": (named_function("own.train.<lambda>"), ...),
    "list with an object in it": ([1, pathlib.PurePosixPath("a")], ...),
    "transforms": (
        _with(_Compose, p=1.0, transforms=[_with(_Compose, p=0.5)]),
        {"p": 1.0, "transforms": [{"p": 0.5}]},
    ),
    "keywords": (_WithKeywords(), ...),
    "complex tensor": (Tensor(np.ones(200, np.complex64)), ...),
    "quantized tensor": (Tensor(np.ones(3, np.float32), kind=named("torch.QUInt8Storage")), ...),
    "tensor of unknown numbers": (
        Tensor(np.ones(3, np.float32), kind=named("torch.Float8Storage")),
        ...,
    ),
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_beside_the_weights_are_passed_over_or_become_plain_data(tmp_path, name, protocol):
    given, expected = OBJECTS[name]
    value = {"hyper_parameters": {"it": given}, "state_dict": tensors(SMALL), "epoch": 3}
    found = read(save(value, tmp_path / "last.ckpt", protocol))
    assert same(found.tensors, SMALL)
    assert found.plain["epoch"] == 3
    assert found.plain["hyper_parameters"] == ({} if expected is ... else {"it": expected})


@pytest.mark.parametrize("name", OBJECTS)
def test_files_of_torch_before_1_6_are_no_different(tmp_path, name):
    given, expected = OBJECTS[name]
    value = {"hyper_parameters": {"it": given}, "state_dict": tensors(SMALL)}
    path = save(value, tmp_path / "old.pth", legacy=True)
    if (
        "quantized" in name or "unknown" in name
    ):  # how many bytes to pass over is not known, or wrong
        with pytest.raises(
            CheckpointError, match=r"not known: save the state dict|truncated|items"
        ):
            read(path)
        return
    found = read(path)
    assert same(found.tensors, SMALL)
    assert found.plain["hyper_parameters"] == ({} if expected is ... else {"it": expected})


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "prefix",
    [
        "model.model.",
        "model.",
        "net.",
        "module._orig_mod.",
        "student.",
        "ema.module.",
        "detector.model.",
        "",
    ],
)
def test_a_lightning_file_gives_its_weights(tmp_path, prefix, legacy):
    """airctic/icevision #1017: save_hyperparameters() and the prefix model.model."""
    value = {
        "epoch": 9,
        "pytorch-lightning_version": "1.2.10",
        "state_dict": tensors(WEIGHTS, prefix),
        "callbacks": {
            named("pytorch_lightning.callbacks.ModelCheckpoint"): {"best": Tensor(np.ones(()))}
        },
        "optimizer_states": [{"state": {0: {"exp_avg": Tensor(np.ones(3))}}}],
        "hparams_name": "kwargs",
        "hyper_parameters": AttributeDict(model=_with(named("own.Model"), a=1), learning_rate=0.1),
    }
    checkpoint = read_checkpoint(save(value, tmp_path / "last.ckpt", legacy=legacy), NARROW)
    assert checkpoint.family == "effdet"
    assert checkpoint.notes == ()
    assert same(checkpoint.weights, WEIGHTS)


def _marks(path: Path) -> list[Any]:
    """Calls that would leave a file at path, by each opcode that can call."""

    class ByReduce:
        def __reduce__(self) -> Any:
            return open, (str(path), "w")

    class ByState:
        by_name = True

        def __setstate__(self, state: Any) -> None:
            path.write_text("state")

    class ByNew:
        by_name = True

        def __new__(cls, *_: Any) -> Any:
            return super().__new__(cls)

        def __getnewargs__(self) -> Any:
            return (str(path), "w")

    state = ByState()
    state.__dict__["a"] = 1
    for kind in (ByState, ByNew):
        kind.__module__, kind.__qualname__ = "pathlib", "Path"
    return [ByReduce(), state, ByNew()]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_nothing_in_a_file_is_executed_or_imported(tmp_path, protocol):
    marker, unused = tmp_path / "executed", "antigravity"
    assert unused not in sys.modules
    hostile = [*_marks(marker), _with(named(f"{unused}.fly"), a=1), named_function("os.system")]
    value = {"state_dict": tensors(SMALL), "hyper_parameters": dict(enumerate(hostile))}
    path = save(value, tmp_path / "last.ckpt", protocol)
    assert same(read(path).tensors, SMALL)
    assert not marker.exists()
    assert unused not in sys.modules


def test_the_markers_above_would_be_left_by_the_standard_unpickler(tmp_path):
    marker = tmp_path / "executed"
    pickle.loads(pickle.dumps(_marks(marker)[0])).close()
    assert marker.exists()


def test_tensors_in_objects_are_no_weights(tmp_path):
    other = {"conv.weight": np.zeros((2, 3), np.float32)}
    value = {
        "hyper_parameters": {
            "state_dict": tensors(other),
            "it": _with(named("own.Net"), **tensors(other)),
        },
        "state_dict": tensors(SMALL),
    }
    assert same(read(save(value, tmp_path / "a.ckpt")).tensors, SMALL)


AVERAGE = {name: array + 1 for name, array in SMALL.items()}
AVERAGED_NOTE = "its weights are those under {}, not those under {}"


@pytest.mark.parametrize(
    ("value", "expected", "notes"),
    [
        ({"state_dict": SMALL}, SMALL, ()),
        ({"model": {"state_dict": SMALL}}, SMALL, ()),
        (
            {"state_dict": SMALL, "state_dict_ema": AVERAGE},
            AVERAGE,
            (AVERAGED_NOTE.format("state_dict_ema", "state_dict"),),
        ),
        (
            {"model": SMALL, "ema": AVERAGE, "updates": 3},
            AVERAGE,
            (AVERAGED_NOTE.format("ema", "model"),),
        ),
        ({"model": SMALL, "ema": None}, SMALL, ()),
        # torch_ema keeps its averages as a list, without names
        (
            {"state_dict": SMALL, "ema": {"decay": 0.9, "shadow_params": []}},
            SMALL,
            (AVERAGED_NOTE.format("state_dict", "ema"),),
        ),
        # PyTorch's tutorial on checkpoints keeps the loss, a tensor, beside the weights
        ({"epoch": 1, "model_state_dict": SMALL, "loss": np.float32(0.5)}, SMALL, ()),
        (SMALL, SMALL, ()),
    ],
)
def test_the_state_dict_is_found(tmp_path, value, expected, notes):
    def deep(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: deep(each) for key, each in part.items()}
        return Tensor(part) if isinstance(part, np.ndarray | np.float32) else part

    found = read(save(deep(value), tmp_path / "a.pth"))
    assert same(found.tensors, expected)
    assert found.notes == notes


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrap", [None, "model", "ema"])
def test_a_model_that_was_pickled_whole_is_read(tmp_path, wrap, legacy):
    counters = {"backbone.bn1.num_batches_tracked": np.int64(5)}
    net = module_of(WEIGHTS | counters, "effdet.efficientdet.EfficientDet")
    net.config = omega({"name": "tf_efficientdet_d0", "anchor_scale": 2.0})
    hidden = module("own.Loss", hidden={"scale": np.ones(1)}, parameters={"bias": None})
    net._modules["loss_fn"] = hidden
    value = net if wrap is None else {wrap: net, "epoch": 3}
    path = save(value, tmp_path / "whole.pt", legacy=legacy)
    found = read(path)
    assert set(found.tensors) == {*WEIGHTS, *counters}
    assert same(read_checkpoint(path, NARROW).weights, WEIGHTS)
    [(source, config)] = [c for c in configurations(found.plain) if "name" in c[1]]
    assert (
        source
        == {None: "its model.config", "model": "its model.config", "ema": "its ema.config"}[wrap]
    )
    assert config == {"name": "tf_efficientdet_d0", "anchor_scale": 2.0}


def test_a_bench_around_a_pickled_network_gives_its_anchors_too(tmp_path):
    net = module_of(WEIGHTS)
    anchors = module("effdet.anchors.Anchors", buffers={"boxes": np.zeros((9, 4), np.float32)})
    bench = module("effdet.bench.DetBenchTrain", modules={"model": net, "anchors": anchors})
    found = read(save(bench, tmp_path / "bench.pt"))
    assert set(found.tensors) == {*(f"model.{name}" for name in WEIGHTS), "anchors.boxes"}


def test_modules_that_hold_each_other_are_refused(tmp_path):
    wide = module("own.A", parameters={"a": np.ones(1)})
    for _ in range(30):  # 2^30 names
        wide = module("own.A", modules={"a": wide, "b": wide})
    loop = module("own.B")
    loop._modules["again"] = loop
    for value in (wide, loop):
        with pytest.raises(
            CheckpointError, match="more than 500000 modules and tensors, or of modules"
        ):
            read(save(value, tmp_path / "a.pt"))


def test_lists_that_repeat_each_other_stay_small(tmp_path):
    value: Any = [1.0]
    for _ in range(60):
        value = [value, value]
    wide: Any = {"a": 1.0}
    for _ in range(20):
        wide = {"a": wide, "b": wide}
    path = save(
        {"state_dict": tensors(SMALL), "args": {"x": value}, "cfg": wide, "z": 1}, tmp_path / "a.pt"
    )
    found = read(path)
    assert found.plain["args"] == {}
    assert len(str(found.plain)) < 10_000_000
    assert found.plain["z"] == 1


def test_large_parts_that_are_named_often_cost_no_time(tmp_path):
    """Shared parts are repeated in a tree: without limits, what is small in the file is huge here."""
    again: dict[str, Any] = {f"n{i}": None for i in range(20_000)}
    again.update(dict.fromkeys(USUAL + AVERAGED, again))
    wide = [0] * 9_000
    slotted = _with(named("own.Slots"))
    numbers = np.arange(500.0)
    value = {
        "state_dict": tensors(SMALL),
        "model_ema": again,
        **{f"list{i}": wide for i in range(1000)},
        **{f"array{i}": [numbers] * 1000 for i in range(100)},
        "objects": [slotted] * 9_000,
    }
    found = read(save(value, tmp_path / "a.pt", 4))
    assert same(found.tensors, SMALL)
    assert found.plain["list0"] == wide
    assert "list999" not in found.plain


# Extra tensors: (beside the network, its prefix) -> what is said
@pytest.mark.parametrize(
    ("prefix", "extra", "note"),
    [
        (
            "model.",
            {"val_map.scores": np.ones(5), "loss_fn.alpha": np.ones(1)},
            "not read, as outside of 'model.': val_map.scores (5,), loss_fn.alpha (1,)",
        ),
        (
            "module.",
            {"n_averaged": np.ones(())},
            "not read, as outside of 'module.': n_averaged ()",
        ),
        (
            "model.",
            {f"head.{i}": np.ones(1) for i in range(9)},
            "not read, as outside of 'model.': head.* (9 tensors)",
        ),
    ],
)
def test_tensors_outside_of_the_network_are_named(tmp_path, prefix, extra, note):
    value = {"state_dict": tensors(WEIGHTS, prefix) | tensors(extra)}
    checkpoint = read_checkpoint(save(value, tmp_path / "last.ckpt"), NARROW)
    assert same(checkpoint.weights, WEIGHTS)
    assert checkpoint.notes == (note,)


ONE, TWO = np.zeros((1, 4)), np.zeros((2, 4))


@pytest.mark.parametrize(
    ("names", "taken", "notes"),
    [
        ({"anchors.boxes": TWO}, TWO, 0),
        ({"model.anchors.boxes": TWO, "model.anchor_labeler.anchors.boxes": TWO}, TWO, 0),
        ({"model.anchors.boxes": TWO, "anchors.boxes": ONE}, TWO, 1),
        ({"train.anchors.boxes": TWO, "predict.anchors.boxes": TWO}, TWO, 1),
        ({"train.anchors.boxes": TWO, "predict.anchors.boxes": ONE}, None, 1),
        ({"model.model.anchors.boxes": TWO}, TWO, 0),
        ({}, None, 0),
    ],
)
def test_the_anchors_of_the_bench_around_the_network_stay_with_it(names, taken, notes):
    state = {f"model.model.{EFFDET.class_bias}": np.zeros(1), **names}
    own, said = take_network(state, [EFFDET.marks])
    assert np.array_equal(own.get("anchors.boxes"), taken)
    assert len(said) == notes


def test_unknown_tensors_within_the_network_are_refused(tmp_path):
    value = tensors(WEIGHTS, "model.") | tensors({"model.fpn.extra": np.ones(2)})
    with pytest.raises(CheckpointError, match=r"unknown fpn.extra \(2,\)"):
        read_checkpoint(save(value, tmp_path / "a.pth"), NARROW)


OTHER = {name: array + 1 for name, array in WEIGHTS.items()}


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ("ema.module.", "model."),
        ("model_ema.module.", "model."),
        ("ema_model.", "online_model."),
        ("averaged_model.module.", "model."),
        ("student.", "teacher."),
        ("model.student.", "model.teacher_model."),
        ("teacher_ema.", "student."),
        ("model.", "teacher."),
    ],
)
def test_averaged_weights_and_students_go_first_and_it_is_said(tmp_path, taken, left):
    value = tensors(OTHER, left) | tensors(WEIGHTS, taken)
    checkpoint = read_checkpoint(save(value, tmp_path / "last.ckpt"), NARROW)
    assert same(checkpoint.weights, WEIGHTS)
    assert checkpoint.notes[0] == f"its weights are those under {taken!r}, not those under {left!r}"
    assert f"({len(WEIGHTS)} tensors)" in checkpoint.notes[1]


def test_quantized_tensors_are_named(tmp_path):
    class Quantized:
        def __reduce__(self):
            return named_function("torch._utils._rebuild_qtensor"), (1,)

    value = {"state_dict": tensors(SMALL) | {"stem.weight": Quantized()}}
    with pytest.raises(
        CheckpointError, match=r"quantized tensors, first stem\.weight: give the check"
    ):
        read(save(value, tmp_path / "a.pth"))


@pytest.mark.parametrize("prefix", ["", "model.", "model.model."])
def test_safetensors_files_are_no_different(tmp_path, prefix):
    """As safetensors.torch.save_model and Hugging Face's hub write them."""
    state = {prefix + name: array for name, array in WEIGHTS.items()}
    extra = {"val_map.scores": np.ones(2, np.float32)} if prefix else {}
    write_safetensors(tmp_path / "m.safetensors", state | extra, {"format": "pt"}, np.float32)
    checkpoint = read_checkpoint(tmp_path / "m.safetensors", NARROW)
    assert same(checkpoint.weights, WEIGHTS)
    assert len(checkpoint.notes) == len(extra)


def test_the_suffix_does_not_matter(tmp_path):
    write_safetensors(tmp_path / "m.pt", WEIGHTS, {"format": "pt"}, np.float32)
    assert same(read_checkpoint(tmp_path / "m.pt", NARROW).weights, WEIGHTS)
    for name in ("pytorch_model.bin", "model_best.pth.tar", "last.ckpt", "weights"):
        for legacy in (False, True):
            path = save(tensors(WEIGHTS), tmp_path / name, legacy=legacy)
            assert same(read_checkpoint(path, NARROW).weights, WEIGHTS)


def test_two_networks_are_refused(tmp_path):
    value = tensors(OTHER, "day.") | tensors(WEIGHTS, "night.")
    with pytest.raises(
        CheckpointError, match=r"holds 2 networks, under 'day\.', 'night\.': save the"
    ):
        read_checkpoint(save(value, tmp_path / "a.pth"), NARROW)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (None, []),
        ([1], []),
        ({"state_dict": {}}, []),
        (
            {"hyper_parameters": {"anchor_scale": 2.0}},
            [("its hyper_parameters", {"anchor_scale": 2.0})],
        ),
        (
            {"hyper_parameters": {"lr": 1, "config": {"image_size": 768}}},
            [
                ("its hyper_parameters", {"lr": 1, "config": {"image_size": 768}}),
                ("its hyper_parameters.config", {"image_size": 768}),
            ],
        ),
        (
            {"hyper_parameters": {"model": {"cfg": {"a": 1}}}},
            [
                ("its hyper_parameters", {"model": {"cfg": {"a": 1}}}),
                ("its hyper_parameters.model", {"cfg": {"a": 1}}),
                ("its hyper_parameters.model.cfg", {"a": 1}),
            ],
        ),
        # timm/utils/checkpoint_saver.py of effdet's train.py
        (
            {"epoch": 1, "arch": "tf_efficientdet_d0", "version": 2, "args": {"mean": None}},
            [
                (
                    "its entries beside the weights",
                    {"epoch": 1, "arch": "tf_efficientdet_d0", "version": 2},
                ),
                ("its args", {"mean": None}),
            ],
        ),
        ({"meta": {"img_size": 512}}, [("its meta", {"img_size": 512})]),
        ({"hyper_parameters": {"a": 1}, "hparams": {"a": 1}}, [("its hyper_parameters", {"a": 1})]),
        (
            {"datamodule_hyper_parameters": {"mean": [0.5]}},
            [("its datamodule_hyper_parameters", {"mean": [0.5]})],
        ),
        (
            {"hyper_parameters": {"model": {"_modules": {"model": {"config": {"a": 1}}}}}},
            [
                ("its hyper_parameters", {"model": {"_modules": {"model": {"config": {"a": 1}}}}}),
                ("its hyper_parameters.model.model.config", {"a": 1}),
            ],
        ),
    ],
)
def test_configurations_are_found(plain, expected):
    assert configurations(plain) == expected
