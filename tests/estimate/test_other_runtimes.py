"""IR and ONNX on the n100: from the work of the network, what is published, and an allowance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.benchmarks.estimate.estimate import estimate
from edge_edet.benchmarks.estimate.features import read_features
from edge_edet.benchmarks.estimate.network_work import network_features
from edge_edet.benchmarks.estimate.other_runtimes import DOUBT, estimate_other, openvino_factor
from edge_edet.benchmarks.published import read_rows
from edge_edet.benchmarks.rows.parts import RequestedConfig
from edge_edet.errors import InputError, ModelFileError
from edge_edet.variants import VARIANTS

Convert = Callable[..., Path]
FOUR = RequestedConfig(threads=4)


@pytest.mark.parametrize("variant", ["d0", "lite0"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_graph_has_the_work_of_the_file(
    converted: Convert, variant: str, precision: str
) -> None:
    """But for QUANTIZE and DEQUANTIZE, and what the file does to its input."""
    counted = network_features(VARIANTS[variant], precision)
    read = read_features(converted(variant, precision))
    assert counted.precision == read.precision == precision
    # a .tflite computes squeeze-and-excitation and padding apart
    assert counted.total_multiply_adds == pytest.approx(read.total_multiply_adds, rel=0.01)
    for kind in ("fp32", "int8"):
        assert counted.bytes_moved[kind] == pytest.approx(read.bytes_moved[kind], rel=0.08, abs=4e6)
    assert set(counted.unmeasured) == set(read.unmeasured)
    for name, elements in counted.unmeasured.items():
        assert elements == pytest.approx(read.unmeasured[name], rel=0.1)


def test_d0_comes_out_as_it_is_published() -> None:
    """Intel's Atom x7425E, all four cores."""
    rows = {row["precision"]: row for row in read_rows("openvino_latency") if row["used"] == "yes"}
    assert {row["cpu"] for row in rows.values()} == {"Atom x7425E"}
    assert 1 < openvino_factor("fp32") < openvino_factor("int8") < 2.2


@pytest.mark.parametrize(
    ("form", "runtime"), [("openvino", None), ("onnx", None), ("onnx", "openvino")]
)
def test_the_interval_is_wider_than_that_of_the_tflite(
    converted: Convert, form: str, runtime: str | None
) -> None:
    lite = estimate(converted("d0", "fp32"), "n100", 4)
    other = estimate_other(
        converted("d0", "fp32", "--to", form), "n100", RequestedConfig(runtime=runtime, threads=4)
    )
    assert lite.p50_ms < other.p50_ms < 2 * lite.p50_ms
    assert other.high_ms / other.low_ms > 0.9 * DOUBT**2 * lite.high_ms / lite.low_ms
    assert any("which is an allowance" in note for note in other.notes)
    assert ("Atom x7425E" in other.source) == ((runtime or form) == "openvino")


def test_more_threads_are_faster(converted: Convert) -> None:
    path = converted("lite0", "int8", "--to", "openvino")
    times = [estimate_other(path, "n100", RequestedConfig(threads=n)).p50_ms for n in (1, 2, 4)]
    assert times == sorted(times, reverse=True)


def test_what_runs_nowhere_is_refused(converted: Convert) -> None:
    path = converted("lite0", "fp32", "--to", "openvino")
    with pytest.raises(InputError, match="in onnxruntime: it runs in openvino"):
        estimate_other(path, "n100", RequestedConfig(runtime="onnxruntime", threads=4))
    with pytest.raises(InputError, match="on rpi5: latencies of openvino"):
        estimate_other(path, "rpi5", FOUR)
    with pytest.raises(ModelFileError, match="no estimate for int8-dynamic"):
        network_features(VARIANTS["lite0"], "int8-dynamic")
