"""From measured errors to findings: which tensor or block stands out, and what to do about it.

Findings explain a verdict; they do not decide it, see verdict.py. The thresholds lie between the values of
sound models and those of planted faults (tests/inspect). A grid stands out where a plain one, from the
smallest to the largest value seen, would be much better; a convolution, where its constants are not the
float model's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_edet.converters.inspect.errors import BlockError, ConstantError, TensorError
from edge_edet.converters.inspect.network_parts import block_of, part_of
from edge_edet.converters.inspect.verdict.advice import CALIBRATE
from edge_edet.converters.inspect.verdict.findings import Finding, sorted_findings

if TYPE_CHECKING:
    from edge_edet.converters.inspect.verdict.detections import Agreement

BAD_GRID_DB = 16.0  # a tensor's own error: 2.5 % of the signal's power
AVOIDABLE_DB = 8.0  # a plain grid would be better by more than this
CLIPPING = 0.001  # of the values
SYSTEMIC_TENSORS, SYSTEMIC_PARTS = 6, 2
BAD_STEM_DB = 15.0  # one convolution after the picture
WEAK_BLOCK_DB = 16.0
NOISY_OUTPUT_DB = 6.0
NOTED_SHIFT = 0.02  # of scores


def diagnose(
    errors: Sequence[TensorError],
    blocks: Sequence[BlockError],
    static_findings: Sequence[Finding] = (),
    constants: Sequence[ConstantError] = (),
    better: str = "take --recipe reconstructed",
    by_design: Collection[str] = (),
) -> list[Finding]:
    """Derive the findings from what was measured and from the static checks.

    Parameters
    ----------
    errors, blocks, constants
        From `tensor_errors`, `block_errors` and `compare_constants`, or those of OpenVINO.
    static_findings
        Findings from the file alone.
    better
        Advice for grids that lose too much by themselves.
    by_design
        Tensors whose error the recipe intended.

    Returns
    -------
    list of Finding
        Causes before consequences; empty, or notes only, where nothing stands out.
    """
    static_findings = [s for s in static_findings if not _refuted(s, errors)]
    explained = {name for s in static_findings for name in s.place.split(" and ")}
    bad = [
        e
        for e in errors
        if is_bad_grid(e) and e.name not in by_design and not _within(e.name, explained)
    ]
    clipped = [e for e in bad if e.below + e.above > CLIPPING]
    found = list(static_findings)
    parts = {part_of(e.name) for e in clipped}
    systemic = len(clipped) >= SYSTEMIC_TENSORS and len(parts) >= SYSTEMIC_PARTS
    if systemic:
        found.append(_calibration(clipped, len(errors)))
    else:
        found += [_grid(e, better) for e in bad]
    wrong = list(_constants(c for c in constants if not {c.name, c.source} & explained))
    found += wrong
    explained |= {block_of(f.place) for f in wrong} | {e.block for e in bad}
    found += _stem(blocks, explained)
    if not any(f.level == "error" for f in found):
        found += [*_noise(errors, blocks, better), *_weakest(blocks, better)]
    return sorted_findings(found)


def _refuted(finding: Finding, errors: Sequence[TensorError]) -> bool:
    """Check whether the float model's scores stay in the range that looked too small."""
    return finding.kind == "score range" and any(
        e.name == finding.place and not e.above and e.own_db > BAD_GRID_DB for e in errors
    )


def is_bad_grid(e: TensorError) -> bool:
    """Check whether a tensor's grid loses much that a plain one would keep."""
    return not e.carried and e.own_db < BAD_GRID_DB and e.reach_db - e.own_db > AVOIDABLE_DB


def _within(name: str, explained: set[str]) -> bool:
    """Check whether a finding on an output covers a tensor: its anchors, and what writes them."""
    heads = {"box_codes": "box_net/", "class_logits": "class_net/"}
    covered = tuple(heads[place] for place in explained if place in heads)
    return name in explained or ("/predict/conv_pw" in name and name.startswith(covered or ("\0",)))


def _calibration(clipped: Sequence[TensorError], count: int) -> Finding:
    worst = max(clipped, key=lambda e: e.harm)
    return Finding(
        "calibration",
        f"calibration, worst at {worst.name}",
        f"{len(clipped)} of {count} grids clip values that occur in these pictures: the calibration "
        "saw other pictures (black, blank, of another kind?)",
        CALIBRATE,
        worst.harm,
    )


def _grid(e: TensorError, better: str) -> Finding:
    lost = f"{10 ** (-e.own_db / 10):.2g} of the signal's power"
    if e.dead:
        return Finding(
            "dead",
            e.name,
            "it never changes, although it does in the float model",
            f"check its weights and its range; {CALIBRATE}",
            e.harm,
        )
    if e.below + e.above > CLIPPING:
        end = "upper" if e.above >= e.below else "lower"
        return Finding(
            "clipped",
            e.name,
            f"{e.below + e.above:.1%} of its values lie beyond its grid, most at the {end} end; "
            f"that costs {lost}",
            f"widen this tensor's range: {CALIBRATE}, and on more of them",
            e.harm,
        )
    return Finding(
        "coarse",
        e.name,
        f"its grid is too wide: {e.grid_used:.0%} of the steps occur; that costs {lost}",
        f"narrow this tensor's range: look for one odd calibration picture, or {better}",
        e.harm,
    )


def _constants(constants: Iterable[ConstantError]) -> Iterator[Finding]:
    for c in constants:
        if c.gain is not None:
            yield Finding(
                "computation",
                c.source,
                f"the ends of its fake quantizer do not fit the weights of {c.name}: they are "
                f"{1 / c.gain:.3g} times as large as they should be",
                "convert again; a range changed by hand needs the weights behind it changed too",
                -c.weight_db,
            )
            continue
        if c.weights_differ or c.bias_differs:
            what = (
                f"its weights are not the float model's ({c.weight_db:.0f} dB)"
                if c.weights_differ
                else f"its bias is off by {c.bias_steps:.0f} steps of its grid"
            )
            advice = "convert both files again from the same weights"
            yield Finding("computation", c.name, what, advice, -c.weight_db)


def _stem(blocks: Sequence[BlockError], explained: set[str]) -> Iterator[Finding]:
    for b in blocks:
        if part_of(b.tensor) == "stem" and b.own_db < BAD_STEM_DB and b.block not in explained:
            yield Finding(
                "normalization",
                b.block,
                f"the first convolution differs on the same picture ({b.own_db:.0f} dB), although its "
                "weights and its grid are right: mean or standard deviation differ",
                "fold the mean into the stem: check mean and std of the variant, then convert both "
                "files again",
                10 ** (-b.own_db / 10),
            )


def _noise(
    errors: Sequence[TensorError], blocks: Sequence[BlockError], better: str
) -> Iterator[Finding]:
    """Yield outputs that are mostly noise although nothing stands out."""
    for e in errors:
        if part_of(e.name) == "outputs" and e.behind_db < NOISY_OUTPUT_DB:
            begin = min(blocks, key=lambda b: b.own_db).block if blocks else "the first block"
            yield Finding(
                "noise",
                e.name,
                f"its signal is only {e.behind_db:.0f} dB above the error, and no tensor stands out: "
                "the errors of many blocks add up",
                f"{better}; begin at {begin}, which adds most",
                e.harm,
            )


def _weakest(blocks: Sequence[BlockError], better: str) -> Iterator[Finding]:
    weak = [b for b in blocks if b.own_db < WEAK_BLOCK_DB and part_of(b.tensor) != "outputs"]
    if weak:
        b = min(weak, key=lambda b: b.own_db)
        yield Finding(
            "weak block",
            b.block,
            f"the weakest block: with exact inputs its outputs are {b.own_db:.0f} dB above its own error; "
            "channels of very different range, or extremes that calibration did not see, cause that",
            f"if accuracy is too low, begin here: {better}",
            10 ** (-b.own_db / 10),
        )


def score_shift(found: Agreement) -> list[Finding]:
    """Return a note where INT8 scores are all shifted: that changes no AP, but a fixed threshold's boxes.

    Parameters
    ----------
    found
        Agreement of the detections.

    Returns
    -------
    list[Finding]
        One note, or none.
    """
    shift = float(np.mean(found.score_differences)) if found.score_differences else 0.0
    if abs(shift) < NOTED_SHIFT:
        return []
    text = (
        f"on the same boxes INT8 scores are {abs(shift):.3f} {'lower' if shift < 0 else 'higher'} on "
        f"average: at a threshold of {found.score_threshold:g}, {found.lost} boxes are lost and "
        f"{found.invented} invented"
    )
    advice = "set the score threshold of the INT8 model by its own scores, not by the float model's"
    return [Finding("score shift", "class_logits", text, advice)]
