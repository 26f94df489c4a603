"""The parity report: agreement of boxes, what is recorded, and that it is reproducible."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_edet.cli import main
from edge_edet.converters.commands.compare_float import summary
from edge_edet.converters.inspect import inspection
from edge_edet.converters.inspect.parity.report import write_parity_report
from edge_edet.converters.inspect.verdict.detections import Agreement
from edge_edet.converters.inspect.verdict.diagnosis import score_shift
from edge_edet.detection.detections import Detections
from edge_edet.errors import BackendError


def found(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    scores = np.array([row[1] for row in rows], np.float32)
    classes = np.array([row[2] for row in rows], np.int64)
    return Detections(boxes, scores, classes, tuple(str(c) for c in classes))


BOX, NUDGED, MOVED, FAR = (0, 0, 100, 100), (0, 0, 100, 96), (0, 0, 100, 70), (200, 0, 300, 100)


@pytest.mark.parametrize(
    ("exact", "integer", "same", "moved", "lost", "invented"),
    [
        ([], [], 0, 0, 0, 0),
        ([(BOX, 0.9, 0)], [(NUDGED, 0.8, 0)], 1, 0, 0, 0),
        ([(BOX, 0.9, 0)], [(MOVED, 0.8, 0)], 0, 1, 0, 0),
        ([(BOX, 0.9, 0)], [(FAR, 0.8, 0)], 0, 0, 1, 1),
        ([(BOX, 0.9, 0)], [(BOX, 0.8, 1)], 0, 0, 1, 1),  # another class is another object
        ([(BOX, 0.9, 0)], [(MOVED, 0.8, 0), (BOX, 0.4, 0)], 1, 0, 0, 1),  # the best overlap wins
        ([(BOX, 0.9, 0), (FAR, 0.5, 0)], [], 0, 0, 2, 0),
        ([], [((5, 5, 5, 5), 0.5, 0)], 0, 0, 0, 1),  # no area, no union
        ([((5, 5, 5, 5), 0.5, 0)], [((5, 5, 5, 5), 0.5, 0)], 0, 0, 1, 1),
    ],
)
def test_boxes_are_matched(
    exact: list[Any], integer: list[Any], same: int, moved: int, lost: int, invented: int
) -> None:
    total = Agreement()
    total.add(found(*exact), found(*integer))
    assert (total.same, total.moved, total.lost, total.invented) == (same, moved, lost, invented)
    json.dumps(total.to_dict(), allow_nan=False)


def test_scores_that_are_all_shifted_are_noted() -> None:
    total = Agreement()
    total.add(found((BOX, 0.9, 0), (FAR, 0.31, 0)), found((NUDGED, 0.8, 0)))
    assert total.to_dict()["score_difference"]["mean"] == pytest.approx(-0.1)
    assert total.near == 1
    (note,) = score_shift(total)
    assert "0.100 lower" in note.text
    assert note.level == "note"
    assert score_shift(Agreement()) == []


class Page(html.parser.HTMLParser):
    """Collect tags and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href")]


@pytest.fixture(scope="module")
def pair(planted: Any, bench: Any) -> tuple[Path, Path]:
    return planted.with_manifest(bench, "equalized"), planted.with_manifest(bench, "fp32")


def test_parity_report_is_complete_and_reproducible(
    pair: tuple[Path, Path], bench: Any, tmp_path: Path
) -> None:
    pictures = bench.pictures[:2]
    accuracy = {
        "results": [
            {
                "precision": p,
                "numbers": {"ap": ap, "ap50": ap, "ap75": None},
                "intervals": {"ap": [ap - 0.1, ap + 0.1]},
                "pictures": 2,
                "objects": 30,
                "notes": {"crowd <boxes>": 7},
            }
            for p, ap in (("fp32", 0.5), ("int8", 0.4))
        ],
        "differences": [{"numbers": {"ap": -0.1}, "intervals": {"ap": [-0.2, 0.0]}}],
    }
    for name in ("a", "b"):
        record = write_parity_report(
            *pair,
            pictures,
            accuracy,
            output=tmp_path / name,
            compared=pictures[:1],
            command="edge-edet compare-float <x>",
        )
    assert "note: 7 crowd <boxes>" in list(summary(record, tmp_path))
    report, text = ((tmp_path / "a" / n).read_text("utf-8") for n in ("report.json", "index.html"))
    assert report == (tmp_path / "b/report.json").read_text("utf-8")
    record = json.loads(report)
    assert (record["verdict"], record["healthy"]) == ("unknown", None)
    assert record["because"].startswith("AP -0.1000 against float on 2: too few labelled pictures")
    assert record["thresholds"]["large_loss"] == 0.01
    assert record["agreement"]["same"] > 5
    assert len(record["int8"]["sha256"]) == len(record["protocol"]["tensors"]["sha256"]) == 64
    assert record["provenance"]["calibration"] == {"digest": "test", "images": 8, "source": "test"}
    assert {b["block"] for b in record["blocks"]} >= {"backbone/blocks.0.0", "class_net/p3"}
    seen = Page()
    seen.feed(text)
    assert seen.addresses == ["data:,"]  # an empty icon: nothing is fetched
    assert "script" not in seen.tags
    assert '<strong class="unsure">Unknown</strong>: AP -0.1000' in text
    for part in (
        "-0.1000 (-0.2000 to +0.0000)",
        "edge-edet compare-float &lt;x&gt;",
        "<svg",
        "Note: 7 crowd &lt;boxes&gt;",
        record["int8"]["sha256"],
    ):
        assert part in text


def test_command_on_labelled_pictures_measures_ap(
    pair: tuple[Path, Path], shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(
        [
            "compare-float",
            str(pair[0]),
            "--against",
            str(pair[1]),
            "--data",
            str(shared / "data/bccd"),
            "--split",
            "test",
            "--limit",
            "2",
            "--tensor-limit",
            "1",
            "-o",
            str(tmp_path),
        ]
    )
    text = capsys.readouterr().out
    assert status == 0
    assert "AP 0." in text
    assert text.startswith("unknown: AP ")
    assert "too few labelled pictures, at least 16" in text
    record = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert record["command"].startswith("edge-edet")
    assert len(record["accuracy"]["results"]) == 2


def test_model_that_does_not_run_gets_its_parity_report_too(
    model: Callable[[str], Path],
    float_path: Path,
    bench: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise BackendError("the runtime refuses operator 3")

    monkeypatch.setattr(inspection, "tensor_errors", refuse)
    record = write_parity_report(
        model("equalized"), float_path, bench.pictures[:1], output=tmp_path
    )
    assert record["agreement"] is None
    assert (record["verdict"], record["because"]) == ("fault", "it does not run")
    assert record["findings"][0]["kind"] == "refused"
    assert "Not measured: the model does not run" in (tmp_path / "index.html").read_text("utf-8")


def test_other_weights_are_refused(
    pair: tuple[Path, Path], planted: Any, bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    other = planted.with_manifest(bench, "fp32", weights="other")
    assert main(["compare-float", str(pair[0]), "--against", str(other), "--data", "x"]) == 2
    assert "converted from different weights" in capsys.readouterr().err
