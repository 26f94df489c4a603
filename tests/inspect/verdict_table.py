"""Makes the table of docs/decisions/0006-verdict.md: verdict against measured difference of AP.

    PYTHONPATH=tests/inspect python tests/inspect/verdict_table.py BCCD --state build/verdict

BCCD: the blood-cell pictures in Pascal VOC's layout; AP is on their split test, calibration of the own
network on 24 of split train. Takes half an hour on two cores; what is in --state is not done again.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import faults
import ir_faults
import numpy as np
import verdict_models as models

from edge_edet.benchmarks.accuracy.bootstrap import interval, mean_ap
from edge_edet.benchmarks.accuracy.evaluation import evaluate, load_dataset
from edge_edet.converters.inspect.verdict.detections import SCORE_THRESHOLD, Agreement
from edge_edet.converters.inspect.verdict.verdict import by_agreement, by_labels, judge
from edge_edet.detection.detections import Detections
from edge_edet.errors import ModelFileError

THREADS = 2
NOT_OF_OWN = ("int8-dynamic", "channelwise-pointwise", "channelwise-pointwise-3")
FAULTS_OF_OWN = (
    "clipped",
    "wrong_bias",
    "low_scores",
    "island",
    "ir clipped",
    "ir one_quantizer_wrong",
)
SUBSETS, DRAWS = (1, 4, 8, 16), 50


class Measured(NamedTuple):
    """ap; resampled: [1000] of it, on the same draws for all; found: of each picture."""

    ap: float
    resampled: Any
    found: list[Detections]


class Line(NamedTuple):
    network: str
    kind: str
    name: str
    difference: float
    ends: tuple[float, float]
    agreement: Agreement
    exact: Measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bccd", type=Path)
    parser.add_argument("--state", type=Path, default=Path("build/verdict"))
    args = parser.parse_args()
    (args.state / "models").mkdir(parents=True, exist_ok=True)
    found = sorted(lines(args.bccd, args.state), key=lambda line: -line.difference)
    print("\n".join([*table(found), "", *subsets(found)]))


def lines(bccd: Path, state: Path) -> Iterator[Line]:
    names = (bccd / "ImageSets/Main/train.txt").read_text().split()
    train = [bccd / "JPEGImages" / f"{name}.jpg" for name in names]
    data = load_dataset(bccd, split="test")
    count = models.OWN_PICTURES
    few = train[:: len(train) // count][:count]
    made = models.bundled(THREADS)
    entries: Iterable[models.Entry] = itertools.chain(
        models.recipes(made),
        models.planted(made, faults, ir_faults, train[:12]),
        models.shifted(made),
        models.nncf(made, train[:count]),
    )
    yield from compared(made, entries, data, state)
    made = models.own(few, THREADS)
    entries = itertools.chain(
        (e for e in models.recipes(made) if e.name not in NOT_OF_OWN),
        (e for e in models.planted(made, faults, ir_faults, train[:12]) if e.name in FAULTS_OF_OWN),
    )
    yield from compared(made, entries, data, state)


def compared(
    network: models.Network, entries: Iterable[models.Entry], data: Any, state: Path
) -> Iterator[Line]:
    folder = state / "models"
    exact = measured(
        lambda: network.float_tflite(folder), f"{network.name}-float-tflite", data, state
    )
    for entry in entries:
        key = "-".join(entry[:3]).replace(" ", "_").replace(",", "")
        try:
            one = measured(lambda entry=entry: entry.build(folder), key, data, state)
        except ModelFileError as error:
            print(f"{entry.network} {entry.name}: refused: {error}")
            continue
        difference = one.ap - exact.ap
        ends = interval(one.resampled - exact.resampled, difference, (-1.0, 1.0))
        assert ends is not None
        total = Agreement()
        for left, right in zip(exact.found, one.found, strict=True):
            total.add(left, right)
        yield Line(*entry[:3], difference, (ends.low, ends.high), total, exact)


def measured(build: Any, key: str, data: Any, state: Path) -> Measured:
    rows, numbers = state / f"{key}.rows.jsonl", state / f"{key}.npz"
    if not numbers.exists():
        result = evaluate(build(), data, threads=THREADS, state=rows)
        assert result.resampled is not None
        np.savez(numbers, ap=result.ap, resampled=mean_ap(result.resampled))
    kept = np.load(numbers)
    by_picture = {}
    for line in rows.read_text().splitlines()[1:]:
        row = json.loads(line)
        boxes = np.asarray(row["boxes"], np.float32).reshape(-1, 4)
        scores, classes = (
            np.asarray(row["scores"], np.float32),
            np.asarray(row["classes"], np.int64),
        )
        keep = scores >= SCORE_THRESHOLD
        names = tuple(map(str, classes[keep]))
        by_picture[row["picture"]] = Detections(boxes[keep], scores[keep], classes[keep], names)
    return Measured(
        float(kept["ap"]), kept["resampled"], [by_picture[n] for n in sorted(by_picture)]
    )


def table(found: Sequence[Line]) -> Iterator[str]:
    yield "| network | model | AP difference (95 %) | agreement (95 %) | by labels | by agreement | verdict |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for line in found:
        low, high = line.ends
        least, most = line.agreement.interval
        labels = by_labels(line.difference, line.ends, line.exact.ap, len(line.exact.found))
        both = judge(document(line), line.agreement)
        assert not (both.name == "healthy" and high < -0.003)
        assert not (both.name == "fault" and low > -0.01)
        name = f"`{line.name}`" if line.kind == "recipe" else f"{line.kind}: {line.name}"
        yield (
            f"| {line.network} | {name} | {line.difference:+.4f} ({low:+.4f} to {high:+.4f}) "
            f"| {line.agreement.share:.3f} ({least:.3f} to {most:.3f}) | {labels.name} "
            f"| {by_agreement(line.agreement).name} | {both.name} |"
        )


def document(line: Line) -> Any:
    return {
        "results": [{"numbers": {"ap": line.exact.ap}, "pictures": len(line.exact.found)}, {}],
        "differences": [{"numbers": {"ap": line.difference}, "intervals": {"ap": line.ends}}],
    }


def subsets(found: Sequence[Line]) -> Iterator[str]:
    """Verdicts by agreement on fewer pictures, drawn at random, against AP on all of them."""
    yield "| pictures | healthy | of these worse | worse | fault | of these below 0.01 | unknown |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    rng = np.random.default_rng(0)
    for size in SUBSETS:
        counts = dict.fromkeys(("healthy", "wrong", "worse", "fault", "mild", "unknown"), 0)
        for line in found:
            for _ in range(DRAWS):
                chosen = rng.choice(len(line.agreement.each), size, replace=False)
                part = Agreement(pictures=size, each=[line.agreement.each[i] for i in chosen])
                name = by_agreement(part).name
                counts[name] += 1
                counts["wrong"] += name == "healthy" and line.ends[1] < -0.003
                counts["mild"] += name == "fault" and line.ends[0] > -0.01
        yield (
            "| "
            + " | ".join(
                map(
                    str,
                    (
                        size,
                        counts["healthy"],
                        counts["wrong"],
                        counts["worse"],
                        counts["fault"],
                        counts["mild"],
                        counts["unknown"],
                    ),
                )
            )
            + " |"
        )


if __name__ == "__main__":
    main()
