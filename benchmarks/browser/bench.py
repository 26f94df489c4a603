"""`edge-edet bench --browser`: what is served, in which ways it runs, and the rows that come back."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from edge_edet import __version__
from edge_edet.benchmarks.browser import parity
from edge_edet.benchmarks.browser.messages import MESSAGES, SAMPLES, Gone
from edge_edet.benchmarks.browser.serve import (
    Reach,
    announced,
    page_files,
    wait_for_interrupt,
)
from edge_edet.benchmarks.browser.served_model import ServedModel, read_served
from edge_edet.benchmarks.browser.server import Content, Page
from edge_edet.benchmarks.browser.session import BrowserSession, Way
from edge_edet.benchmarks.measuring import BUNDLED_PICTURE, Emit, StopRule
from edge_edet.detection import PostprocessConfig
from edge_edet.devices.litertjs import VERSION, find_litertjs
from edge_edet.errors import InputError
from edge_edet.files import read_input
from edge_edet.pictures import FILE_LIMIT, pictures_digest

__all__ = ["DELEGATES", "BrowserPlan", "bench_in_browsers", "make_ways"]

DELEGATES = ("wasm", "webgpu", "webnn")
THREADS = 4  # as many as a browser has, up to these
DECODED = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}  # by every browser


@dataclasses.dataclass(frozen=True)
class BrowserPlan:
    """What pages measure.

    Attributes
    ----------
    models
        Paths of model files.
    delegates, threads
        What was asked for by name; None: all that a browser has, one thread and several.
    rule, sustain_s, score_threshold, pictures
        As for `bench` itself; no pictures: the bundled one.
    """

    models: tuple[Path, ...]
    delegates: tuple[str, ...] | None
    threads: tuple[int, ...] | None
    rule: StopRule
    sustain_s: float | None
    score_threshold: float
    pictures: tuple[Path, ...]


def make_ways(
    models: int, delegates: Sequence[str] | None, threads: Sequence[int] | None
) -> list[Way]:
    """List every way of running every model.

    Parameters
    ----------
    models
        How many there are.
    delegates, threads
        As in `BrowserPlan`.

    Raises
    ------
    InputError
        For a delegate that no browser has.
    """
    for name in delegates or ():
        if name not in DELEGATES:
            raise InputError(
                f"--delegate {name!r} is none of browsers: known are {', '.join(DELEGATES)}"
            )
    if threads and delegates and "wasm" not in delegates:
        raise InputError(
            f"--threads is for wasm, and --delegate is {','.join(delegates)}: leave one of them out"
        )
    ways: list[Way] = []
    for model in range(models):
        for delegate in delegates or ("wasm", "webgpu"):
            counts = (threads or (1, THREADS)) if delegate == "wasm" else (1,)
            for count in counts:
                asked = delegates is not None if count == 1 else threads is not None
                ways.append(Way(len(ways), model, delegate, count, asked))
    return ways


def bench_in_browsers(plan: BrowserPlan, reach: Reach, litertjs: Path | None, emit: Emit) -> int:
    """Serve the page until Ctrl-C, and give each row that a browser posts to `emit`.

    Parameters
    ----------
    plan
        What is measured.
    reach
        Who can open the page.
    litertjs
        A folder with the packages of LiteRT.js; None: the cache, or npm.
    emit
        Takes rows, progress and notes.

    Returns
    -------
    int
        How many rows came.

    Raises
    ------
    EdgeEdetError
        For a file that does not load in browsers, or where LiteRT.js cannot be had.
    """
    if plan.rule.max_samples > SAMPLES:
        raise InputError(
            f"--max-samples is at most {SAMPLES:,} in a browser, but got {plan.rule.max_samples:,}"
        )
    ways = make_ways(len(plan.models), plan.delegates, plan.threads)
    config = PostprocessConfig(score_threshold=plan.score_threshold)
    models = [read_served(path, config) for path in plan.models]
    pictures = plan.pictures or (BUNDLED_PICTURE,)
    files = {f"picture/{n}": _picture(path) for n, path in enumerate(pictures)}
    folder = find_litertjs(litertjs)
    drawn = parity.pictures()
    models = [
        dataclasses.replace(model, expected=parity.reference(model.path, drawn, config))
        for model in models
    ]
    files |= {f"parity/{n}": Content(data, "image/png") for n, data in enumerate(drawn)}
    more = {"pictures": len(pictures), "pictures_sha256": pictures_digest(pictures)}
    session = BrowserSession(models, ways, plan.rule, plan.sustain_s, more, emit)
    job = _job(models, ways, plan, reach, len(pictures), len(drawn))
    page = Page(page_files("index.html", models, folder, job, files), MESSAGES, _taker(session))
    with announced(page, reach):
        wait_for_interrupt()
    return session.rows


def _taker(session: BrowserSession) -> Any:
    def take(message: Any, path: str) -> dict[str, Any]:
        if isinstance(message, Gone) and path == "done":
            return session.finish(message)
        return session.take(message)

    return take


def _picture(path: Path) -> Content:
    """Read a picture in a format that every browser decodes."""
    data = read_input(path, f"picture {str(path)!r}", FILE_LIMIT)
    with Image.open(io.BytesIO(data)) as image:
        kind = DECODED.get(image.format or "")
    if kind is None:
        raise InputError(
            f"{str(path)!r} is no {', '.join(DECODED)}: browsers decode nothing else alike"
        )
    return Content(data, kind)


def _job(
    models: Sequence[ServedModel],
    ways: Sequence[Way],
    plan: BrowserPlan,
    reach: Reach,
    pictures: int,
    drawn: int,
) -> dict[str, Any]:
    """Make the JSON of `Job` in page/types.js."""
    return {
        "tool": f"edge-edet {__version__}",
        "litertjs": VERSION,
        "models": [model.to_dict(number) for number, model in enumerate(models)],
        "ways": [dataclasses.asdict(way) for way in ways],
        "rule": plan.rule.to_dict(),
        "sustain_s": plan.sustain_s,
        "pictures": [f"picture/{n}" for n in range(pictures)],
        "parity": [f"parity/{n}" for n in range(drawn)],
        "lacks": reach.lacks,
    }
