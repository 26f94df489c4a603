"""The verdict on an INT8 model: healthy, worse, a fault, or unknown. Its detections decide, nothing else.

Where the pictures have labels, the difference of AP from the float model decides, with its paired 95 %
interval; without labels, or with too few, the agreement of its boxes with the float model's. Errors of
tensors explain a bad verdict but never decide it: INT8 models whose grids look bad may lose nothing, and
models whose grids all look right may lose a point of AP.

The thresholds, and the models that they were calibrated on: docs/decisions/0006-verdict.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_edet.converters.inspect.verdict.detections import Agreement

__all__ = [
    "FAULT",
    "HEALTHY",
    "UNKNOWN",
    "WORSE",
    "Verdict",
    "by_agreement",
    "by_labels",
    "judge",
    "thresholds",
]

HEALTHY, WORSE, FAULT, UNKNOWN = "healthy", "worse", "fault", "unknown"

SMALL_LOSS = 0.003  # AP, 0 to 1: a model that surely loses more is not healthy
LARGE_LOSS = 0.01  # a model that may lose as much is not healthy either; one that did is a fault
LEAST_AP = 0.02  # of the float model: below it there is nothing to lose
LEAST_PICTURES = 16  # with labels: with fewer, the interval of AP itself is not reliable

HEALTHY_AGREEMENT = 0.91
WORSE_AGREEMENT = 0.85
FAULT_AGREEMENT = 0.75

MEANINGS = (
    "healthy (no loss of 0.01 AP or more), worse (surely more than 0.003), fault (worse, and by 0.01 or "
    "more), or unknown"
)


def thresholds() -> dict[str, float]:
    """Return the thresholds of loss of AP and of agreement, all from 0 to 1, ready for JSON.

    Returns
    -------
    dict[str, float]
        Value by name.
    """
    return {
        "small_loss": SMALL_LOSS,
        "large_loss": LARGE_LOSS,
        "healthy_agreement": HEALTHY_AGREEMENT,
        "worse_agreement": WORSE_AGREEMENT,
        "fault_agreement": FAULT_AGREEMENT,
    }


@dataclass(frozen=True)
class Verdict:
    """The verdict on a model.

    Attributes
    ----------
    name
        HEALTHY, WORSE, FAULT or UNKNOWN.
    because
        The numbers that decided, as half a sentence.
    """

    name: str
    because: str

    @property
    def is_bad(self) -> bool:
        """Whether it is worse or a fault."""
        return self.name in (WORSE, FAULT)

    @property
    def healthy(self) -> bool | None:
        """Whether it is healthy; None where that is unknown."""
        return None if self.name == UNKNOWN else self.name == HEALTHY

    def __str__(self) -> str:
        return f"{self.name}: {self.because}"

    def to_dict(self) -> dict[str, Any]:
        """Return it, ready for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return {"verdict": self.name, "because": self.because, "healthy": self.healthy}


FILE_ALONE = Verdict(UNKNOWN, "only the file was checked; measure it with --against and --data")
NO_DETECTOR = Verdict(UNKNOWN, "its outputs are not known as detections, so none were compared")
RANDOM = Verdict(UNKNOWN, "random weights: their detections mean nothing")
REFUSED = Verdict(FAULT, "it does not run")


def judge(
    accuracy: Mapping[str, Any] | None, agreement: Agreement | None, allowed: float = 0.0
) -> Verdict:
    """Judge an INT8 model by its detections.

    AP takes precedence. Where its interval includes both a large loss and none, agreement, which is the
    finer measure, may still clear the model; with few labelled pictures agreement decides, unless AP
    contradicts it.

    Parameters
    ----------
    accuracy
        As `edge-edet eval --json` prints it for [float, INT8]; None without labels.
    agreement
        Of the detections; None where the model is no detector.
    allowed
        Loss of AP, 0 to 1, that was asked for when the model was made, and is no fault.

    Returns
    -------
    Verdict
        The verdict, with its reason.
    """
    found = _judged(accuracy, agreement)
    lost = -accuracy["differences"][0]["numbers"]["ap"] if accuracy else 0.0
    if found.name == FAULT and max(lost, LARGE_LOSS) < allowed:
        return Verdict(WORSE, f"{found.because}, and --max-drop allowed {allowed:g}")
    return found


def _judged(accuracy: Mapping[str, Any] | None, agreement: Agreement | None) -> Verdict:
    by_boxes = by_agreement(agreement) if agreement is not None else NO_DETECTOR
    if accuracy is None:
        return by_boxes
    measured, (exact, *_) = accuracy["differences"][0], accuracy["results"]
    difference, interval = measured["numbers"]["ap"], measured["intervals"].get("ap")
    found = by_labels(difference, interval, exact["numbers"]["ap"], exact["pictures"])
    if found.name != UNKNOWN or is_blind(exact["numbers"]["ap"]):
        return found
    few = interval is None or exact["pictures"] < LEAST_PICTURES
    surely_less = interval is not None and interval[1] < -SMALL_LOSS
    agreed = {
        HEALTHY: difference > -LARGE_LOSS and not surely_less,
        WORSE: few and difference < 0,
        FAULT: few and difference <= -LARGE_LOSS,
    }
    if agreed.get(by_boxes.name, False):
        return Verdict(by_boxes.name, f"{found.because}, but {by_boxes.because}")
    return found


def is_blind(ap: float | None) -> bool:
    """Check whether the float model's AP is so low that there is nothing to lose."""
    return ap is None or ap < LEAST_AP


def by_labels(
    difference: float,
    interval: tuple[float, float] | list[float] | None,
    float_ap: float | None,
    pictures: int,
) -> Verdict:
    """Judge by AP.

    Parameters
    ----------
    difference
        AP of the INT8 model minus that of the float model, from -1 to 1.
    interval
        Paired 95 % interval of the difference; None without one.
    float_ap
        AP of the float model.
    pictures
        Number of labelled pictures.
    """
    text = f"AP {difference:+.4f} against float"
    if is_blind(float_ap):
        return Verdict(
            UNKNOWN,
            f"the float model itself finds next to nothing (AP {float_ap or 0.0:.4f}): do the "
            "pictures, labels and training settings fit it?",
        )
    if interval is None or pictures < LEAST_PICTURES:
        least = f"too few labelled pictures, at least {LEAST_PICTURES} are needed"
        return Verdict(UNKNOWN, f"{text} on {pictures}: {least}")
    low, high = interval
    text += f" (95 % {low:+.4f} to {high:+.4f}, {pictures} pictures)"
    if high < -SMALL_LOSS:
        if difference <= -LARGE_LOSS:
            return Verdict(FAULT, f"{text}: it lost {LARGE_LOSS:g} or more")
        return Verdict(WORSE, f"{text}: it surely lost more than {SMALL_LOSS:g}")
    if low > -LARGE_LOSS:
        return Verdict(HEALTHY, f"{text}: a loss of {LARGE_LOSS:g} is ruled out")
    return Verdict(
        UNKNOWN, f"{text}: too few pictures to distinguish a loss of {LARGE_LOSS:g} from none"
    )


def by_agreement(found: Agreement) -> Verdict:
    """Judge by the agreement of boxes, see `Agreement.share`."""
    if not found.boxes:
        return Verdict(
            UNKNOWN,
            f"neither model finds anything in {_pictures(found)} with a score above "
            f"{found.score_threshold:g}: give pictures of what it was trained for",
        )
    low, high = found.interval
    text = (
        f"its boxes agree with the float model's to {found.share:.1%} (95 % {low:.1%} to "
        f"{high:.1%}, {_pictures(found)})"
    )
    if high < FAULT_AGREEMENT:
        return Verdict(FAULT, f"{text}: below {FAULT_AGREEMENT:.0%} models lost 0.01 AP or more")
    if high < WORSE_AGREEMENT:
        return Verdict(WORSE, f"{text}: below {WORSE_AGREEMENT:.0%} models lost AP")
    if low >= HEALTHY_AGREEMENT:
        return Verdict(
            HEALTHY,
            f"{text}: models that agreed to {HEALTHY_AGREEMENT:.0%} or more lost less than 0.01 AP",
        )
    more = "labelled pictures" if found.is_many else "more pictures, or labelled ones,"
    return Verdict(UNKNOWN, f"{text}: {more} would decide")


def _pictures(found: Agreement) -> str:
    return f"{found.pictures} picture{'' if found.pictures == 1 else 's'}"
