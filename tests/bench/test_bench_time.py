"""How long a bench will take: bounds that hold what the options allow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from edge_edet.benchmarks.bench.expected_time import expected_s, expected_words
from edge_edet.benchmarks.measuring.job import Job
from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.rows.parts import DeviceName, RequestedConfig
from edge_edet.benchmarks.rows.schema import BenchmarkRow

Make = Callable[..., BenchmarkRow]


def job(
    make_row: Make, work: float | None = 2.5e9, sustain_s: float | None = None, **rule: float
) -> Job:
    facts = dataclasses.replace(make_row().model, multiply_adds=None if work is None else int(work))
    return Job(
        "d0.tflite",
        facts,
        RequestedConfig(),
        DeviceName("host", "this"),
        StopRule(**rule),
        (),
        "",
        0.3,
        sustain_s,  # type: ignore[arg-type]
    )


def test_bounds_follow_the_rule(make_row: Make) -> None:
    least, most = expected_s([job(make_row)])
    assert 1 < least < 10
    assert 60 < most < 80  # --max-seconds, and the start
    assert expected_s([job(make_row, max_s=5.0)])[1] < 60
    slow = expected_s([job(make_row, work=400e9, max_s=5.0)])[1]
    assert slow > 50 * 400e9 / 3e9  # --samples are taken whatever --max-seconds says
    assert expected_s([job(make_row, sustain_s=1800.0)])[0] > 1800
    assert expected_s([job(make_row, work=None)])[1] > 0


def test_pictures_count_once_for_a_file(make_row: Make) -> None:
    one = expected_s([job(make_row)], pictures=1000)[1] - expected_s([job(make_row)])[1]
    two = expected_s([job(make_row)] * 2, pictures=1000)[1] - expected_s([job(make_row)] * 2)[1]
    assert one == pytest.approx(two)


def test_words(make_row: Make) -> None:
    told = expected_words([job(make_row)] * 4)
    assert told.startswith("4 rows of 1 model: 16 seconds to 5 minutes, as each is sampled until")
