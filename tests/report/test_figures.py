"""Rows to figures as data: what is drawn, what is joined, what is left out and said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import pytest

from edge_edet.benchmarks.analysis.options import Options
from edge_edet.benchmarks.analysis.published_numbers import published_from
from edge_edet.benchmarks.analysis.selection import select_rows
from edge_edet.benchmarks.report.device_latency import device_latency_figures
from edge_edet.benchmarks.report.figures.figure import Figure, Series
from edge_edet.benchmarks.report.float_int8 import float_int8_figures
from edge_edet.benchmarks.report.sustained import sustained_figures
from edge_edet.benchmarks.report.tradeoff import tradeoff_figures
from edge_edet.benchmarks.report.write import figures_of
from edge_edet.benchmarks.rows.parts import ActualConfig, Summary
from edge_edet.benchmarks.rows.schema import BenchmarkRow

Make = Callable[..., BenchmarkRow]
PLAIN = Options(None)


def figure(rows: Sequence[BenchmarkRow], name: str, options: Options = PLAIN) -> Figure:
    return next(one for one in tradeoff_figures(rows, options) if one.name == name)


def drawn(of: Figure) -> list[Series]:
    return [series for panel in of.panels for series in panel.series]


def told(of: Figure) -> str:
    return "; ".join(of.notes)


def test_measured_points_have_their_intervals(make_row: Make) -> None:
    row = make_row("d0", ms=80.0, ap=0.335)
    (series,) = drawn(figure([row], "ap-cpu"))
    (mark,) = series.marks
    samples = sorted(row.samples_ms["inference"])
    assert mark.x.low is not None
    assert mark.x.high is not None
    assert samples[0] < mark.x.low < mark.x.middle < mark.x.high < samples[-1]
    assert (mark.y.middle, mark.y.low, mark.y.high) == pytest.approx((33.5, 32.5, 34.5))
    assert mark.how == "measured"


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("ap-flops", {"multiply_adds": None}, "no multiply-adds"),
        ("ap-params", {"parameters": None}, "no parameters"),
    ],
)
def test_what_is_not_known_is_a_gap_that_is_said(
    make_row: Make, name: str, change: dict[str, object], reason: str
) -> None:
    row = make_row(ap=0.3)
    row = dataclasses.replace(row, model=dataclasses.replace(row.model, **change))  # type: ignore[arg-type]
    found = figure([row], name)
    assert found.panels == ()
    assert reason in told(found)


def software_gpu(row: BenchmarkRow) -> BenchmarkRow:
    assert row.ran is not None
    ran = dataclasses.replace(row.ran, delegate="gpu", device="SwiftShader Device")
    return dataclasses.replace(row, ran=ran)


def test_times_that_mean_nothing_are_left_out(make_row: Make, make_long_run: Make) -> None:
    rows = [
        make_row(ap=0.3, how="emulated"),
        make_row("d1", ap=0.3, samples_ms={"inference": (0.0, 0.0, 1.0)}),  # a clock too coarse
        dataclasses.replace(make_long_run(), accuracy=make_row(ap=0.3).accuracy),
    ]
    found = figure(rows, "ap-cpu")
    assert found.panels == ()
    for reason in ("emulated device", "a cost of 0", "long runs"):
        assert reason in told(found)
    found = figure([software_gpu(make_row(ap=0.3))], "ap-gpu")
    assert found.panels == ()
    assert "GPU was emulated in software" in told(found)


def test_a_gpu_row_is_in_the_gpu_figure_only(make_row: Make) -> None:
    ran = ActualConfig(
        "openvino",
        "2026",
        "none",
        None,
        None,
        None,
        "f16",
        None,
        None,
        None,
        ("GPU.0",),
        None,
        None,
    )
    rows = [make_row(ap=0.3, ran=ran)]
    assert len(drawn(figure(rows, "ap-gpu"))) == 1
    assert drawn(figure(rows, "ap-cpu")) == []


def test_published_ap_only_when_asked_and_marked(make_row: Make) -> None:
    rows, published = [make_row("d0")], published_from("v7", "val2017")
    without = figure(rows, "ap-cpu", Options(published))
    assert without.panels == ()
    assert "for the published weights, --published-ap takes the published AP" in told(without)
    (series,) = drawn(figure(rows, "ap-cpu", Options(published, published_ap=True)))
    assert series.name.endswith("published AP")
    assert (series.marks[0].y.middle, series.marks[0].how) == (34.3, "published")


@pytest.mark.parametrize(
    ("variant", "size", "split", "reason"),
    [
        (None, 320, "val2017", "no AP is published for this network"),
        ("d0", 320, "val2017", "no AP is published for this network"),
        ("lite0", 320, "test-dev", "no AP on COCO test-dev"),
    ],
)
def test_published_ap_is_not_lent_to_another_network(
    make_row: Make, variant: str | None, size: int, split: str, reason: str
) -> None:
    row = make_row(variant)
    row = dataclasses.replace(row, model=dataclasses.replace(row.model, image_size=(size, size)))
    found = figure([row], "ap-cpu", Options(published_from("v7", split), published_ap=True))
    assert found.panels == ()
    assert reason in told(found)


def test_published_ap_is_not_lent_to_other_classes(make_row: Make) -> None:
    row = make_row("d0")
    row = dataclasses.replace(row, model=dataclasses.replace(row.model, parameters=3_828_000))
    found = figure([row], "ap-cpu", Options(published_from("v7", "val2017"), published_ap=True))
    assert found.panels == ()
    assert "not the published network" in told(found)


def test_ap_of_other_data_has_figures_of_its_own(make_row: Make) -> None:
    rows = [
        make_row("d0", ap=0.335),
        make_row("d1", ap=0.58, data="data/bccd", pictures=72),
        make_row("d2", ap=0.3, data="part/instances.json", pictures=464),
    ]
    published = Options(published_from("v7", "val2017"), published_ap=True)
    names = {one.name: one for one in tradeoff_figures(rows, published) if one.panels}
    assert [mark.label for _, _, mark in names["ap-cpu"].marks()] == ["d0 fp32"]
    assert [mark.label for _, _, mark in names["ap-cpu-data1"].marks()] == ["d1 fp32"]
    assert "bccd, 72 pictures" in names["ap-flops-data1"].title
    assert [mark.label for _, _, mark in names["ap-flops-data2"].marks()] == ["d2 fp32"]
    assert all(series.color is not None for series in drawn(names["ap-flops-data1"]))


def test_own_data_comes_before_what_is_published_alone(make_row: Make) -> None:
    rows = [make_row("d1", ap=0.58, data="data/bccd", pictures=72)]
    published = Options(published_from("v7", "val2017"))
    titles = [one.title for one in figures_of(rows, published) if one.panels]
    assert "bccd, 72 pictures" in titles[0]
    assert "COCO val2017" in titles[-1]
    assert figure(rows, "ap-cpu", published).marks  # named as if it were the only data


def test_ap_of_another_row_of_the_same_file_makes_a_point(
    make_row: Make, make_estimate: Make
) -> None:
    """Time in one row, AP in another; the same file is the same sha256."""
    rows = [make_estimate("d0", "int8", 130.0), make_row("d0", "int8", ms=40.0, ap=0.331)]
    by_name = {series.name: series.marks for series in drawn(figure(rows, "ap-cpu"))}
    (lent,) = by_name["int8, rpi4, 1 thread, estimated, AP measured elsewhere"]
    assert (lent.x.middle, lent.y.middle, lent.y.low) == pytest.approx((130.0, 33.1, 32.1))
    assert lent.how == "estimated"
    assert (
        "evaluated in another row of the same file (sha256): host, ai-edge-litert" in lent.y.basis
    )
    assert len(by_name) == 2
    other = dataclasses.replace(rows[0].model, sha256="f" * 64)
    alone = figure([dataclasses.replace(rows[0], model=other), rows[1]], "ap-cpu")
    assert [series.name for series in drawn(alone)] == [
        "int8, host, ai-edge-litert xnnpack, 1 thread"
    ]
    assert "no AP measured: 'edge-edet bench --data DIR'" in told(alone)


def test_what_is_counted_is_drawn_once_for_a_file(make_row: Make, make_estimate: Make) -> None:
    rows = [make_row("d0", "int8", ap=0.331), make_estimate("d0", "int8", 130.0)]
    assert [len(series.marks) for series in drawn(figure(rows, "ap-flops"))] == [1]


def test_an_own_ap_counts_before_another_row_s(make_row: Make) -> None:
    rows = [make_row("d0", ap=0.30), make_row("d0", ms=90.0, ap=0.33, threads=2)]
    marks = [mark for series in drawn(figure(rows, "ap-cpu")) for mark in series.marks]
    assert [mark.y.middle for mark in marks] == pytest.approx([30.0, 33.0])


def test_every_point_says_variant_and_precision(make_row: Make) -> None:
    foreign = make_row(None, "int8", ap=0.4)
    model = dataclasses.replace(foreign.model, file="a_detector_with_a_long_name.tflite")
    rows = [make_row("d0", "int8", ap=0.3), dataclasses.replace(foreign, model=model)]
    labels = {mark.label for _, _, mark in figure(rows, "ap-cpu").marks()}
    assert labels == {"d0 int8", "a_detector_wi... int8"}


def test_lines_join_only_what_belongs_together(make_row: Make, make_estimate: Make) -> None:
    other = {"name": "edge-edet bench", "version": 1, "pictures": 7}
    rows = [
        make_row("d0", ms=80, ap=0.33),
        make_row("d1", ms=160, ap=0.39),
        make_row("d2", ms=290, ap=0.42, protocol=other),
        make_row("lite0", ms=40, ap=0.26),
        make_row("d0", "int8", ms=40, ap=0.32),
        make_row("d1", "int8", ms=70, ap=0.38, threads=2),
    ]
    found = figure(rows, "ap-cpu")
    lines = [[mark.label for mark in series.marks] for series in drawn(found) if series.line]
    assert lines == [["d0 fp32", "d1 fp32"]]
    assert "protocols 1 and 2 differ in pictures" in told(found)


def test_two_models_of_one_variant_are_not_joined(make_row: Make) -> None:
    first, second = make_row("d0", ms=80, ap=0.33), make_row("d0", ms=90, ap=0.35)
    second = dataclasses.replace(second, model=dataclasses.replace(second.model, sha256="f" * 64))
    found = figure([first, second, make_row("d1", ms=160, ap=0.39)], "ap-cpu")
    (series,) = drawn(found)
    assert not series.line
    assert "several models of one variant" in told(found)


def test_rows_that_are_there_twice_count_once(make_row: Make) -> None:
    row, again = make_row(ap=0.3), make_row(ap=0.3, seed=1)
    selected = select_rows([row, row, again])
    assert selected.rows == (again,)
    assert selected.notes == (
        "1 row is present twice: counted once",
        "1 row is measured again later: only the latest counts",
    )


def test_nothing_to_measure_is_a_gap(make_row: Make) -> None:
    found = figure([make_row(ap=None), make_row("d1", ap=-1.0)], "ap-cpu")
    assert found.panels == ()
    assert "its evaluation had no objects to find (d1-fp32.tflite)" in told(found)


def test_many_ways_become_several_figures(make_row: Make) -> None:
    rows = [make_row("d0", ms=80 / n, ap=0.3, threads=n) for n in range(1, 15)]
    parts = [f for f in tradeoff_figures(rows, PLAIN) if f.name.startswith("ap-cpu")]
    assert [part.name for part in parts] == ["ap-cpu-1", "ap-cpu-2", "ap-cpu-3"]
    assert sum(len(list(part.marks())) for part in parts) == 14
    for part in parts:
        colors = [series.color for series in drawn(part)]
        assert len(set(colors)) == len(colors)


def test_devices_show_estimates_apart_and_boards_beside(
    make_row: Make, make_estimate: Make
) -> None:
    rows = [make_row("d0"), make_estimate("lite0", "fp32", 300.0), make_row("d1", how="emulated")]
    (found,) = device_latency_figures(rows, "inference")
    assert [series.name for series in drawn(found)] == [
        "fp32",
        "fp32, estimated",
        "published, boards",
    ]
    assert [series.marks[0].how for series in drawn(found)] == [
        "measured",
        "estimated",
        "published",
    ]
    assert drawn(found)[2].marks[0].x.middle == 329.0  # rpi4, lite0, fp32, 1 thread
    (found,) = device_latency_figures(rows[1:2], "end_to_end")
    assert found.panels == ()
    assert "no end to end time" in told(found)


def test_a_foreign_summary_has_a_point_without_an_interval(make_row: Make) -> None:
    summary = Summary("benchmark_model", "inference", 50, 31.0, 1.0, 29.0, 35.0, None, None)
    (found,) = device_latency_figures([make_row("lite0", ms=None, summary=summary)], "inference")
    ((series,),) = [drawn(found)]
    value = series.marks[0].x
    assert (value.middle, value.low) == (31.0, None)
    assert "mean of 50, no samples kept" in value.basis


def test_float_against_int8_needs_rows_measured_alike(make_row: Make) -> None:
    rows = [make_row("d0", ms=80, ap=0.33), make_row("d0", "int8", ms=40, ap=0.32)]
    (found,) = float_int8_figures(rows, "inference")
    speed, accuracy = found.panels
    ((mark,),) = [series.marks for series in speed.series]
    assert mark.x.middle == pytest.approx(2.0, rel=0.05)
    assert mark.x.low is not None
    assert mark.x.low < mark.x.middle
    assert [len(series.marks) for series in accuracy.series] == [1, 1]
    (none,) = float_int8_figures([rows[0], make_row("d0", "int8", ms=40, threads=2)], "inference")
    assert none.panels == ()
    assert "measured in the same way" in told(none)
    other = make_row("d0", "int8", ms=40, ap=0.32, data="bccd", pictures=72)
    (found,) = float_int8_figures([rows[0], other], "inference")
    assert len(found.panels) == 1
    assert "different data" in told(found)


def test_a_minute_without_pictures_is_a_gap_in_the_line(make_long_run: Make) -> None:
    row = make_long_run()
    (found,) = sustained_figures([row])
    assert [panel.y.unit for panel in found.panels] == ["ms", "C", "MHz"]
    ys = [mark.y.middle for mark in found.panels[0].series[0].marks]
    assert [math.isnan(y) for y in ys] == [False, False, True, False, False]
    assert row.sustain is not None
    minutes = tuple(minute for minute in row.sustain.minutes if minute.minute != 3)
    lacking = dataclasses.replace(row, sustain=dataclasses.replace(row.sustain, minutes=minutes))
    (found,) = sustained_figures([lacking])
    assert "ended after minute 4 of 5" in told(found)
    ys = [mark.y.middle for mark in found.panels[0].series[0].marks]
    assert [math.isnan(y) for y in ys] == [False, False, True, False, False]
