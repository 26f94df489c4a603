"""What a row of a browser says beside its times: which browser, what really ran, and whether it was right."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.benchmarks.rows.row_checks import check_at_least, check_positive

__all__ = ["BrowserRun", "Parity", "Pause"]


@dataclass(frozen=True)
class Pause:
    """The page was hidden: what ran then is left out of the samples.

    Attributes
    ----------
    at_s
        Seconds after the start when it began.
    seconds
        How long it was.
    """

    at_s: float
    seconds: float

    def __post_init__(self) -> None:
        check_at_least(0, self, "at_s", "seconds")


@dataclass(frozen=True)
class Parity:
    """Boxes of the browser against those of the native runtime, in drawn pictures.

    Attributes
    ----------
    pictures
        How many pictures were compared.
    boxes
        How many boxes the native runtime found in them.
    matched
        How many of these the browser found too: same class, IoU and score within the tolerances.
    iou, score
        The tolerances: least IoU, largest difference of scores.
    wrong
        The others, and boxes that the browser alone found, one text for each.
    """

    pictures: int
    boxes: int
    matched: int
    iou: float
    score: float
    wrong: tuple[str, ...]

    def __post_init__(self) -> None:
        check_positive(self, "pictures")
        check_at_least(0, self, "boxes", "matched")
        if self.matched > self.boxes:
            raise ValueError(f"matched must be at most boxes, but is {self.matched}")


@dataclass(frozen=True)
class BrowserRun:
    """The browser, and what ran in it.

    Attributes
    ----------
    browser, user_agent
        Name and version, and what it sends with every request.
    screen, pixel_ratio
        Width and height in CSS pixels, and device pixels for each.
    secure, isolated
        Whether the page was in a secure context, and isolated from other origins.
    timer_step_ms
        The smallest step that its clock was seen to take.
    build
        Of the runtime: plain, threaded or jspi.
    fell_back
        Why something else ran than was asked for; None where that ran.
    seen
        What this was decided by.
    heap_bytes
        Size of WebAssembly's memory at the end.
    wake_lock
        Whether the page kept the screen awake.
    pauses
        When it was hidden.
    parity
        None in a run that was cut short before it.
    """

    browser: str
    user_agent: str
    screen: tuple[int, int]
    pixel_ratio: float
    secure: bool
    isolated: bool
    timer_step_ms: float
    build: str
    fell_back: str | None
    seen: tuple[str, ...]
    heap_bytes: int | None
    wake_lock: bool
    pauses: tuple[Pause, ...]
    parity: Parity | None

    def __post_init__(self) -> None:
        check_at_least(0, self, "timer_step_ms", "heap_bytes", "pixel_ratio")
