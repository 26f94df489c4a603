"""What pages post: the schema of each message, with limits on all that a stranger could fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_edet.benchmarks.rows import Pause

__all__ = [
    "MESSAGES",
    "SAMPLES",
    "Begun",
    "DeviceFacts",
    "Evidence",
    "Failed",
    "FoundBox",
    "Gone",
    "Hello",
    "Measured",
    "MinuteRun",
    "ProgressTold",
    "Result",
]

NAME, TEXT = 60, 400  # characters
SAMPLES = 100_000  # of a minute, or of a row: an inference of 0.6 ms without a pause
BOXES, PICTURES, LINES, PAUSES = 1000, 2, 22, 1000
LONGEST_S = 7 * 24 * 3600  # a run, and a pause in it
Delegate = Literal["wasm", "webgpu", "webnn"]


def _text(what: str, value: str | None, most: int = TEXT) -> None:
    if value is not None and not (len(value) <= most and value.isprintable()):
        raise ValueError(f"{what} must be at most {most} printable characters")


def _count(what: str, values: tuple[object, ...], most: int, least: int = 0) -> None:
    if not least <= len(values) <= most:
        raise ValueError(f"{what} must have {least} to {most} entries, but has {len(values)}")


def _number(what: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise ValueError(f"{what} must be from {least:g} to {most:g}, but is {value:g}")


@dataclass(frozen=True)
class DeviceFacts:
    """What the browser tells of its device; None where it does not."""

    user_agent: str
    browser: str
    platform: str | None
    model: str | None
    architecture: str | None
    mobile: bool | None
    screen: tuple[int, int]
    pixel_ratio: float
    cores: int | None
    memory_gib: float | None
    secure: bool
    isolated: bool
    timer_step_ms: float
    webgpu: str | None
    webnn: bool
    jspi: bool

    def __post_init__(self) -> None:
        for name in ("user_agent", "browser", "platform", "model", "architecture", "webgpu"):
            _text(name, getattr(self, name))
        _number("screen", min(self.screen), 0, 100_000)
        _number("screen", max(self.screen), 0, 100_000)
        _number("pixel_ratio", self.pixel_ratio, 0, 100)
        _number("cores", self.cores, 1, 4096)
        _number("memory_gib", self.memory_gib, 0, 1e6)
        _number("timer_step_ms", self.timer_step_ms, 0, 1000)


@dataclass(frozen=True)
class Hello:
    """A page begins; device: what it was called before it was loaded anew, None at first."""

    name: str
    device: str | None
    facts: DeviceFacts

    def __post_init__(self) -> None:
        _text("name", self.name, NAME)
        _text("device", self.device, NAME)
        if not self.name.strip():
            raise ValueError("name must not be empty")


@dataclass(frozen=True)
class Evidence:
    """What really ran, and what that was decided by."""

    ran: Delegate
    threads: int
    build: Literal["plain", "threaded", "jspi"]
    device: str | None
    fully: bool
    seen: tuple[str, ...]

    def __post_init__(self) -> None:
        _number("threads", self.threads, 1, 4096)
        _text("device", self.device)
        _count("seen", self.seen, LINES)
        for line in self.seen:
            if len(line) > TEXT:
                raise ValueError(f"seen must have lines of at most {TEXT} characters")


@dataclass(frozen=True)
class FoundBox:
    """One detection: xmin, ymin, xmax, ymax in pixels of the picture."""

    box: tuple[float, float, float, float]
    score: float
    class_id: int

    def __post_init__(self) -> None:
        _number("score", self.score, 0, 1)
        _number("class_id", self.class_id, 0, 1_000_000)
        for corner in self.box:  # pages clip to the picture
            _number("box", corner, 0, 100_000)
        if self.box[2] < self.box[0] or self.box[3] < self.box[1]:
            raise ValueError("box must be xmin, ymin, xmax, ymax")


@dataclass(frozen=True)
class Begun:
    """A model is loaded and has found what it finds in the parity pictures."""

    device: str
    way: int
    started_at: str
    load_ms: float
    evidence: Evidence
    parity: tuple[tuple[FoundBox, ...], ...]
    wake_lock: bool

    def __post_init__(self) -> None:
        _number("load_ms", self.load_ms, 0, 1e9)
        _count("parity", self.parity, PICTURES, PICTURES)
        for found in self.parity:
            _count("parity", found, BOXES)


@dataclass(frozen=True)
class Measured(Begun):
    """All samples of one way of running."""

    samples_ms: dict[str, tuple[float, ...]]
    heap_bytes: int
    pauses: tuple[Pause, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for samples in self.samples_ms.values():
            _count("samples_ms", samples, SAMPLES, 1)
        _number("heap_bytes", self.heap_bytes, 0, 2**40)
        _count("pauses", self.pauses, PAUSES)
        for pause in self.pauses:
            _number("pauses", pause.at_s, 0, LONGEST_S)
            _number("pauses", pause.seconds, 0, LONGEST_S)


@dataclass(frozen=True)
class MinuteRun:
    """One minute of a sustained run; samples are end to end."""

    device: str
    way: int
    number: int
    samples_ms: tuple[float, ...]

    def __post_init__(self) -> None:
        _number("number", self.number, 1, LONGEST_S // 60)
        _count("samples_ms", self.samples_ms, SAMPLES, 1)
        for one in self.samples_ms:
            _number("samples_ms", one, 0, 1e9)


@dataclass(frozen=True)
class ProgressTold:
    """How many samples there are."""

    device: str
    way: int
    done: int
    total: int | None

    def __post_init__(self) -> None:
        _number("done", self.done, 0, 1e9)
        _number("total", self.total, 0, 1e9)


@dataclass(frozen=True)
class Failed:
    """A way that gave no row: skipped because the browser lacks something, or it failed."""

    device: str
    way: int
    skipped: bool
    reason: str

    def __post_init__(self) -> None:
        if len(self.reason) > TEXT:
            raise ValueError(f"reason must have at most {TEXT} characters")


@dataclass(frozen=True)
class Gone:
    """The page is done, or was closed."""

    device: str


Result = Begun | MinuteRun | ProgressTold | Failed | Gone

# what is posted -> its schema, and the most bytes that it may have
MESSAGES: dict[str, tuple[type, int]] = {
    "hello": (Hello, 16_384),
    "progress": (ProgressTold, 1024),
    "begun": (Begun, 512_000),
    "minute": (MinuteRun, 2_000_000),
    "row": (Measured, 8_000_000),
    "failed": (Failed, 4096),
    "done": (Gone, 1024),
    "bye": (Gone, 1024),
}
