"""Static checks: findings from an INT8 file alone, without pictures and without its float model."""

from __future__ import annotations

import math
from collections.abc import Iterator

from edge_edet.converters.inspect.facts import Facts, is_integer_model
from edge_edet.converters.inspect.tflite import CROSSINGS, SWISH_CLOSES, GraphIndex, Rewritable
from edge_edet.converters.inspect.verdict import CALIBRATE, Finding, sorted_findings
from edge_edet.errors import BackendError
from edge_edet.formats import TensorInfo

TINY_RANGE = 1e-5  # of a whole grid: what a constant zero was calibrated to
WASTED_STEPS = 0.2  # of a grid before a swish, spent on values that swish maps to 0
WASTEFUL_TENSORS = 0.15
REACH = 0.5  # the highest possible score must be above this
FLOOR = 0.05  # and the lowest below this
COARSE_LOGIT = 1.0  # one step is a factor of e in the odds


def check_statically(opened: Rewritable, facts: Facts) -> list[Finding]:
    """Check a `.tflite` by itself.

    Parameters
    ----------
    opened
        The model.
    facts
        Its facts, from `facts_of`.

    Returns
    -------
    list of Finding
        Causes before consequences; empty for a float model.
    """
    model = opened.model
    if not is_integer_model(model):
        return []
    running = [model.tensors[i] for op in model.operators for i in op.outputs]
    grids = [t for t in running if t.dtype in ("int8", "uint8", "int16")]
    found = [*_zero_scales(grids), *_islands(facts), *_swish_ranges(opened, grids)]
    found += [*_outputs(model.output_tensors, has_random_weights(facts)), *provenance(facts)]
    return sorted_findings(found)


def refused(error: BackendError) -> Finding:
    """Make the finding for a model that does not run here, so that nothing can be measured."""
    what = f"it does not run, so nothing was measured: {str(error)[:120]}"
    advice = "fix what is named above, or convert again with 'edge-edet convert'"
    return Finding("refused", "the model", what, advice)


RANGE_KINDS = ("calibration", "clipped", "coarse", "noise", "score range")


def without_ranges(findings: list[Finding]) -> list[Finding]:
    """Drop the findings about ranges, with a note, for a model of random weights.

    Such a model is calibrated on noise, so that its ranges need not fit pictures.
    """
    note = Finding(
        "random weights",
        "the model",
        "random weights: its ranges were not judged",
        "take it for latency only; for accuracy convert with trained weights",
    )
    return [*(f for f in findings if f.kind not in RANGE_KINDS), note]


def _zero_scales(grids: list[TensorInfo]) -> Iterator[Finding]:
    """Yield one finding for all tensors: those after the first often follow from it."""
    flat = [t for t in grids if t.scales and t.scales[0] * _steps(t) < TINY_RANGE]
    if flat:
        others = f" ({len(flat) - 1} more tensors are like it)" if len(flat) > 1 else ""
        yield Finding(
            "zero scale",
            flat[0].name,
            f"its scale is {flat[0].scales[0]:.3g}: all its values become one number{others}",
            f"its range was measured on constant values, or got lost: {CALIBRATE}",
        )


def _steps(t: TensorInfo) -> int:
    return 65535 if t.dtype == "int16" else 255


def _islands(facts: Facts) -> Iterator[Finding]:
    """Yield one finding for all islands, named after the first; those that the recipe states are no fault."""
    recipe = (facts.manifest or {}).get("recipe")
    stated = recipe.get("float_parts") if isinstance(recipe, dict) else None
    parts = [str(part) for part in stated] if isinstance(stated, list) else []
    islands = {p: ops for p, ops in facts.islands.items() if not _is_stated(p, ops, parts)}
    if parts and facts.islands:
        count = f"{len(parts)} part{'s' if len(parts) > 1 else ''}"
        yield Finding(
            "kept in float",
            ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else ""),
            f"{count} of the network in float, as its recipe states: integers alone lost more than the "
            "budget",
            "for integer-only delegates, convert with a larger --max-drop",
        )
    if islands:
        place, operators = next(iter(islands.items()))
        names, more = ", ".join(dict.fromkeys(operators)), len(islands) - 1
        others = f"; {more} more blocks have float operators" if more else ""
        yield Finding(
            "float island",
            place,
            f"{len(operators)} float operators ({names}) in an INT8 model{others}",
            "convert again with 'edge-edet convert --int8'; integer-only delegates cannot run them",
        )


def _is_stated(place: str, operators: list[str], parts: list[str]) -> bool:
    """Check whether the operators of a block are in one of the stated parts, or at the border of one.

    A QUANTIZE or DEQUANTIZE at a border is named after the tensor that it reads, so after the block
    beside the part.
    """
    if parts and set(operators) <= set(CROSSINGS):
        return True
    around = {
        "backbone/conv_stem": place.startswith("normalized"),
        "fpn/inputs": place.startswith("fpn/") and not place.startswith("fpn/cell."),
    }
    return place in parts or any(around.get(part, False) for part in parts)


def _swish_ranges(opened: Rewritable, grids: list[TensorInfo]) -> Iterator[Finding]:
    graph = GraphIndex(opened)
    rescaled = graph.factors(set())
    before = [t for t in grids if graph.reader(t.index) == "swish" and t.index not in rescaled]
    wasted = {t.name: _wasted(t) for t in before if t.scales}
    worst = sorted(
        (name for name in wasted if wasted[name] > WASTED_STEPS), key=lambda n: -wasted[n]
    )
    if before and len(worst) >= WASTEFUL_TENSORS * len(before):
        yield Finding(
            "min-max ranges",
            worst[0],
            f"min-max ranges before swish: {wasted[worst[0]]:.0%} of this grid lies below "
            f"{SWISH_CLOSES:g}, where swish is almost 0, and {len(worst)} of {len(before)} are like it",
            "convert with a recipe that chooses ranges by their error after the swish: "
            "--recipe reconstructed",
        )


def _wasted(t: TensorInfo) -> float:
    """Return the share of the steps that stand for values below SWISH_CLOSES."""
    low = -128 if t.dtype == "int8" else 0
    return min(max((SWISH_CLOSES / t.scales[0] + t.zero_points[0] - low) / 255, 0.0), 1.0)


def _outputs(outputs: tuple[TensorInfo, ...], random: bool) -> Iterator[Finding]:
    by_name = {t.name: t for t in outputs if t.dtype == "int8" and len(t.scales) == 1}
    boxes, classes = by_name.get("box_codes"), by_name.get("class_logits")
    if (
        boxes
        and classes
        and (boxes.scales, boxes.zero_points) == (classes.scales, classes.zero_points)
    ):
        yield Finding(
            "shared grid",
            "class_logits and box_codes",
            f"one scale, {classes.scales[0]:.3g}, for boxes and classes: scores come in steps of "
            f"{_score_step(classes):.2g}",
            "give each output a grid of its own: convert again with 'edge-edet convert --int8'",
        )
    elif classes and not random:  # random weights have no scores to speak of
        yield from _score_range(classes)


def _score_range(t: TensorInfo) -> Iterator[Finding]:
    low, high = (_score((q - t.zero_points[0]) * t.scales[0]) for q in (-128, 127))
    if high <= REACH:
        what = f"its grid ends at a score of {high:.2f}: no higher one is possible"
    elif low > FLOOR:
        what = f"its grid begins at a score of {low:.2f}: no lower one is possible"
    elif t.scales[0] > COARSE_LOGIT:
        what = f"its scale is {t.scales[0]:.3g}: scores come in steps of {_score_step(t):.2g}"
    else:
        return
    yield Finding(
        "score range",
        t.name,
        what,
        "the calibration pictures held no objects, or none of these: " + CALIBRATE,
    )


def _score(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def _score_step(t: TensorInfo) -> float:
    """Return the difference of two neighbouring scores around 0.5."""
    return _score(t.scales[0]) - 0.5


def has_random_weights(facts: Facts) -> bool:
    """Check whether the manifest states random weights."""
    weights = (facts.manifest or {}).get("weights")
    return isinstance(weights, dict) and bool(weights.get("random"))


def provenance(facts: Facts) -> Iterator[Finding]:
    """Yield a finding where trained weights were calibrated on noise."""
    calibration = (facts.manifest or {}).get("calibration")
    source = calibration.get("source") if isinstance(calibration, dict) else None
    if source == "noise" and not has_random_weights(facts):
        yield Finding(
            "provenance", "calibration", "trained weights were calibrated on noise", CALIBRATE
        )
