r"""Which library keeps the cells of drawn videos apart: the table of docs/decisions/0017-tracking.md.

Each library needs an environment of its own, as their requirements exclude each other: trackers==2.6.1,
norfair==2.3.0 (with numpy<2), motpy==0.0.10. First the detections, once, then this script in each:

    edge-edet convert --int8 d0 --weights bundled -o build
    for seed in 1 2 3; do
        python -m edge_edet.demo_video build/smear$seed.mp4 --seed $seed --frames 90
        edge-edet detect build/smear$seed.mp4 -m build/d0-int8.tflite --score-threshold 0.1 --json \
            > build/smear$seed.found
    done
    python tests/runtime/video/compare_trackers.py build/smear*.found

Nothing of edge-edet is imported here, so that the environments stay small.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

IOU, RATE = 0.5, 15.0
Tracked = list[tuple[Any, Any]]  # (id, [4] box)
Update = Callable[[Any, Any, float], Tracked]


def of_trackers(
    name: str, stated: float | None = None, **options: Any
) -> Callable[[float], Update]:
    def make(rate: float) -> Update:
        import supervision as sv

        kind = getattr(importlib.import_module("trackers"), name)
        tracker = kind(frame_rate=stated or rate, **options)

        def update(boxes: Any, scores: Any, time_s: float) -> Tracked:
            found = sv.Detections(boxes, confidence=scores)
            found = tracker.update(found, timestamp=time_s)
            return [(i, b) for i, b in zip(found.tracker_id, found.xyxy, strict=True) if i >= 0]

        return update

    return make


def of_norfair(threshold: float) -> Callable[[float], Update]:
    def make(rate: float) -> Update:
        from norfair import Detection, Tracker

        tracker = Tracker("iou", threshold, hit_counter_max=round(rate), initialization_delay=1)

        def update(boxes: Any, scores: Any, time_s: float) -> Tracked:
            found = [
                Detection(b.reshape(2, 2), s.repeat(2))
                for b, s in zip(boxes, scores, strict=True)
                if s >= 0.3
            ]
            alive = tracker.update(found)
            return [(o.id, o.estimate.reshape(4)) for o in alive if o.last_detection in found]

        return update

    return make


def of_motpy(rate: float) -> Update:
    from motpy import Detection, MultiObjectTracker

    tracker = MultiObjectTracker(dt=1 / rate, tracker_kwargs={"max_staleness": round(rate)})

    def update(boxes: Any, scores: Any, time_s: float) -> Tracked:
        good = scores >= 0.3
        found = [Detection(box=b, score=s) for b, s in zip(boxes[good], scores[good], strict=True)]
        tracker.step(detections=found)
        return [
            (one.id, one.box)
            for one in tracker.active_tracks(max_staleness_to_positive_ratio=3.0, max_staleness=1)
        ]  # below 1: seen in this frame

    return update


CANDIDATES: dict[str, tuple[str, Callable[[float], Update]]] = {
    "trackers ByteTrack, as edge-edet has it": (
        "trackers",
        of_trackers(
            "ByteTrackTracker", 15.0, track_activation_threshold=0.3, high_conf_det_threshold=0.3
        ),
    ),
    "trackers ByteTrack": (
        "trackers",
        of_trackers(
            "ByteTrackTracker", track_activation_threshold=0.3, high_conf_det_threshold=0.3
        ),
    ),
    "trackers ByteTrack, as it comes": ("trackers", of_trackers("ByteTrackTracker")),
    "trackers OC-SORT": ("trackers", of_trackers("OCSORTTracker", high_conf_det_threshold=0.3)),
    "trackers SORT": ("trackers", of_trackers("SORTTracker", track_activation_threshold=0.3)),
    "norfair, IoU 0.5": ("norfair", of_norfair(0.5)),
    "norfair, IoU 0.7": ("norfair", of_norfair(0.7)),
    "motpy": ("motpy", of_motpy),
}


def overlap(box: Any, boxes: Any) -> Any:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    inner = np.clip(high - low, 0, None).prod(1)
    return inner / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - inner)


def switches(truth: list[dict[str, Any]], tracks: list[Tracked]) -> tuple[int, int, int]:
    """ID switches, boxes of cells, and those that a track covers (CLEAR MOT, Bernardin, Stiefelhagen 2008).

    A cell keeps the track that it had in the frame before while that covers it at IoU 0.5; the others are
    paired by the largest IoU. A switch is a cell whose track is another one than the last that it had.
    """
    last: dict[int, Any] = {}
    count = covered = boxes = 0
    for frame, tracked in zip(truth, tracks, strict=True):
        cells = {one["id"]: np.array(one["box"]) for one in frame["cells"]}
        boxes += len(cells)
        free = dict(tracked)
        pairs: dict[int, Any] = {}
        places = {i: np.asarray(b)[None] for i, b in tracked}
        for cell, box in cells.items():
            mine = last.get(cell)
            if mine in free and overlap(box, places[mine])[0] >= IOU:
                pairs[cell] = mine
                del free[mine]
        rest = sorted(
            (
                (overlap(box, places[i])[0], cell, i)
                for cell, box in cells.items()
                if cell not in pairs
                for i in free
            ),
            key=lambda one: -one[0],
        )
        for iou, cell, i in rest:
            if iou >= IOU and cell not in pairs and i in free:
                pairs[cell] = i
                del free[i]
        for cell, i in pairs.items():
            count += cell in last and last[cell] != i
            last[cell] = i
        covered += len(pairs)
    return count, boxes, covered


def lines(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text().splitlines())


def main() -> None:
    print(f"{'':40}{'every':>6}{'switches':>9}{'covered':>9}{'tracks':>7}{'cells':>7}{'ms':>7}")
    for name, (package, make) in CANDIDATES.items():
        try:
            importlib.import_module(package)
        except ImportError as error:
            print(f"{name:40}  not here: {error}")
            continue
        for every in (1, 2, 3):
            total, seconds = np.zeros(5, int), []
            for path in map(Path, sys.argv[1:]):
                truth, tracks = list(lines(path.with_suffix(".jsonl")))[::every], []
                update = make(RATE / every)
                for found in list(lines(path))[::every]:
                    boxes = np.array(
                        [one["box"] for one in found["detections"]], np.float64
                    ).reshape(-1, 4)
                    scores = np.array([one["score"] for one in found["detections"]], np.float64)
                    begun = time.perf_counter()
                    tracks.append(update(boxes, scores, found["time_s"]))
                    seconds.append(time.perf_counter() - begun)
                ids = {i for frame in tracks for i, _ in frame}
                cells = {one["id"] for frame in truth for one in frame["cells"]}
                total += [*switches(truth, tracks), len(ids), len(cells)]
            share, ms = total[2] / total[1], 1e3 * np.median(seconds)
            print(
                f"{name:40}{every:>6}{total[0]:>9}{share:>9.1%}{total[3]:>7}{total[4]:>7}{ms:>7.2f}"
            )


if __name__ == "__main__":
    main()
