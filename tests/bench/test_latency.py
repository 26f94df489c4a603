"""Warm-up, stop rules and stages: exact with a fake clock, near with a real one."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_edet.backends.backend import BackendInfo, TensorSpec
from edge_edet.benchmarks.measuring.sampling import StopRule, sample, sample_streams, warm_up
from edge_edet.benchmarks.measuring.stage_timer import StageTimer
from edge_edet.benchmarks.rows.stats import median_interval, percentile, relative_width
from edge_edet.detection.detector import Detector
from edge_edet.detection.model_layout import layout_of
from edge_edet.detection.postprocess.config import PostprocessConfig
from edge_edet.errors import BackendError, InputError
from edge_edet.formats.read import read_model


@pytest.mark.parametrize(
    ("rule", "times_ms", "count"),
    [
        pytest.param(StopRule(min_samples=50), [10.0], 50, id="equal: narrow at once"),
        pytest.param(
            StopRule(min_samples=20, max_samples=77), [10.0, 20.0] * 500, 77, id="never narrow: cap"
        ),
        pytest.param(
            StopRule(min_samples=20, relative_width=0.5), [10.0, 20.0] * 500, 1000, id="default cap"
        ),
        pytest.param(
            StopRule(min_samples=20, relative_width=1.0), [10.0, 20.0] * 500, 20, id="wide enough"
        ),
        pytest.param(
            StopRule(min_samples=20, max_s=1.0), [10.0, 20.0] * 500, 67, id="time is over"
        ),
        pytest.param(
            StopRule(min_samples=20, max_s=0.1), [10.0, 20.0] * 500, 20, id="but not before count"
        ),
        pytest.param(
            StopRule(min_samples=20),
            [10.0, 20.0] * 10 + [15.0] * 500,
            40,
            id="narrow at the next look",
        ),
    ],
)
def test_sampling_ends_by_count_and_width_and_caps(
    clock: Any, rule: StopRule, times_ms: list[float], count: int
) -> None:
    taken = sample(clock.step(times_ms), rule, clock)
    expected = (times_ms + [times_ms[-1]] * 1000)[:count]
    assert taken.ms["end_to_end"] == taken.ms["inference"] == tuple(expected)
    assert taken.seconds == pytest.approx(sum(expected) / 1e3)
    assert taken.count == count


def test_warm_up_takes_both_runs_and_time_and_counts_nothing(clock: Any) -> None:
    assert warm_up(clock.step([300.0]), StopRule(warmup=2, warmup_s=1.0), clock) == 4
    assert warm_up(clock.step([3000.0]), StopRule(warmup=2, warmup_s=1.0), clock) == 2
    assert warm_up(clock.step([1.0]), StopRule(warmup=0, warmup_s=0.0), clock) == 0


def test_streams_run_at_a_time_and_their_samples_are_pooled() -> None:
    both = threading.Barrier(2, timeout=20)

    def step(ms: float) -> Callable[[], dict[str, float]]:
        rounds = iter(range(5))

        def run() -> dict[str, float]:
            if next(rounds, None) is not None:
                both.wait()  # passes only where the other one runs too
            return {"end_to_end": ms}

        return run

    rule = StopRule(min_samples=20, relative_width=10.0)
    taken = sample_streams([step(1.0), step(2.0)], rule)
    assert taken.count == 20
    assert min(map(taken.ms["end_to_end"].count, (1.0, 2.0))) >= 4


def test_a_failure_in_a_stream_ends_all_of_them(clock: Any) -> None:
    def fail() -> dict[str, float]:
        raise BackendError("the GPU is gone")

    with pytest.raises(BackendError, match="the GPU is gone"):
        sample_streams([clock.step([1.0]), fail], StopRule(min_samples=10**6, max_samples=10**6))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_samples": 5}, "--samples must be at least 6, but got 5"),
        ({"max_samples": 49}, "--max-samples is 49, below the 50 of --samples: giv"),
        ({"warmup": -1}, "--warmup must be at least 0, but got -1"),
        ({"relative_width": float("nan")}, "--ci-width must be at least 0, but got nan"),
        ({"max_s": -1.0}, "--max-seconds must be at least 0, but got -1"),
    ],
)
def test_rules_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StopRule(**changes)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_percentiles_are_numpys(n: int) -> None:
    samples = np.random.default_rng(n).exponential(size=n)
    for percent in (0, 50, 90, 99, 100):
        assert percentile(list(samples), percent) == pytest.approx(np.percentile(samples, percent))


def test_median_interval_is_of_ranks_and_covers_as_it_says() -> None:
    assert median_interval(list(range(5))) is None
    assert median_interval([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) == (1.0, 6.0)
    assert median_interval([float(n) for n in range(1, 101)]) == (40.0, 61.0)  # ranks 40 and 61
    assert relative_width([float(n) for n in range(1, 101)]) == pytest.approx(21 / 50.5)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        low, high = median_interval(list(rng.exponential(size=60))) or (0.0, 0.0)
        held += low <= np.log(2) <= high
    assert 0.93 < held / 1000 < 0.99


class FakeBackend:
    """Takes the time that it is told, of a clock that it moves, or of the real one."""

    name = "fake"
    info = BackendInfo("fake", "1", "none", None, 3, None, 1)

    def __init__(self, path: Path, wait: Callable[[], None]):
        layout = layout_of(read_model(path))
        self.inputs = (TensorSpec(layout.input_name, (1, 64, 64, 3), "uint8"),)
        shapes = {t.name: t.shape for t in read_model(path).output_tensors}
        self.outputs = tuple(TensorSpec(n, shapes[n], "float32") for n in layout.outputs.values())
        self._wait = wait

    def input_memory(self, name: str) -> Any:
        return np.empty((1, 64, 64, 3), np.uint8)

    def run(self) -> dict[str, Any]:
        self._wait()
        return {spec.name: np.full(spec.shape, -9.0, np.float32) for spec in self.outputs}

    def close(self) -> None:
        pass


def detector(path: Path, wait: Callable[[], None]) -> Detector:
    model = read_model(path)
    return Detector(model, layout_of(model), FakeBackend(path, wait), PostprocessConfig())


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 10, 30)).save(stream, "JPEG")
    return stream.getvalue()


def test_stages_of_one_detect_are_apart_and_sum_up(models: dict[str, Path], clock: Any) -> None:
    """Each look at the clock takes 1 ms; the backend takes 500."""

    def tick() -> float:
        clock.now += 0.001
        return float(clock.now)

    def wait() -> None:
        clock.now += 0.5

    timer = StageTimer(detector(models["fp32"], wait), tick)
    times = timer(jpeg())
    assert list(times) == ["decode", "preprocess", "inference", "postprocess", "end_to_end"]
    assert times["decode"] == pytest.approx(1.0)
    assert times["preprocess"] == pytest.approx(1.0)
    assert times["inference"] == pytest.approx(501.0)
    assert times["postprocess"] == pytest.approx(1.0)
    whole = times.pop("end_to_end")
    assert whole == pytest.approx(504.0)
    assert sum(times.values()) == pytest.approx(whole)


def test_a_known_delay_is_measured_within_3_percent(models: dict[str, Path]) -> None:
    """Against what the inference itself took, by the same clock: a busy machine delays both."""
    delay_s = 0.04
    really_ms: list[float] = []

    def wait() -> None:
        begin = time.perf_counter()
        while (left := begin + delay_s - time.perf_counter()) > 0:
            time.sleep(left / 2 if left > 0.002 else 0)
        really_ms.append((time.perf_counter() - begin) * 1e3)

    with detector(models["fp32"], wait) as one:
        timer, data = StageTimer(one), jpeg()
        rule = StopRule(min_samples=15, max_samples=15)
        taken = sample(lambda: timer(data), rule)
    assert min(really_ms) >= delay_s * 1e3
    middle = percentile(tuple(really_ms[-15:]), 50)
    assert percentile(taken.ms["inference"], 50) == pytest.approx(middle, rel=0.03)


def test_what_is_timed_is_what_detect_gives(models: dict[str, Path]) -> None:
    from edge_edet.detection.loading import load

    with load(models["trained"], score_threshold=0.01) as one:
        plain = one.detect(Image.open(io.BytesIO(jpeg())))
        backend, stages = one.backend, []
        timer = StageTimer(one)
        timer(jpeg())
        timed = one.detect(Image.open(io.BytesIO(jpeg())), observer=stages.append)
        assert one.backend is backend
        assert stages == ["decode", "preprocess", "inference", "postprocess"]
        np.testing.assert_array_equal(plain.boxes, timed.boxes)
        np.testing.assert_array_equal(plain.scores, timed.scores)
