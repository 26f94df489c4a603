"""Real counts on emulated cores. Each process starts Python and numpy under QEMU, some 10 s of a core."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_edet.benchmarks.counting import rows as counting
from edge_edet.benchmarks.rows import read_rows, row_from_dict, row_to_dict
from edge_edet.cli import main
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter
from edge_edet.devices.counting import CountedRun, ModelRun, run_counted, run_same_wheel
from edge_edet.errors import BackendError

SIDE, CHANNELS = 16, 64
MULTIPLY_ADDS = SIDE * SIDE * CHANNELS * CHANNELS


@pytest.fixture(scope="session")
def convolution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One INT8 convolution of 1x1, 16 x 16 x 64 to 64 channels: 1,048,576 multiply-adds."""
    random, writer = np.random.default_rng(0), TfliteWriter("one convolution")
    grid, shape = Quantization((0.1,), (0,)), (1, SIDE, SIDE, CHANNELS)
    weights = random.integers(-127, 128, (CHANNELS, 1, 1, CHANNELS), np.int8)
    scales = Quantization((0.01,) * CHANNELS, (0,) * CHANNELS)
    x = writer.tensor("x", shape, "int8", grid)
    w = writer.tensor("w", weights.shape, "int8", scales, weights)
    bias = Quantization((0.001,) * CHANNELS, (0,) * CHANNELS)
    b = writer.tensor("b", (CHANNELS,), "int32", bias, np.zeros(CHANNELS, np.int32))
    y = writer.tensor("y", shape, "int8", grid)
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    writer.operator(schema.BuiltinOperator.CONV_2D, 3, [x, w, b], [y], options)
    writer.interface({"x": x}, {"y": y})
    path = tmp_path_factory.mktemp("conv") / "conv.tflite"
    path.write_bytes(writer.to_bytes())
    return path


def test_a_dot_product_does_sixteen_multiply_adds(
    convolution: Path, arm_root: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(convolution.read_bytes()[:100])
    first, refused, again = run_counted(
        [convolution, broken, convolution], "cortex-a76", root=arm_root
    )
    assert isinstance(refused, BackendError), "and the next one is counted all the same"
    assert isinstance(first, CountedRun)
    assert isinstance(again, CountedRun)
    counted = first.inferences[-1]
    kinds = dict(zip(counting.KINDS, counted.kinds, strict=True))
    assert kinds["dot product"] == MULTIPLY_ADDS // 16
    assert kinds["unknown"] == 0
    moved = SIDE * SIDE * CHANNELS
    assert counted.stored >= moved
    assert counted.loaded >= moved + CHANNELS * CHANNELS
    # another process, another run: the same to 0.5 %
    other = again.inferences[-1].instructions
    assert other == pytest.approx(counted.instructions, rel=counting.MOST_ERROR)
    (here,) = run_same_wheel([convolution], root=arm_root)
    assert isinstance(here, ModelRun)
    np.testing.assert_array_equal(here.outputs[0], first.outputs[0])


def test_rows_of_a_core_without_dot_products(
    convolution: Path,
    tiny: Callable[..., Path],
    arm_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command, with each operator alone; the tiny model has no convolution."""
    monkeypatch.chdir(arm_root.parents[1])
    rows = tmp_path / "rows.jsonl"
    command = ["bench", str(tiny()), "--count", "--per-operator", "--host", "emulated:rpi4"]
    assert main([*command, "-o", str(rows)]) == 0
    said = capsys.readouterr()
    assert "counted on QEMU's cortex-a72" in said.out
    assert "difference of the whole to their sum" in said.out
    (row,) = read_rows(rows)
    assert row.how == "counted"
    assert row.device.id == "rpi4"
    assert row.ran is not None
    assert row.ran.threads == 1
    assert row.counts is not None
    assert row.counts.core == "cortex-a72"
    assert row.counts.repeat_error * row.counts.instructions <= 2 * counting.FEW
    assert row.counts.kinds.keys() <= set(counting.KINDS) - {
        "dot product",
        "int8 matrix",
        "unknown",
    }
    assert row.counts.operators
    assert all(one.error is None for one in row.counts.operators)
    assert sum(one.times for one in row.counts.operators) == row.ran.operators
    assert row_from_dict(json.loads(json.dumps(row_to_dict(row))), "row") == row
    # the same row is not counted again
    assert main([*command, "-o", str(rows), "--resume"]) == 0
    assert len(read_rows(rows)) == 1


def test_threads_that_wait_are_left_out(convolution: Path, arm_root: Path) -> None:
    one, many = (
        run_counted([convolution], "cortex-a72", threads=threads, root=arm_root)[0]
        for threads in (1, 4)
    )
    assert isinstance(one, CountedRun)
    assert isinstance(many, CountedRun)
    widening = counting.KINDS.index("widening multiply")
    assert one.inferences[-1].kinds[widening] == many.inferences[-1].kinds[widening] > 0
    assert not any(run.inferences[-1].kinds[0] for run in (one, many)), "no dot products on an A72"
    assert one.inferences[-1].waiting == 0
    # What the threads share out among themselves comes on top, some thousand instructions.
    assert many.inferences[-1].instructions < 1.5 * one.inferences[-1].instructions


def test_a_core_that_computes_something_else_is_refused(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(output: float) -> list[CountedRun]:
        return [CountedRun({}, (np.full((1, 10), output, np.int8),), ())]

    monkeypatch.setattr(counting, "run_same_wheel", lambda *_, **__: run(1))
    monkeypatch.setattr(counting, "run_counted", lambda *_, **__: run(99))
    options = {"per_operator": False, "timeout_s": 1, "done": lambda _: False, "note": print}
    config = counting.RequestedConfig()
    (error,) = counting.count_rows([tiny()], [config], "cortex-x", **options)  # type: ignore[arg-type]
    assert isinstance(error, BackendError)
    assert "max,sme=off,sve=off computes something else than this machine" in str(error)
    assert "98 steps apart" in str(error)
