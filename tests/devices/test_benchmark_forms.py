"""Every way in which benchmark_model of some version ends a run, in short logs of our own numbers.

Where each was seen: benchmark_model.cc of tensorflow/contrib/lite (to 1.12), of forks at 1.14 and
2.2, and of LiteRT at f674577; its README of 1.13 and 2.x; NXP's port of r2.1 (i.MX RT); the issues
yuenshome/yuenshome.github.io#77 (1.13), mozilla/DeepSpeech#2270 (1.14) and
tensorflow/tensorflow#42507 (2.3).
"""

from __future__ import annotations

from typing import Any

import pytest

from edge_edet import InputError
from edge_edet.devices.benchmark_model.tool import parse_logs

HEAD = "STARTING!\nNum threads: [4]\nGraph: [m.tflite]\nLoaded model m.tflite\n"
COUNTS = (
    "Running benchmark for at least 1 iterations and at least 0.5 seconds\n"
    "count=8 first=70100 curr=67000 min=66900 max=70100 avg=68011.5 std=900\n\n"
    "Running benchmark for at least 50 iterations and at least 1 seconds\n"
    "count=50 first=67000 curr=66800 min=66000 max=69000 avg=66790.2 std=300\n\n"
)
PROFILE = (  # of --enable_op_profiling: what it counts is no inference
    "Number of nodes executed: 31\n"
    "Timings (microseconds): count=50 first=66000 curr=65000 min=64000 max=67000 avg=65500 std=200\n"
    "Memory (bytes): count=0\n31 nodes observed\n\n"
)
OLD_END = "Average inference timings in us: Warmup: 68011.5, Init: 12500, no stats: 66790.2\n"
NEW_END = (
    "Inference timings in us: Init: 12500, First inference: 70100, Warmup (avg): 68011.5, "
    "Inference (avg): 66790.2\n"
)
USUAL = {
    "graph": "m.tflite",
    "threads": 4,
    "warmup_runs": 8,
    "load_ms": 12.5,
    "first_ms": 70.1,
    "warmup_mean_ms": 68.0115,
    "n": 50,
    "mean_ms": 66.7902,
    "std_ms": 0.3,
    "min_ms": 66,
    "max_ms": 69,
    "median_ms": None,
    "peak_memory_mib": None,
}


@pytest.mark.parametrize(
    ("text", "different"),
    [
        pytest.param(HEAD + COUNTS + OLD_END, {}, id="1.10 to 1.14"),
        pytest.param(
            HEAD + "Use nnapi : [0]\nUse gpu : [1]\n" + COUNTS + OLD_END,
            {"asked_delegate": "gpu", "delegate": None},
            id="1.14, all parameters, a space before the colon",
        ),
        pytest.param(
            HEAD + "Use legacy nnapi : [1]\n" + COUNTS + OLD_END,
            {"asked_delegate": "nnapi"},
            id="1.14, nnapi's first interface",
        ),
        pytest.param(HEAD + COUNTS + PROFILE + OLD_END, {}, id="1.13, operators before the end"),
        pytest.param(HEAD + COUNTS + OLD_END + PROFILE, {}, id="2.1, operators after the end"),
        pytest.param(
            HEAD + "[Init Phase] - Memory usage: max resident set size = 4.5 MB, total malloc-ed "
            "size = 0 MB\n" + COUNTS + "[Overall] - Memory usage: max resident set size = 30.25 MB,"
            " total malloc-ed size = 0 MB\n" + OLD_END,
            {"peak_memory_mib": 30.25},
            id="1.15 to 2.1, memory before the end",
        ),
        pytest.param(
            HEAD + COUNTS + "Average inference timings in us: Warmup: 68011.5, Init: 12500, "
            "Inference: 66790.2Overall max resident set size = 30.25 MB\n",
            {},
            id="1.13 to 2.1, the Android app",
        ),
        pytest.param(
            HEAD + "Applied GPU delegate, and the model graph will be completely executed w/ the "
            "delegate.\n"
            + COUNTS
            + NEW_END
            + "Peak memory footprint (MB): init=3.5 overall=40.5\n",
            {"delegate": "gpu", "peak_memory_mib": 40.5},
            id="2.2 and 2.3",
        ),
        pytest.param(HEAD + COUNTS + NEW_END + PROFILE, {}, id="2.4 on, operators"),
        pytest.param(
            HEAD + COUNTS.replace("std=300", "std=300 p5=66100 median=66700 p95=68000") + NEW_END,
            {"median_ms": 66.7},
            id="2.18 on, percentiles",
        ),
        pytest.param(
            "".join(f"INFO: {line}\n" for line in (HEAD + COUNTS + NEW_END).splitlines()),
            {},
            id="2.14 on, and LiteRT",
        ),
        pytest.param(
            (HEAD + COUNTS + NEW_END).replace("66790.2", "6.67902e+07"),
            {"mean_ms": 66790.2},
            id="from ten seconds on, exponents",
        ),
        pytest.param(
            (HEAD + COUNTS + NEW_END).replace("68011.5", "1.2e+06"),
            {"warmup_mean_ms": 1200},
            id="a warm-up with an exponent",
        ),
        pytest.param(
            HEAD + "count=1 curr=70100\n\ncount=50 curr=66000(all same)\n\n"
            "Inference timings in us: Init: 12500, First inference: 70100, Warmup (avg): 70100, "
            "Inference (avg): 66000\n",
            {
                "warmup_runs": 1,
                "warmup_mean_ms": 70.1,
                "mean_ms": 66,
                "std_ms": 0,
                "min_ms": 66,
                "max_ms": 66,
                "median_ms": 66,
            },
            id="one warm-up, and all inferences took equally long",
        ),
        pytest.param(
            HEAD + "count=0 p5=0 median=0 p95=0\n\n" + COUNTS.split("\n\n")[1] + "\n\n"
            "Inference timings in us: Init: 12500, First inference: 0, Warmup (avg): 0, "
            "Inference (avg): 66790.2\n",
            {"warmup_runs": 0, "first_ms": None, "warmup_mean_ms": None},
            id="--warmup_runs=0 --warmup_min_secs=0",
        ),
        pytest.param(
            COUNTS.replace("Running", "x") + NEW_END,
            {"graph": "", "threads": None},
            id="what grep has left",
        ),
    ],
)
def test_what_each_version_prints(text: str, different: dict[str, Any]) -> None:
    (log,) = parse_logs(text, "x")
    expected = {**USUAL, **different}
    assert {key: getattr(log, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "Average inference timings in us: Warmup: 335337, no stats: 23601, with stats: 24724\n",
            r"^x is of TensorFlow's benchmark_model for graphs, which runs no \.tflite$",
            id="TensorFlow's own, of .pb",
        ),
        pytest.param(
            "Average inference timings in us: 23601 , Warmup: 33533, \n",
            r"^x is of .* before TensorFlow 1\.10, which does not print the time to load: measure",
            id="before 1.10",
        ),
        pytest.param(
            "Average inference timings in us: Warmup: 91471, Init: 4108, Inference: 80660.1\n",
            r"^x, run 1: it prints a mean, but not of how many inferences: the Android app of Ten",
            id="the app's one line",
        ),
        pytest.param(
            HEAD
            + "count=0\n\ncount=0\n\nInference timings in us: Init: 12500, First inference: 0, "
            "Warmup (avg): 0, Inference (avg): 0\n",
            r"^x, run 1: no inference was measured: was it called with --dry_run\?$",
            id="--dry_run",
        ),
        pytest.param(
            (HEAD + COUNTS + NEW_END).replace("(avg): 66790.2", "(avg): 61234"),
            r"^x, run 1: the mean of the inferences is 66790\.2 us in the line with its count, but 61234 us"
            r" at the end: if two programs wrote into it, give each its own log, or one that",
            id="an end that is not of these counts",
        ),
        pytest.param(
            HEAD + COUNTS + "Graph: [other.tflite]\n" + NEW_END,
            r"^x, run 1: 'Graph' is 'm\.tflite' and 'other\.tflite' in one run: if two programs",
            id="two models in one run",
        ),
        pytest.param(
            HEAD
            + "The input model file size (MB): 4.5\nThe input model file size (MB): 5.5\n"
            + COUNTS
            + NEW_END,
            r"^x, run 1: one run has sizes of 4\.5 and 5\.5 MB: if two programs wrote into it",
            id="two sizes in one run",
        ),
        pytest.param(
            HEAD + COUNTS + COUNTS + NEW_END,
            r"^x, run 1: expected two lines that begin with 'count=', .* but found 4: if two",
            id="two programs that count",
        ),
        pytest.param(
            "refs count=3\nGC count=0\n" + PROFILE + "x: y count=50 first=1\n",
            r"^x is not a log of benchmark_model: no line has a count of inferences$",
            id="counts of something else",
        ),
    ],
)
def test_what_is_not_read(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_logs(text, "x")
    assert "\n" not in str(caught.value)


def test_runs_with_different_options_are_one_each() -> None:
    """benchmark_model_performance_options says STARTING once, and sums up with counts at its end."""
    second = (COUNTS + NEW_END).replace("66790.2", "30000.5")
    text = (
        f"{HEAD}{COUNTS}{NEW_END}Num threads: [2]\n{second}"
        "==============Summary of All Runs w/ Different Performance Options==============\n"
        "            cpu w/ 2 threads: count=50 first=1 curr=2 min=1 max=2 avg=1.5 std=0\n"
        "            cpu w/ 4 threads: count=50 first=1 curr=2 min=1 max=2 avg=1.5 std=0\n"
    )
    logs = parse_logs(text, "x")
    assert [(log.threads, log.mean_ms) for log in logs] == [(4, 66.7902), (2, 30.0005)]


def test_what_grep_has_left_of_two_runs() -> None:
    text = "".join(line + "\n" for line in COUNTS.splitlines() if line.startswith("count="))
    logs = parse_logs((text + NEW_END) * 2, "x")
    assert [log.mean_ms for log in logs] == [66.7902, 66.7902]
