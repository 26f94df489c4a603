"""What is read from the files, against other counts of the same networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.benchmarks.estimate.features import read_features
from edge_edet.benchmarks.published import read_rows
from edge_edet.converters.write.tflite.flatbuffer import TfliteWriter, schema
from edge_edet.errors import ModelFileError
from edge_edet.network.build import build_network
from edge_edet.studies import lite_work
from edge_edet.variants import VARIANTS

Convert = Callable[..., Path]


def test_shipped_table_is_what_the_script_counts() -> None:
    shipped = [",".join(row.values()) for row in read_rows("lite_work")]
    assert list(lite_work.lines(["lite0"])) == [r for r in shipped if r.startswith("lite0,")]
    assert [row.split(",")[0] for row in shipped[::2]] == [n for n in VARIANTS if "lite" in n]


@pytest.mark.parametrize("variant", ["lite0", "d0"])
def test_multiply_adds_are_those_of_the_graph(converted: Convert, variant: str) -> None:
    found = read_features(converted(variant, "int8"))
    assert found.multiply_adds["fp32"] == found.bytes_moved["fp32"] == 0
    assert found.total_multiply_adds == build_network(VARIANTS[variant]).multiply_adds()


def test_float_moves_four_times_the_bytes_of_int8(converted: Convert) -> None:
    exact, integer = (read_features(converted("lite0", p)) for p in ("fp32", "int8"))
    ratio = exact.bytes_moved["fp32"] / integer.bytes_moved["int8"]
    assert ratio == pytest.approx(4, rel=0.02)  # the picture is uint8 in both
    assert (exact.precision, integer.precision) == ("fp32", "int8")


def test_float16_weights_are_float32_work(converted: Convert) -> None:
    assert read_features(converted("lite0", "fp16")) == read_features(converted("lite0", "fp32"))


def test_swish_and_squeeze_and_excitation_are_apart(converted: Convert) -> None:
    d0, lite0 = (read_features(converted(name, "int8")) for name in ("d0", "lite0"))
    assert set(d0.unmeasured) == {"LOGISTIC", "MUL", "MEAN"}
    assert d0.unmeasured["LOGISTIC"] < d0.unmeasured["MUL"]
    assert lite0.unmeasured == {}


def test_suppression_in_the_file_is_counted(converted: Convert) -> None:
    found = read_features(converted("lite0", "int8", "--nms", "in-graph"))
    assert found.suppressed_scores == 2000 * 90
    assert found.multiply_adds["fp32"] == 0
    assert read_features(converted("lite0", "int8")).suppressed_scores == 0
    assert read_features(converted("lite0", "int8")).largest_output == 19_206 * 90


def test_dynamic_range_is_refused(converted: Convert) -> None:
    with pytest.raises(ModelFileError, match=r"dynamic-range INT8.*measure it on the board"):
        read_features(converted("lite0", "int8-dynamic"))


def written(path: Path, code: int) -> Path:
    """A model of that one operator."""
    writer = TfliteWriter("one operator")
    image, out = (writer.tensor(name, (1, 4, 4, 3), "float32") for name in ("image", "out"))
    writer.operator(code, 1, [image], [out])
    writer.interface({"image": image}, {"out": out})
    path.write_bytes(writer.to_bytes())
    return path


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (schema.BuiltinOperator.COS, "the operator COS"),
        (schema.BuiltinOperator.LOGISTIC, "no convolution"),
    ],
)
def test_unknown_work_is_refused(tmp_path: Path, code: int, message: str) -> None:
    with pytest.raises(ModelFileError, match=f"it has {message}, and the published latencies"):
        read_features(written(tmp_path / "model.tflite", code))


def test_a_broken_operator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"operator 0 \(CONV_2D\)"):
        read_features(written(tmp_path / "model.tflite", schema.BuiltinOperator.CONV_2D))
