"""The lines that benchmark_model prints, found anywhere in the lines of a log.

FORMS lists which versions end with which line; the other lines hardly changed. What stands before a line
depends on the logger (see log_prefixes.py), so each line is searched for by its own words, and by all of
them: `count=` alone occurs in many logs, and in benchmark_model's own profile of the operators.

Sources: tensorflow/lite/tools/benchmark/{benchmark_model,benchmark_tflite_model}.cc and
android/jni/benchmark_model_jni.cc, tensorflow/core/util/stats_calculator.h of each version, and
LiteRT's tflite/tools/benchmark, from which litert/tools/benchmark_litert_model.cc has its log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edge_edet.devices.benchmark_model.log_prefixes import NOISE, header_process, process

__all__ = ["COUNTS", "FORMS", "NO_FORMS", "TIMINGS", "Line", "known_lines"]

COUNTS, TIMINGS = "count=", "Inference timings"  # two kinds of a Line, see KINDS for all
NUMBER = r"-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|nan|inf)"
END = r'\s*(?:\s\([^()]*\)\s*)?(?:$|\\n|")'  # logcat -v process ends lines with the tag


def _number(name: str) -> str:
    return f"(?P<{name}>{NUMBER})"


def _field(name: str) -> str:
    return f" {name}={_number(name)}"


@dataclass(frozen=True)
class Form:
    """The last line of a run, as some versions print it.

    Attributes
    ----------
    of
        The versions.
    line
        Its named groups are mean, init, warmup and first, as far as these versions print them.
    """

    of: str
    line: re.Pattern[str]


FORMS = (
    Form(
        "TensorFlow 2.2 to 2.21 and LiteRT",
        re.compile(
            rf"Inference timings in us: Init: {_number('init')}, First inference: "
            rf"{_number('first')}, Warmup \(avg\): {_number('warmup')}, Inference \(avg\): "
            rf"{_number('mean')}{END}"
        ),
    ),
    Form(
        "TensorFlow 1.10 to 2.1",
        re.compile(
            rf"Average inference timings in us: Warmup: {_number('warmup')}, Init: "
            rf"{_number('init')}, no stats: {_number('mean')}{END}"
        ),
    ),
    Form(  # what was measured of the memory follows without a space
        "the Android app of TensorFlow 1.13 to 2.1",
        re.compile(
            rf"Average inference timings in us: Warmup: {_number('warmup')}, Init: "
            rf"{_number('init')}, Inference: {_number('mean')}(?:Overall |{END})"
        ),
    ),
)
NO_FORMS = (  # last lines of other programs -> what the error says about the log
    (
        re.compile(rf"Average inference timings in us: Warmup: {NUMBER}, no stats: {NUMBER}"),
        "is of TensorFlow's benchmark_model for graphs, which runs no .tflite",
    ),
    (
        re.compile(rf"Average inference timings in us: {NUMBER} ?, Warmup: {NUMBER}"),
        "is of TensorFlow Lite's benchmark_model before TensorFlow 1.10, which does not print the "
        "time to load: measure again with a newer one",
    ),
)
PERCENTILES = f"(?:{_field('p5')}{_field('median')}{_field('p95')})?"  # since 2.18
STATISTICS = re.compile(  # of one series; the profile of the operators prints similar ones
    r"(?<!\(microseconds\): )(?<!\(bytes\): )(?<![\w=])(?:"
    rf"(?<![\w,;] )count=(?P<none>0)|"
    rf"count=(?P<some>\d+) curr={_number('same')}(?:\(all same\))?|"
    rf"count=(?P<count>\d+){_field('first')}{_field('curr')}{_field('min')}{_field('max')}"
    rf"{_field('avg')}{_field('std')}){PERCENTILES}{END}"
)
MAX_LINE = 16_384  # characters; logcat cuts at 4,068, and benchmark_model writes fewer
DELEGATES = "gpu|nnapi|legacy nnapi|hexagon|xnnpack|coreml"
KINDS = (  # kind, how it is found; the first that fits
    ("start", re.compile(rf"STARTING!{END}|Running TensorFlow Lite benchmark with args: ")),
    (COUNTS, STATISTICS),
    *((TIMINGS, form.line) for form in FORMS),
    (
        "setting",
        re.compile(
            r"(?P<key>Graph|Num threads|#threads used for CPU inference|External delegate path|"
            rf"Use (?i:{DELEGATES})) ?: \[(?P<value>.*?)\]{END}"
        ),
    ),
    (
        "applied",
        re.compile(
            r"(?:Explicitly a|A)pplied (?P<name>\w+) delegate, and the model graph will be "
            r"(?:partially|completely) executed (?:by|w/) the delegate"
            r"(?: w/ (?P<kernels>\d+) delegate kernels)?"
        ),
    ),
    (
        "ignored",
        re.compile(
            r"Though (?P<name>\w+) delegate is explicitly applied, the model(?: graph)? will not be"
            " executed"
        ),
    ),
    (
        "replaced",
        re.compile(
            r"Replacing (?P<replaced>\d+) out of (?P<nodes>\d+) node\(s\) with delegate "
            r"\((?P<name>\w+)\) node, yielding (?P<partitions>\d+) partition"
        ),
    ),
    ("created", re.compile(r"Created TensorFlow Lite (?P<name>XNNPACK) delegate")),
    ("size", re.compile(rf"The input model file size \(MB\): {_number('mb')}{END}")),
    ("peak", re.compile(rf"Overall peak memory footprint \(MB\)[^:]*: {_number('mib')}{END}")),
    ("old peak", re.compile(rf"Peak memory footprint \(MB\): init=\S+ overall={_number('mib')}")),
    (
        "old peak",
        re.compile(rf"\[Overall\] - Memory usage: max resident set size = {_number('mib')} MB"),
    ),
    # Lines at the beginning of a run, of which no number is used.
    ("head", re.compile(r"Log parameter values verbosely: \[|(?:Min n|N)um runs: \[")),
    ("head", re.compile(r"Loaded model |Initialized session in |Running benchmark for ")),
    ("summary", re.compile(r"=Summary of All Runs w/ Different Performance Options=")),
    *(("other", pattern) for pattern, _ in NO_FORMS),
)
# A cheap first look: a log may have millions of lines of other programs.
WORTH_A_LOOK = re.compile(
    r"STARTING!|count=|nference timings in us|: \[|delegate|footprint|Memory usage|"
    r"benchmark|Loaded model|Initialized session|model file size|Summary of All"
)


@dataclass(frozen=True)
class Line:
    """A line of benchmark_model: its kind (see KINDS), its values, and the process that wrote it.

    process is None where the log does not name it.
    """

    kind: str
    values: dict[str, str]
    process: str | None
    text: str  # from the first word that is benchmark_model's


def known_lines(text: str) -> Iterator[Line]:
    """Find the lines of benchmark_model in a log.

    Yields
    ------
    Line
        In the order of the log; lines of other programs are skipped.
    """
    header: str | None = None
    for given in text.splitlines():
        if len(given) > MAX_LINE:
            continue
        raw = NOISE.sub("", given).rstrip().replace(r"\u003d", "=")  # as JSON may write it
        header = header_process(raw) or header
        if not WORTH_A_LOOK.search(raw):
            continue
        for kind, pattern in KINDS:
            if found := pattern.search(raw):
                rest = raw[found.start() :]
                writer = process(raw[: found.start()]) or process_of_json(rest)
                values = {key: value for key, value in found.groupdict().items() if value}
                yield Line(kind, values, writer or header, rest)
                break


def process_of_json(rest: str) -> str | None:
    """Find the process that a JSON line names after the message; None where it names none."""
    return process(rest) if rest.endswith("}") else None
