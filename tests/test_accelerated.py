"""The table of what each runtime is fast with, by version, and what is said by it."""

from __future__ import annotations

import itertools

import pytest

from edge_edet.backends.litert.fast_precisions import COVERED, TABLE, kernels_of, slow, summary
from edge_edet.formats import FORMATS
from edge_edet.manifest import PRECISIONS


@pytest.mark.parametrize(
    ("runtime", "version", "versions"),
    [
        ("ai-edge-litert", "1.4.0", "1.4 to 2.1"),
        ("ai-edge-litert", "2.1.6", "1.4 to 2.1"),
        ("ai-edge-litert", "2.2.0", "2.2 to 2.3"),
        ("ai-edge-litert", "2.3.0.dev20260801", "2.2 to 2.3"),
        ("tflite-runtime", "2.14.0", "2.14"),
        ("tensorflow", "2.16.2", "2.16"),
        ("tensorflow", "2.19.1", "2.17 to 2.19"),
        ("ai-edge-litert", "1.3.0", None),
        ("ai-edge-litert", "2.10.0", None),  # newer than 2.3, though "2.10" sorts before it
        ("tflite-runtime", "2.5.0.post1", None),
        ("tflite-runtime", "unknown", None),
        ("tflite-runtime", "", None),
        ("openvino", "2.14.0", None),
    ],
)
def test_versions_are_compared_as_numbers(runtime: str, version: str, versions: str | None) -> None:
    row = kernels_of(runtime, version)
    assert (row.versions if row else None) == versions


def test_rows_do_not_overlap_and_name_what_there_is() -> None:
    for row in TABLE:
        assert row.runtime in FORMATS[".tflite"].runtimes
        assert row.first <= row.last
        assert {*row.times, *row.slow} <= {*PRECISIONS}
        assert all(row.slow[name].advice for name, time in row.times.items() if time > 1)
    for one, other in itertools.combinations(TABLE, 2):
        assert one.runtime != other.runtime or one.last < other.first or other.last < one.first


@pytest.mark.parametrize(
    ("runtime", "version", "precision", "covered", "advice"),
    [
        ("tflite-runtime", "2.14.0", "int8", 0.0, "use ai-edge-litert 1.4 or newer"),
        ("tflite-runtime", "2.14.0", "uint8", 0.0, "use ai-edge-litert 1.4 or newer"),
        ("tflite-runtime", "2.14.0", "int8-dynamic", 0.73, "an int8 or fp32 file"),
        ("ai-edge-litert", "2.1.6", "fp16", 0.47, "use ai-edge-litert 2.2 or newer"),
        ("ai-edge-litert", "2.3.0", "int8-dynamic", 0.85, "convert the model again"),
    ],
)
def test_what_xnnpack_does_not_take_is_said_with_what_to_use(
    runtime: str, version: str, precision: str, covered: float, advice: str
) -> None:
    found = slow(runtime, version, precision, covered)
    assert found is not None
    assert f"{runtime} {version} XNNPACK takes only {covered:.0%} of the operators" in found.text
    assert "2026-11-28" in found.text
    assert advice in found.advice
    assert "\n" not in found.text + found.advice


@pytest.mark.parametrize(
    ("runtime", "version", "precision", "covered"),
    [
        ("tflite-runtime", "2.14.0", "int8", 0.975),  # taken: nothing to say
        ("ai-edge-litert", "2.1.6", "fp16", COVERED),
        ("tflite-runtime", "2.14.0", "int8", 0.43),  # another cause than the one that was measured
        ("ai-edge-litert", "2.3.0", "fp16", 0.5),  # not by the table
        ("ai-edge-litert", "2.3.0", "fp32", 0.5),
        ("ai-edge-litert", "9.0.0", "int8-dynamic", 0.5),  # not measured
        ("tflite-runtime", "2.14.0", "int8", None),  # it does not tell
    ],
)
def test_nothing_is_said_without_a_measurement(
    runtime: str, version: str, precision: str, covered: float | None
) -> None:
    assert slow(runtime, version, precision, covered) is None


def test_summary_is_of_this_version_or_says_which_were_measured() -> None:
    assert summary("ai-edge-litert", "2.3.0").startswith("time against float: int8 0.4")
    assert "for int8-dynamic use ai-edge-litert" in summary("tflite-runtime", "2.14.0")
    assert "it was for 1.4 to 2.1, 2.2 to 2.3" in summary("ai-edge-litert", "3.0.0")
    assert summary("onnxruntime", "1.30.0") == ""
