"""Estimates as rows and as text: never to be taken for measurements."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.benchmarks.analysis.values import latency_of
from edge_edet.benchmarks.estimate.end_to_end import stages_ms
from edge_edet.benchmarks.estimate.rows import check_estimable, estimate_rows, in_words, report
from edge_edet.benchmarks.rows.parts import DeviceName, Estimate, RequestedConfig
from edge_edet.benchmarks.rows.schema import row_from_dict, row_to_dict
from edge_edet.errors import InputError

Convert = Callable[..., Path]
RPI4 = DeviceName("rpi4", "Raspberry Pi 4 Model B")
WAYS = (RequestedConfig(threads=1), RequestedConfig(threads=4))


def test_a_row_says_that_it_is_estimated(converted: Convert) -> None:
    rows = estimate_rows([converted("lite0", "int8")], RPI4, WAYS)
    assert [row.asked.threads for row in rows] == [1, 4]
    for row in rows:
        assert (row.how, row.samples_ms, row.ran, row.machine) == ("estimated", {}, None, None)
        assert row.estimate is not None
        assert row.estimate.coverage == 0.9
        assert (row.model.variant, row.model.image_size) == ("lite0", (320, 320))
        document = json.loads(json.dumps(row_to_dict(row)))
        assert row_to_dict(row_from_dict(document, "here")) == document
    assert len({row.key for row in rows}) == 2


def test_every_figure_of_the_table_is_marked(converted: Convert) -> None:
    models = [converted("lite0", "int8"), converted("d0", "int8")]
    lines = report(estimate_rows(models, RPI4, WAYS)).splitlines()
    assert max(map(len, lines)) <= 80
    assert "estimated: nothing ran there" in lines[0]
    table = lines[3:7]
    assert all(" ~" in line and line.endswith(", estimated)") for line in table)
    assert "leave-one-model-out error on rpi4: median" in " ".join(lines)
    assert lines[-1] == "to measure: edge-edet bench --board rpi4 --host pi@ADDRESS"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        ((176.4, 130.2, 240.0), "~176 ms (130-240, estimated)"),
        ((9.96, 8.04, 12.0), "~10 ms (8.0-12, estimated)"),
        ((0.4, 0.2, 0.61), "~0.4 ms (0.2-0.6, estimated)"),
    ],
)
def test_words(ms: tuple[float, float, float], text: str) -> None:
    assert in_words(Estimate(*ms, 0.9, "", ())) == text


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (RequestedConfig(runtime="openvino"), "runtime 'openvino'"),
        (RequestedConfig(delegate="none"), "delegate 'none'"),
        (RequestedConfig(device_type="GPU"), "device type 'GPU'"),
        (RequestedConfig(precision="bf16"), "precision 'bf16'"),
        (RequestedConfig(streams=4), "streams 4"),
        (RequestedConfig(delegate_options={"a": "b"}), "delegate options {'a': 'b'}"),
    ],
)
def test_what_was_not_measured_on_boards_is_refused(asked: RequestedConfig, named: str) -> None:
    with pytest.raises(InputError, match=f"no estimate for {named} on rpi4: .*with --host"):
        check_estimable(asked, "rpi4")


def test_threads_left_open_are_all_that_are_worth_knowing(converted: Convert) -> None:
    rows = estimate_rows([converted("lite0", "int8")], RPI4, [RequestedConfig()])
    assert [row.asked.threads for row in rows] == [1, 2, 4]


def test_more_threads_than_were_measured_are_refused(converted: Convert) -> None:
    with pytest.raises(InputError, match="no estimate for 8 threads"):
        estimate_rows([converted("lite0", "int8")], RPI4, [RequestedConfig(threads=8)])


def test_what_was_found_is_left_out_and_what_was_named_is_refused(
    tmp_path: Path, converted: Convert
) -> None:
    dynamic, notes = converted("lite0", "int8-dynamic"), list[str]()
    models = [dynamic, converted("lite0", "int8")]
    with pytest.raises(InputError, match="dynamic-range INT8"):
        estimate_rows(models, RPI4, WAYS)
    rows = estimate_rows(models, RPI4, WAYS, named=False, note=notes.append)
    assert {row.model.precision for row in rows} == {"int8"}
    assert "left out: no estimate for" in notes[0]
    with pytest.raises(InputError, match="none of the models can be estimated for rpi4"):
        estimate_rows([dynamic], RPI4, WAYS, named=False, note=notes.append)


@pytest.mark.parametrize("form", ["openvino", "onnx"])
def test_other_formats_are_refused_where_no_latency_of_their_runtime_is_published(
    converted: Convert, form: str
) -> None:
    path = converted("lite0", "fp32", "--to", form)
    with pytest.raises(InputError, match=r"on rpi4: latencies of \w+ that .* for n100 alone"):
        estimate_rows([path], RPI4, WAYS)


def test_end_to_end_comes_on_top_and_is_less_well_known(converted: Convert) -> None:
    for row in estimate_rows([converted("d0", "int8")], RPI4, WAYS):
        alone, whole = row.estimate, row.estimate and row.estimate.end_to_end
        assert alone is not None
        assert whole is not None
        assert alone.p50_ms < whole.p50_ms < alone.p50_ms + 40
        assert alone.low_ms < whole.low_ms
        assert whole.high_ms - alone.high_ms > 4 * (whole.low_ms - alone.low_ms)
        assert latency_of(row, "end_to_end") is not None
    before = json.loads(json.dumps(row_to_dict(row)))
    del before["estimate"]["end_to_end"]  # as rows were written
    assert latency_of(row_from_dict(before, "here"), "end_to_end") is None


def test_slower_boards_take_longer_for_the_rest() -> None:
    times = [stages_ms(board, (512, 512)) for board in ("n100", "rpi5", "rpi4")]
    assert times == sorted(times)
    assert stages_ms("rpi4", (320, 320)) < times[2]
