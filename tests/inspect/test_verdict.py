"""What makes a model healthy, worse, a fault or unknown: AP with its interval, else agreement."""

from __future__ import annotations

from typing import Any

import pytest

from edge_edet.converters.inspect.facts import Facts
from edge_edet.converters.inspect.verdict import verdict as v
from edge_edet.converters.inspect.verdict.advice import CALIBRATE, better_recipe, for_seen_pictures
from edge_edet.converters.inspect.verdict.detections import Agreement
from edge_edet.converters.inspect.verdict.findings import KINDS, Finding


@pytest.mark.parametrize(
    ("difference", "low", "high", "name"),
    [
        (0.0007, -0.0082, 0.0093, "healthy"),
        (-0.0019, -0.0074, 0.0034, "healthy"),
        (-0.0029, -0.0060, -0.0002, "healthy"),  # below zero, and less than 0.003 perhaps
        (-0.0036, -0.0133, 0.0063, "unknown"),  # may be 0.01, may be none
        (-0.0045, -0.0060, -0.0031, "worse"),  # surely more than 0.003, surely less than 0.01
        (-0.0080, -0.0130, -0.0040, "worse"),
        (-0.0113, -0.0190, -0.0040, "fault"),
        (-0.0424, -0.0621, -0.0256, "fault"),
        (-0.0113, -0.0260, 0.0030, "unknown"),
    ],
)
def test_interval_of_ap_decides(difference: float, low: float, high: float, name: str) -> None:
    assert v.by_labels(difference, (low, high), 0.58, 72).name == name


def test_no_interval_is_both_healthy_and_surely_worse_or_a_fault_though_surely_small() -> None:
    """The two bars, for every interval on a grid of 0.0005."""
    ends = [n / 2000 for n in range(-60, 21)]
    for low in ends:
        for high in (end for end in ends if end >= low):
            for share in (0.25, 0.5, 0.75):
                name = v.by_labels(low + share * (high - low), (low, high), 0.58, 72).name
                assert not (name == v.HEALTHY and high < -0.003)
                assert not (name == v.FAULT and low > -0.01)


def accuracy(difference: float, interval: Any, ap: float = 0.58, pictures: int = 72) -> Any:
    return {
        "results": [{"numbers": {"ap": ap}, "pictures": pictures}, {}],
        "differences": [{"numbers": {"ap": difference}, "intervals": {"ap": interval}}],
    }


def agreeing(share: float, pictures: int = 72, boxes: int = 20) -> Agreement:
    """Make an agreement of that share on each picture."""
    return Agreement(pictures=pictures, each=[(2 * boxes * share, 2 * boxes)] * pictures)


@pytest.mark.parametrize(
    ("measured", "share", "name"),
    [
        (None, 0.95, "healthy"),
        (None, 0.88, "unknown"),
        (None, 0.80, "worse"),
        (None, 0.50, "fault"),
        (accuracy(-0.0036, [-0.0133, 0.0063]), 0.95, "healthy"),  # labels cannot decide, boxes can
        (accuracy(-0.0036, [-0.0133, 0.0063]), 0.50, "unknown"),  # and do not make it worse
        (accuracy(-0.0150, [-0.0350, 0.0050]), 0.95, "unknown"),  # may well be a point
        (accuracy(-0.0113, [-0.0190, -0.0040]), 0.99, "fault"),  # labels take precedence
        (accuracy(+0.0010, [-0.0040, 0.0060]), 0.50, "healthy"),
        (
            accuracy(-0.0001, [-0.0002, 0.0001], ap=0.0005),
            0.50,
            "unknown",
        ),  # of a model that finds nothing
        (accuracy(-0.2000, [-0.2, -0.2], pictures=3), 0.50, "fault"),  # few labels: boxes decide
        (accuracy(-0.2000, None), 0.50, "fault"),
        (accuracy(-0.2000, [-0.2, -0.2], pictures=3), 0.95, "unknown"),  # unless AP contradicts
        (accuracy(-0.0060, [-0.0080, -0.0040], pictures=3), 0.95, "unknown"),
        (accuracy(-0.0060, [-0.0080, -0.0040], pictures=3), 0.50, "unknown"),
        (accuracy(+0.0100, [-0.0080, 0.0200], pictures=3), 0.80, "unknown"),
    ],
)
def test_labels_take_precedence_over_agreement(measured: Any, share: float, name: str) -> None:
    found = v.judge(measured, agreeing(share))
    assert found.name == name, found.because
    assert found.healthy == {"healthy": True, "unknown": None}.get(name, False)


def test_few_pictures_clear_no_model_but_reveal_a_broken_one() -> None:
    assert v.by_agreement(agreeing(1.0, pictures=1, boxes=15)).name == v.UNKNOWN
    assert v.by_agreement(agreeing(0.0, pictures=1, boxes=15)).name == v.FAULT
    assert v.by_agreement(agreeing(0.97, pictures=40)).name == v.HEALTHY


def test_nothing_found_is_unknown() -> None:
    found = v.by_agreement(Agreement(pictures=3, each=[(0.0, 0)] * 3))
    assert found.name == v.UNKNOWN
    assert "neither model finds anything in 3 pictures" in found.because
    assert v.judge(None, None).name == v.UNKNOWN


def test_loss_that_was_allowed_is_no_fault() -> None:
    measured = accuracy(-0.0150, [-0.0200, -0.0100])
    assert v.judge(measured, agreeing(0.9)).name == v.FAULT
    found = v.judge(measured, agreeing(0.9), allowed=0.02)
    assert found.name == v.WORSE
    assert "--max-drop allowed 0.02" in found.because
    assert v.judge(measured, agreeing(0.9), allowed=0.012).name == v.FAULT


@pytest.mark.parametrize("kind", KINDS)
def test_findings_explain_a_verdict_and_never_decide_it(kind: str) -> None:
    finding = Finding(kind, "a place", "a text", CALIBRATE)
    assert finding.severity(v.HEALTHY) == "note"
    assert finding.severity(v.UNKNOWN) in ("suspicion", "note")
    assert finding.severity(v.FAULT) == finding.severity(v.WORSE) in ("cause", "note")
    if finding.severity(v.FAULT) == "cause":
        assert finding.for_verdict(v.HEALTHY).advice == "nothing: the detections stay the same"


def test_a_broken_model_gets_no_advice_about_its_threshold_alone() -> None:
    finding = Finding("score shift", "class_logits", "a text", "set the score threshold")
    assert finding.for_verdict(v.HEALTHY).advice == "set the score threshold"
    assert finding.for_verdict(v.FAULT).advice.startswith("fix its cause first")


def facts(recipe: Any, openvino: Any = None) -> Facts:
    return Facts("x", 1, "", "int8", {}, 0, {}, [], [], 0, {}, [], {"recipe": recipe}, openvino)


@pytest.mark.parametrize(
    ("recipe", "openvino", "words"),
    [
        ({"name": "mse"}, None, "--recipe reconstructed"),
        ({"name": "reconstructed"}, None, "--max-drop, which"),
        ({"name": "channelwise"}, {}, "--recipe channelwise-exact"),
        ({"name": "channelwise-exact"}, {}, "--max-drop, which"),
        ({"name": "channelwise-3", "max_drop": 1.0}, {}, "a smaller --max-drop"),
        (None, None, "--recipe reconstructed"),
    ],
)
def test_advice_is_the_step_beyond_the_recipe_that_was_used(
    recipe: Any, openvino: Any, words: str
) -> None:
    assert words in better_recipe(facts(recipe, openvino))


def test_nobody_is_advised_to_calibrate_on_the_pictures_that_were_used() -> None:
    findings = [
        Finding(
            "calibration",
            "x",
            "9 of 99 grids clip values: the calibration saw other pictures",
            CALIBRATE,
        ),
        Finding("clipped", "x", "t", f"widen: {CALIBRATE}"),
        Finding("weak block", "x", "t", "begin here"),
    ]
    first, second, third = for_seen_pictures(findings, "take --recipe mse")
    assert first.text == "9 of 99 grids clip values, though the calibration saw these very pictures"
    for each in (first, second):
        assert "calibrate with" not in each.advice
        assert each.advice.endswith("will not help: take --recipe mse")
    assert third == findings[2]
