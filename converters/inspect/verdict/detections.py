"""The agreement between the detections of an INT8 model and those of its float model, box by box.

Its one number, `share`, is an F1 score: twice the matched boxes over the boxes of both models, at one
score threshold and within each class, averaged over the IoU thresholds 0.50, 0.55 ... 0.95 as AP is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.detection import Detections, load, match_boxes
from edge_edet.errors import InputError
from edge_edet.pictures import PictureRange, read_picture
from edge_edet.terminal import track

SAME_IOU, MOVED_IOU = 0.9, 0.5
THRESHOLDS = tuple(n / 100 for n in range(50, 100, 5))  # as AP is averaged over
SCORE_THRESHOLD = 0.3
LEAST_PICTURES, LEAST_BOXES = 8, 50  # for an interval over the pictures
RESAMPLES = 1000
Z = 1.96  # 95 % of a normal distribution
Doubles = npt.NDArray[np.float64]


@dataclass
class Agreement:
    """Counts of boxes over all pictures, at one score threshold and within each class.

    Attributes
    ----------
    score_threshold
        Boxes below it are not compared.
    pictures
        Number of pictures.
    same, moved
        Pairs of boxes at an IoU of 0.9 or more, and of 0.5 to 0.9.
    lost, invented
        Boxes that only the float model has, and that only the INT8 model has.
    near
        Lost and invented boxes whose score is within 0.05 of the threshold.
    score_differences, ious
        Of all pairs: score of INT8 minus float, and IoU.
    each
        For every picture: twice its matches, averaged over ten IoU thresholds, and the number of boxes of
        both models.
    """

    score_threshold: float = SCORE_THRESHOLD
    pictures: int = 0
    same: int = 0
    moved: int = 0
    lost: int = 0
    invented: int = 0
    near: int = 0
    score_differences: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    each: list[tuple[float, int]] = field(default_factory=list)

    @property
    def boxes(self) -> float:
        """Number of boxes of one model, as the mean of both."""
        return sum(count for _, count in self.each) / 2

    @property
    def share(self) -> float:
        """Agreement from 0 to 1, as defined above; 1 where neither model finds anything."""
        return sum(hits for hits, _ in self.each) / (2 * self.boxes) if self.boxes else 1.0

    @property
    def is_many(self) -> bool:
        """Whether there are enough pictures and boxes to resample the pictures."""
        return self.pictures >= LEAST_PICTURES and self.boxes >= LEAST_BOXES

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `share`: a bootstrap over the pictures.

        Of few pictures or boxes it is Wilson's score interval over the boxes (E. B. Wilson, 1927), which
        is wider there.
        """
        if not self.is_many:
            return _wilson(self.share, self.boxes)
        hits, counts = np.asarray(self.each, np.float64).T
        drawn = np.random.default_rng(0).integers(0, len(hits), (RESAMPLES, len(hits)))
        shares = hits[drawn].sum(axis=1) / np.maximum(counts[drawn].sum(axis=1), 1)
        low, high = np.quantile(shares, [0.025, 0.975])
        return float(low), float(high)

    def add(self, exact: Detections, integer: Detections) -> None:
        """Add one picture: the detections of the float model and of the INT8 model.

        Parameters
        ----------
        exact
            Of the float model.
        integer
            Of the INT8 model.
        """
        pairs = match_boxes(exact.boxes, exact.classes, integer.boxes, integer.classes, MOVED_IOU)
        self.pictures += 1
        for i, j, iou in pairs:
            self.same += iou >= SAME_IOU
            self.moved += iou < SAME_IOU
            self.ious.append(iou)
            self.score_differences.append(float(integer.scores[j]) - float(exact.scores[i]))
        unmatched = [
            *np.delete(exact.scores, [i for i, _, _ in pairs]),
            *np.delete(integer.scores, [j for _, j, _ in pairs]),
        ]
        passed = sum(bool(iou >= threshold) for _, _, iou in pairs for threshold in THRESHOLDS)
        self.each.append((2 * passed / len(THRESHOLDS), len(exact) + len(integer)))
        self.lost += len(exact) - len(pairs)
        self.invented += len(integer) - len(pairs)
        self.near += sum(float(score) < self.score_threshold + 0.05 for score in unmatched)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and the statistics of the samples, ready for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        scores, ious = np.asarray(self.score_differences), np.asarray(self.ious)
        plain = asdict(self)
        del plain["score_differences"], plain["ious"], plain["each"]
        found = self.same + self.moved + self.lost
        return plain | {
            "agreement": self.share if self.boxes else None,
            "agreement_interval": list(self.interval) if self.boxes else None,
            "same_share": self.same / found if found else None,
            "score_difference": _summary(scores),
            "score_difference_abs_p95": float(np.quantile(np.abs(scores), 0.95))
            if len(scores)
            else None,
            "iou_mean": float(ious.mean()) if len(ious) else None,
        }


def agreement(
    int8_path: Path,
    float_path: Path,
    pictures: Sequence[Path],
    threads: int | None = None,
    picture_range: PictureRange = None,
    *,
    verify: bool = True,
) -> Agreement:
    """Run both models on the pictures and compare their detections.

    Parameters
    ----------
    int8_path, float_path
        The two models.
    pictures
        The pictures.
    threads
        CPU threads of the runtime.
    picture_range
        How grey pictures of more than 8 bits are read.
    verify
        As of `edge_edet.load`.

    Returns
    -------
    Agreement
        Counts over all pictures.

    Raises
    ------
    InputError
        Where the models have different labels.
    ImageError
        For a picture that cannot be read.
    """
    total = Agreement()
    options: dict[str, Any] = {
        "threads": threads,
        "score_threshold": SCORE_THRESHOLD,
        "verify": verify,
    }
    with load(float_path, **options) as exact, load(int8_path, **options) as integer:
        if exact.labels != integer.labels:
            raise InputError(f"{str(float_path)!r} and {str(int8_path)!r} have different labels")
        for picture in track(pictures, "detecting with both", unit="pictures"):
            image = read_picture(picture, picture_range).image
            total.add(exact.detect(image), integer.detect(image))
    return total


def _wilson(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of `count` trials, 0 < count."""
    middle = share + Z * Z / (2 * count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    scale = 1 + Z * Z / count
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def _summary(values: Doubles) -> dict[str, float] | None:
    if not len(values):
        return None
    return {"mean": float(values.mean()), "least": float(values.min()), "most": float(values.max())}
