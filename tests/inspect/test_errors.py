"""Errors by tensor and by block: own errors, and errors that were inherited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.converters.inspect.errors.block_error import BlockError, block_errors
from edge_edet.converters.inspect.errors.error_sums import decibels
from edge_edet.converters.inspect.errors.tensor_error import TensorError, by_harm, tensor_errors
from edge_edet.converters.inspect.network_parts import block_of, part_of
from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.converters.inspect.tflite.pairs import match_tensors
from edge_edet.converters.inspect.tflite.runner import Runner
from edge_edet.errors import InputError
from edge_edet.formats.tflite.file import read_tflite


def opened_pair(int8_path: Path, float_path: Path) -> tuple[Rewritable, Rewritable]:
    return Rewritable(read_tflite(int8_path)), Rewritable(read_tflite(float_path))


def errors_of(int8_path: Path, float_path: Path, inputs: list[Any]) -> list[TensorError]:
    """Return the errors of all tensors, most harmful first."""
    integer, exact = opened_pair(int8_path, float_path)
    return by_harm(tensor_errors(integer, exact, match_tensors(integer, exact), inputs, 1))


def blocks_of(int8_path: Path, float_path: Path, inputs: list[Any]) -> list[BlockError]:
    integer, exact = opened_pair(int8_path, float_path)
    return block_errors(integer, exact, match_tensors(integer, exact), inputs, 1)


@pytest.fixture(scope="module")
def inputs(bench: Any) -> list[Any]:
    return [bench.pixels(p) for p in bench.pictures[:2]]


@pytest.fixture(scope="module")
def clipped(model: Callable[[str], Path], float_path: Path, inputs: list[Any]) -> list[TensorError]:
    return errors_of(model("clipped"), float_path, inputs)


def test_most_harmful_is_the_cause_not_what_it_spoilt(clipped: list[TensorError]) -> None:
    cause = clipped[0]
    assert cause.name == "backbone/blocks.3.1/add"
    spoilt = [e for e in clipped if e.order > cause.order and e.behind_db < cause.own_db]
    assert spoilt  # there are worse errors behind it, and it still stands first
    assert cause.reach_db > cause.own_db + 20


def test_carried_integers_are_no_ones_own(clipped: list[TensorError]) -> None:
    by_name = {e.name: e for e in clipped}
    assert by_name["class_logits"].carried
    assert by_name["fpn/p6"].carried
    assert by_name["fpn/cell.0/fnode.0/in.4/resize"].carried
    assert by_name["fpn/cell.0/fnode.0/in.4/scale"].carried
    assert not by_name["fpn/cell.0/fnode.0/conv_pw"].carried
    assert [e.carried for e in by_harm(clipped)] == sorted(e.carried for e in clipped)


def test_rescaled_channels_are_undone(
    model: Callable[[str], Path], float_path: Path, inputs: list[Any]
) -> None:
    integer, exact = opened_pair(model("equalized"), float_path)
    rescaled = {t.name for t in match_tensors(integer, exact) if t.factors is not None}
    assert {"backbone/blocks.0.0/conv_dw", "backbone/blocks.0.0/conv_dw/swish"} <= rescaled
    assert {"backbone/blocks.0.0/se/mean", "backbone/blocks.0.0/se/mul"} <= rescaled
    assert "backbone/blocks.0.0/conv_pw" not in rescaled
    errors = {e.name: e for e in errors_of(model("equalized"), float_path, inputs)}
    assert all(errors[name].cosine > 0.9 for name in rescaled)


def test_exposed_tensors_do_not_change_what_runs(
    model: Callable[[str], Path], inputs: list[Any]
) -> None:
    plain = read_tflite(model("equalized"))
    every = [t for op in plain.operators for t in op.outputs]
    rewritten = Rewritable(plain)
    values = []
    for content in (plain.path.read_bytes(), rewritten.exposing(every)):
        runner = Runner(content, 1)
        runner.run({runner.inputs[0]: inputs[0]})
        values.append([runner.get(i).copy() for i in plain.outputs])
    for left, right in zip(*values, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_block_is_blamed_for_its_own_error_only(
    model: Callable[[str], Path], float_path: Path, inputs: list[Any]
) -> None:
    blocks = {b.tensor: b for b in blocks_of(model("empty_weights"), float_path, inputs)}
    assert blocks["fpn/cell.1/fnode.4/conv_pw"].own_db < 1
    behind = [b for b in blocks.values() if b.block.startswith("fpn/cell.2")]
    assert len(behind) == 8
    assert min(b.own_db for b in behind) > 15  # with exact inputs they are as good as ever


def test_first_block_alone_is_the_running_model(
    model: Callable[[str], Path], float_path: Path, inputs: list[Any]
) -> None:
    blocks = blocks_of(model("mse"), float_path, inputs)
    errors = {e.name: e for e in errors_of(model("mse"), float_path, inputs)}
    assert blocks[0].tensor == "backbone/conv_stem/swish"
    assert blocks[0].own_db == pytest.approx(errors["backbone/conv_stem/swish"].behind_db, abs=0.01)


def test_another_network_is_refused(
    shared: Path, planted: Any, model: Callable[[str], Path], tmp_path: Path, inputs: list[Any]
) -> None:
    other = planted.lite(shared, tmp_path / "lite").float_model()
    with pytest.raises(InputError, match="is not the float model of"):
        errors_of(model("mse"), other, inputs)


@pytest.mark.parametrize(
    ("name", "block", "part"),
    [
        ("backbone/conv_stem/swish/sigmoid", "backbone/conv_stem", "stem"),
        ("backbone/blocks.2.1/se/gate", "backbone/blocks.2.1", "backbone"),
        ("fpn/cell.1/fnode.4/in.2/pool", "fpn/cell.1/fnode.4", "fpn"),
        ("fpn/resample.3/conv", "fpn/resample.3", "fpn"),
        ("class_net/p3/conv_rep.0/conv_dw", "class_net/p3", "class_net"),
        ("box_codes", "box_codes", "outputs"),
        ("normalized", "normalized", "input"),
        ("model/stem/conv;model/stem/bn", "model/stem", "other"),
    ],
)
def test_names_give_block_and_part(name: str, block: str, part: str) -> None:
    assert (block_of(name), part_of(name)) == (block, part)


@pytest.mark.parametrize(
    ("signal", "error", "expected"),
    [(1.0, 0.0, 120.0), (1.0, 0.01, 20.0), (0.0, 1.0, -120.0), (0.0, 0.0, 120.0)],
)
def test_decibels(signal: float, error: float, expected: float) -> None:
    assert decibels(signal, error) == pytest.approx(expected)
