"""The page in a real browser: every figure is drawn, hover works, nothing is fetched."""

from __future__ import annotations

import dataclasses
import os
import runpy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.analysis.options import Options
from edge_edet.benchmarks.analysis.published_numbers import published_from
from edge_edet.benchmarks.report.write import write_report
from edge_edet.benchmarks.rows.schema import BenchmarkRow

browsing = runpy.run_path(str(Path(__file__).with_name("browser.py")))
Browser = Any

SIZES = {
    "desktop": (1100, 900, False),
    "phone": (390, 844, True),
    "small phone": (320, 568, True),
}
FIGURES = (  # in the order of the page: with points of the rows, then published alone
    "ap-cpu",
    "ap-flops",
    "ap-params",
    "latency-devices",
    "float-int8",
    "sustained",
    "ap-gpu",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sweep: Sequence[BenchmarkRow]) -> Path:
    folder = tmp_path_factory.mktemp("report") / "report"
    write_report(sweep, ["rows.jsonl"], folder, Options(published_from("v7", "val2017"), True))
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = browsing["find_chromium"]()
    if program is None:
        reason = "no chromium: apt-get install chromium"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with browsing["Browser"](program, tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(params=SIZES)
def opened(request: pytest.FixtureRequest, report: Path, browser: Browser) -> tuple[Browser, str]:
    """The browser with the page, and the layout that it should show."""
    width, height, touch = SIZES[request.param]
    browser.open((report / "index.html").as_uri(), width, height, touch=touch)
    return browser, "narrow" if touch else "wide"


def test_files_are_all_there(report: Path) -> None:
    names = {path.name for path in report.iterdir()}
    assert names == {
        "index.html",
        *(f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png", "csv")),
    }
    assert (report / "index.html").stat().st_size < 4_000_000


def test_every_figure_is_drawn_and_fits(opened: tuple[Browser, str]) -> None:
    browser, layout = opened
    sizes = browser.run(
        "[...document.querySelectorAll('figure svg')].filter(s => s.getClientRects().length)"
        ".map(s => [s.closest('section').id, s.classList[0], s.getBoundingClientRect().width,"
        " s.getBoundingClientRect().height, s.querySelectorAll('.mark').length])"
    )
    assert [one[0] for one in sizes] == list(FIGURES)
    for _, shown, width, height, marks in sizes:
        assert shown == layout
        assert width > 280
        assert height > 150
        assert marks > 0
    room = browser.run(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert room[0] <= room[1]  # nothing sticks out
    outside = browser.run(
        "[...document.querySelectorAll('figure svg')].filter(s => s.getClientRects().length)"
        ".flatMap(s => { const o = s.getBoundingClientRect();"
        " return [...s.querySelectorAll('.mark')].filter(m => { const b = m.getBoundingClientRect();"
        " return b.left < o.left || b.right > o.right || b.top < o.top || b.bottom > o.bottom; }); })"
        ".length"
    )
    assert outside == 0


def test_nothing_is_fetched_and_nothing_goes_wrong(
    opened: tuple[Browser, str], report: Path
) -> None:
    browser, _ = opened
    browser.run("1")  # whatever was still to be told is told now
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith("data:")] == [
        (report / "index.html").as_uri()
    ]
    bad = ("Runtime.exceptionThrown", "Log.entryAdded")
    assert [event for event in browser.events if event.get("method") in bad] == []
    browser.run(
        "addEventListener('securitypolicyviolation', e => { window.blocked = e.violatedDirective; });"
        "new Image().src = 'http://127.0.0.1:9/picture.png'; 0"
    )
    settle(browser)
    assert browser.run("window.blocked") == "img-src"


def test_hover_shows_the_whole_row(opened: tuple[Browser, str]) -> None:
    browser, layout = opened
    place = (
        "(() => {{ const m = document.querySelector('#ap-cpu svg.{0} [id$=\"ap-cpu-{1}\"]');"
        " m.scrollIntoView({{block: 'center', behavior: 'instant'}});"
        " const b = m.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
    )
    tip = "document.getElementById('tip')"
    for number in (0, 3):
        x, y = browser.run(place.format(layout, number))
        (browser.tap if layout == "narrow" else browser.move)(x + 2, y)
        settle(browser)  # the event of the scroll comes now, and hides nothing
        assert browser.run(f"{tip}.hidden") is False
        text = browser.run(f"{tip}.innerText")
        for said in (
            "AP, COCO val2017",
            "95 % interval",
            "model.sha256",
            "ran.delegate",
            "xnnpack",
            "protocol.name",
            "accuracy.pictures",
            "samples_ms.end_to_end",
        ):
            assert said in text
        box = browser.run(
            f"(() => {{ const b = {tip}.getBoundingClientRect();"
            " return [b.left, b.top, innerWidth - b.right, innerHeight - b.bottom]; })()"
        )
        assert min(box) >= 0
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert browser.run(f"{tip}.hidden") is True


def test_points_under_others_are_shown_with_them(
    browser: Browser, make_row: Callable[..., BenchmarkRow], tmp_path: Path
) -> None:
    """One network in two runtimes: the same cost, and of float the same AP."""
    rows = [make_row(name, ap=ap) for name, ap in (("d0", 0.335), ("d1", 0.394))]
    model = dataclasses.replace(
        rows[0].model, file="d0-fp32.xml", format="openvino", sha256="e" * 64
    )
    assert rows[0].ran is not None
    ran = dataclasses.replace(rows[0].ran, runtime="openvino", delegate="none")
    rows.append(dataclasses.replace(rows[0], model=model, ran=ran))
    write_report(rows, ["rows.jsonl"], tmp_path / "out", Options(None))
    browser.open((tmp_path / "out" / "index.html").as_uri(), 1100, 900)
    x, y = browser.run(
        "(() => { const m = document.querySelector('#ap-flops svg.wide [aria-label^=d0]');"
        " m.scrollIntoView({block: 'center', behavior: 'instant'});"
        " const b = m.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    browser.move(x, y)
    settle(browser)
    text = browser.run("document.getElementById('tip').innerText")
    assert "d0-fp32.tflite" in text
    assert "d0-fp32.xml" in text
    assert "d1" not in text


def test_light_dark_and_paper(report: Path, browser: Browser) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    seen = []
    for dark in (False, True):
        browser.open((report / "index.html").as_uri(), 900, 700, dark=dark)
        seen.append(browser.run(paper))
    assert seen == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run(paper) == "rgb(255, 255, 255)"
    browser.call("Emulation.setEmulatedMedia", media="")


def settle(browser: Browser) -> None:
    """Scrolling is told to the page with its next frame."""
    browser.call(
        "Runtime.evaluate",
        awaitPromise=True,
        expression="new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(1))))",
    )
