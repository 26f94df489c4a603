"""The parts of a row: what was requested, what ran, on which machine, and the results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from edge_edet.benchmarks.rows.row_checks import (
    ONE_YEAR_MS,
    SLACK,
    check_at_least,
    check_order,
    check_positive,
    is_finite,
)


@dataclass(frozen=True)
class ModelFacts:
    """The model file; None where a fact is unknown.

    Attributes
    ----------
    file
        Its name, without the folder.
    sha256, size_bytes
        Of an IR: of both files.
    variant
        Name of the network.
    image_size
        Height and width of the input.
    precision
        Of the file: fp32, fp16, int8-dynamic, int8.
    format
        tflite, openvino or onnx.
    parameters, multiply_adds
        Of the network.
    """

    file: str  # its name, without the folder
    sha256: str
    size_bytes: int
    variant: str | None
    image_size: tuple[int, int]  # height, width
    precision: str  # of the file: fp32, fp16, int8-dynamic, int8
    format: Literal["tflite", "openvino", "onnx"]
    parameters: int | None
    multiply_adds: int | None

    def __post_init__(self) -> None:
        check_positive(self, "size_bytes")
        check_at_least(0, self, "parameters", "multiply_adds")
        if min(self.image_size) < 1:
            raise ValueError(f"image_size must be positive, but is {list(self.image_size)}")


@dataclass(frozen=True)
class RequestedConfig:
    """The configuration that was asked for; None leaves the choice to the runtime.

    Attributes
    ----------
    runtime
        Its name.
    delegate
        Of LiteRT.
    delegate_options
        Value by key.
    device_type
        CPU, GPU, NPU, AUTO.
    precision
        F32, bf16, f16, default.
    threads
        Of the CPU.
    streams
        Inferences at a time.
    """

    runtime: str | None = None
    delegate: str | None = None
    delegate_options: dict[str, str] = field(default_factory=dict)
    device_type: str | None = None  # CPU, GPU, NPU, AUTO
    precision: str | None = None  # f32, bf16, f16, default
    threads: int | None = None
    streams: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, self, "threads", "streams")


@dataclass(frozen=True)
class ActualConfig:
    """The configuration that ran, read back from the runtime; None where it does not report it.

    Attributes
    ----------
    runtime
        Its name.
    version
        The installed version.
    delegate
        "none", "xnnpack", "gpu", "edgetpu" or the library's path.
    operators
        Of the model file.
    delegated
        Operators that the delegate took.
    partitions
        Parts of the graph that it took.
    precision
        Of what is not integer.
    threads
        Of the CPU.
    streams
        Inferences that may run at a time.
    device
        Its own name.
    execution_devices
        As the runtime calls them.
    layers
        Number of layers by the precision that they ran in.
    nms
        Where boxes are suppressed: "none": outside of the model.
    """

    runtime: str
    version: str
    delegate: str
    operators: int | None
    delegated: int | None
    partitions: int | None
    precision: str | None  # of what is not integer
    threads: int | None
    streams: int | None
    device: str | None  # its own name
    execution_devices: tuple[str, ...]
    layers: dict[str, int] | None
    nms: Literal["none", "in-graph"] | None

    def __post_init__(self) -> None:
        check_at_least(0, self, "operators", "delegated", "partitions", "threads", "streams")


@dataclass(frozen=True)
class DeviceName:
    """The device by its profile's id and name; host: how `--host` reached it.

    Attributes
    ----------
    id
        Of a profile; "host" where none fits.
    name
        Of the board or machine.
    host
        As `--host` named it; None: this machine.
    """

    id: str  # of a profile; "host" where none fits
    name: str
    # how `--host` named it, so that two boards of one kind stay two; None: where the command ran
    host: str | None = field(default=None, metadata={"optional": True})

    @property
    def place(self) -> str:
        """For people: `rpi4`, or `rpi4 at pi@192.168.1.7`."""
        return self.id if self.host is None else f"{self.id} at {self.host}"


@dataclass(frozen=True)
class MachineState:
    """The machine, and its state at the start of the row; None where it is unknown.

    Attributes
    ----------
    system
        Name and version.
    architecture
        Platform.machine().
    cpu
        Name of the processor.
    board
        Name of the board.
    cores
        Number of cores.
    threads
        Hardware threads that may be used.
    features
        What the processor has for INT8, by name.
    memory_bytes
        In all.
    memory_available_bytes
        Free for programs.
    python
        Version of Python.
    governor
        What sets the clock rate, on Linux.
    load_1m
        Load of the last minute.
    busy_cores
        That others kept busy just before.
    temperature_c
        Of the hottest sensor, in degrees Celsius.
    frequency_mhz
        Of the fastest core.
    frequency_max_mhz
        The highest clock rate.
    throttled
        What holds the clock down; (): nothing.
    """

    system: str | None = None
    architecture: str | None = None
    cpu: str | None = None
    board: str | None = None
    cores: int | None = None
    threads: int | None = None
    features: dict[str, bool] = field(default_factory=dict)
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    python: str | None = None
    governor: str | None = None
    load_1m: float | None = None
    busy_cores: float | None = None  # that others kept busy just before
    temperature_c: float | None = None
    frequency_mhz: float | None = None  # of the fastest core
    frequency_max_mhz: float | None = None
    throttled: tuple[str, ...] | None = None  # what holds the clock down; (): nothing

    def __post_init__(self) -> None:
        check_at_least(0, self, "cores", "threads", "memory_bytes", "memory_available_bytes")
        check_at_least(0, self, "load_1m", "busy_cores", "frequency_mhz", "frequency_max_mhz")


@dataclass(frozen=True)
class Throughput:
    """How many pictures all parallel streams together ran in how many seconds.

    Attributes
    ----------
    streams
        How many ran side by side.
    pictures
        Of all streams together.
    seconds
        For how long.
    """

    streams: int
    pictures: int
    seconds: float

    def __post_init__(self) -> None:
        check_positive(self, "streams", "pictures", "seconds")


@dataclass(frozen=True)
class Energy:
    """Energy of the whole machine, as the sensor sees it, for each picture.

    Attributes
    ----------
    source
        Such as "RAPL package-0".
    joules_per_picture
        Energy of the whole machine for one picture, in J.
    pictures
        How many were detected in.
    seconds
        For how long.
    """

    source: str  # such as "RAPL package-0"
    joules_per_picture: float
    pictures: int
    seconds: float

    def __post_init__(self) -> None:
        check_at_least(0, self, "joules_per_picture")
        check_positive(self, "pictures", "seconds")


@dataclass(frozen=True)
class Minute:
    """One minute of a sustained run, from 1 on; samples are end to end.

    Attributes
    ----------
    minute
        Its number, from 1.
    samples_ms
        End to end.
    temperature_c
        At its end, in degrees Celsius.
    frequency_mhz
        At its end, of the fastest core.
    throttled
        What held the clock down; (): nothing; None: not known.
    """

    minute: int
    samples_ms: tuple[float, ...]
    temperature_c: float | None
    frequency_mhz: float | None
    throttled: tuple[str, ...] | None


@dataclass(frozen=True)
class Sustain:
    """A sustained run: the seconds that were asked for, and the minutes that ran.

    Attributes
    ----------
    seconds
        That were asked for.
    minutes
        Those that ran.
    """

    seconds: float  # that were asked for
    minutes: tuple[Minute, ...]  # those that ran

    def __post_init__(self) -> None:
        check_sustain(self)


@dataclass(frozen=True)
class EstimatedWhole:
    """End to end: decoding, preprocessing and postprocessing added to the inference.

    Attributes
    ----------
    p50_ms
        Median of a detection.
    low_ms
        Lower end of the interval.
    high_ms
        Upper end of the interval.
    source
        Where the times beside the inference are from.
    """

    p50_ms: float
    low_ms: float
    high_ms: float
    source: str

    def __post_init__(self) -> None:
        check_ends(self)


@dataclass(frozen=True)
class Estimate:
    """An estimate; its interval should hold the truth in `coverage` of the cases.

    Attributes
    ----------
    p50_ms
        Median of the inference.
    low_ms
        Lower end of the interval.
    high_ms
        Upper end of the interval.
    coverage
        Share of the cases that the interval should hold the truth in, 0 to 1.
    source
        The figures that it was fitted on.
    notes
        What the interval includes and does not.
    end_to_end
        The same for a whole detection; None: not known.
    """

    p50_ms: float
    low_ms: float
    high_ms: float
    coverage: float
    source: str
    notes: tuple[str, ...]
    end_to_end: EstimatedWhole | None = field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        check_estimate(self)


@dataclass(frozen=True)
class Summary:
    """Statistics of a foreign tool that keeps no samples, such as benchmark_model."""

    source: str
    stage: str
    n: int
    mean_ms: float
    std_ms: float | None
    min_ms: float | None
    max_ms: float | None
    p50_ms: float | None
    p90_ms: float | None

    def __post_init__(self) -> None:
        check_summary(self, STAGES)


@dataclass(frozen=True)
class Accuracy:
    """AP on labelled pictures, from 0 to 1.

    Attributes
    ----------
    numbers
        COCOeval's twelve by name.
    intervals
        95 %: low, high.
    pictures, data, data_digest
        The data.
    protocol
        What it was measured under.
    notes
        Text -> count: what was special about the data, as `eval` prints it.
    """

    numbers: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    pictures: int
    data: str
    data_digest: str
    protocol: dict[str, Any]
    notes: dict[str, int] = field(default_factory=dict, metadata={"optional": True})

    def __post_init__(self) -> None:
        check_accuracy(self)

    @property
    def ap(self) -> float | None:
        """COCO's AP; None where it was not computed."""
        return self.numbers.get("ap")


@dataclass(frozen=True)
class Warned:
    """A warning: its code, what is wrong, and what to do about it.

    Attributes
    ----------
    code
        Of docs/measuring.md, such as hot.
    text
        What is wrong.
    advice
        What to do about it.
    """

    code: str
    text: str
    advice: str


STAGES = ("decode", "preprocess", "inference", "postprocess", "end_to_end")


def check_summary(summary: Summary, stages: Sequence[str]) -> None:
    """Raise ValueError for statistics that contradict each other."""
    if summary.stage not in stages:
        raise ValueError(f"stage {summary.stage[:40]!r} is no stage: known are {', '.join(stages)}")
    check_at_least(1, summary, "n")
    check_positive(summary, "mean_ms")
    check_at_least(0, summary, "std_ms", "min_ms", "max_ms", "p50_ms", "p90_ms")
    check_order(summary, "min_ms", "mean_ms", "max_ms")
    check_order(summary, "min_ms", "p50_ms", "p90_ms", "max_ms")
    low, high, spread = summary.min_ms, summary.max_ms, summary.std_ms
    if low is not None and high is not None and spread is not None:
        most = (high - low) / 2 * math.sqrt(summary.n / max(summary.n - 1, 1))
        if spread > most + SLACK * high:
            raise ValueError(
                f"std_ms {spread:g} is more than can be between min_ms {low:g} and max_ms {high:g}"
            )


def check_ends(estimate: Estimate | EstimatedWhole) -> None:
    """Raise ValueError for an interval that is not in order."""
    check_positive(estimate, "p50_ms", "low_ms", "high_ms")
    check_order(estimate, "low_ms", "p50_ms", "high_ms")


def check_estimate(estimate: Estimate) -> None:
    """Raise ValueError for an impossible interval or coverage."""
    check_ends(estimate)
    check_positive(estimate, "coverage")
    if estimate.coverage > 1:
        raise ValueError(f"coverage must be at most 1, but is {estimate.coverage:g}")


def check_sustain(sustain: Sustain) -> None:
    """Raise ValueError for minutes out of order, or times that are none."""
    check_positive(sustain, "seconds")
    numbers = [minute.minute for minute in sustain.minutes]
    if numbers and (numbers[0] < 1 or numbers != sorted(set(numbers))):
        raise ValueError(f"minutes must be numbered upwards from 1, but are {numbers[:10]}")
    for minute in sustain.minutes:
        if not all(is_finite(ms) and 0 <= ms <= ONE_YEAR_MS for ms in minute.samples_ms):
            raise ValueError(f"minutes: samples_ms of minute {minute.minute} must be times")


def check_accuracy(accuracy: Accuracy) -> None:
    """Raise ValueError for numbers that no AP can be."""
    for name, value in accuracy.numbers.items():
        if value is not None and not -1 <= value <= 1:  # -1: COCOeval found nothing to find
            raise ValueError(f"numbers.{name} must be from 0 to 1, but is {value}")
    for name, ends in accuracy.intervals.items():
        if ends is not None and not -1 <= ends[0] <= ends[1] <= 1:
            raise ValueError(f"intervals.{name} must be low to high, 0 to 1, but is {list(ends)}")
    check_at_least(1, accuracy, "pictures")
    _check_counts("notes", accuracy.notes)


def _check_counts(what: str, counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"{what}: {name[:40]!r} must be a count, but is {count}")
