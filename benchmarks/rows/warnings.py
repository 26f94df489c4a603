"""What limits the meaning of a measurement: warnings as values, with advice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from edge_edet.backends.litert import COVERED, slow
from edge_edet.benchmarks.rows.parts import Warned
from edge_edet.benchmarks.rows.ratio import median_ratio
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.benchmarks.rows.stats import p50, relative_width
from edge_edet.benchmarks.rows.sustained_verdict import verdict

__all__ = ["check_row", "same_way", "with_checks"]

BUSY_CORES = 0.25
FLOAT = ("fp32",)
SOFTWARE = ("swiftshader", "llvmpipe", "software")  # GPUs that are programs


def with_checks(row: BenchmarkRow, others: Sequence[BenchmarkRow] = ()) -> BenchmarkRow:
    """Add the warnings of a row; those that it has stay. others: rows to compare it with.

    Parameters
    ----------
    row
        Any row.
    others
        Rows to compare it with.

    Returns
    -------
    BenchmarkRow
        The row with its warnings.
    """
    known = {one.code for one in row.warnings}
    new = tuple(one for one in check_row(row, others) if one.code not in known)
    return dataclasses.replace(row, warnings=row.warnings + new)


def check_row(row: BenchmarkRow, others: Sequence[BenchmarkRow] = ()) -> list[Warned]:
    """Find the warnings of a measured row, most important first."""
    return [*_machine(row), *_ran(row), *_samples(row), *_dynamic(row, others)]


def _machine(row: BenchmarkRow) -> Iterator[Warned]:
    state = row.machine
    if state is None:
        return
    if state.busy_cores is not None and state.busy_cores > BUSY_CORES:
        yield Warned(
            "busy",
            f"other processes kept {state.busy_cores:.1f} of {state.threads or '?'} cores busy "
            "meanwhile",
            "end them and measure again",
        )
    if state.governor is not None and state.governor != "performance":
        yield Warned(
            "governor",
            f"the frequency governor is {state.governor}",
            "sudo cpupower frequency-set -g performance, unless the product runs like this",
        )
    hot = state.throttled or ()
    if hot:
        yield Warned(
            "throttled",
            f"the clock is held down: {', '.join(hot)}",
            "cool the board, or give it a better power supply",
        )
    asked = (row.ran.threads if row.ran else None) or 0
    if state.threads is not None and asked * row.asked.streams > state.threads:
        yield Warned(
            "threads",
            f"{asked * row.asked.streams} threads share {state.threads} hardware threads",
            f"--threads {max(1, state.threads // row.asked.streams)}",
        )


def _ran(row: BenchmarkRow) -> Iterator[Warned]:
    ran = row.ran
    if ran is None:
        return
    reduced = ran.precision in ("bf16", "f16")
    if row.model.precision in FLOAT and reduced and row.asked.precision != ran.precision:
        yield Warned(
            "reduced-precision",
            f"the float model ran as {ran.precision}",
            "--inference-precision f32, or compare it with others of that precision only",
        )
    if any(name in (ran.device or "").lower() for name in SOFTWARE):
        yield Warned(
            "software-device",
            f"{ran.device} is not hardware: its times mean nothing",
            "use its detections only",
        )
    if ran.delegated is not None and ran.operators:
        part = ran.delegated / ran.operators
        known = slow(ran.runtime, ran.version, row.model.precision, part)
        if known and row.asked.delegate in (None, "xnnpack"):
            yield Warned("slow-runtime", known.text, known.advice)
        elif part < COVERED and ran.delegate != "none":
            yield Warned(
                "delegate-coverage",
                f"{ran.delegate} covers {part:.0%} of the nodes ({ran.delegated} of "
                f"{ran.operators}), the rest runs without it",
                "compare with --delegate none",
            )


def _samples(row: BenchmarkRow) -> Iterator[Warned]:
    samples = row.samples_ms.get("end_to_end", ())
    width, wanted = relative_width(samples), row.protocol.get("relative_width")
    if row.sustain is not None:
        found = verdict(row.sustain)
        advice = {
            "slower": "see the minutes; cool the board, or plan for this",
            "cut-short": "its minutes are kept; --resume starts it again, on a board that has cooled down",
        }
        if found.code in advice:
            yield Warned(f"sustain-{found.code}", found.text, advice[found.code])
    elif width is not None and isinstance(wanted, (int, float)) and width > wanted:
        yield Warned(
            "spread",
            f"the samples vary too much: the 95 % interval of their median is {width:.1%} wide, "
            f"more than the {wanted:.1%} that were requested",
            "quiet the machine, or allow more with --max-samples and --max-seconds",
        )


def _dynamic(row: BenchmarkRow, others: Iterable[BenchmarkRow]) -> Iterator[Warned]:
    """Weights in INT8, activations in float: on some machines slower than float."""
    if row.model.precision != "int8-dynamic":
        return
    for other in others:
        if other.model.precision not in FLOAT or not same_way(row, other):
            continue
        first, second = (one.samples_ms.get("inference", ()) for one in (other, row))
        ratio = median_ratio(first, second) if first and second else None
        if ratio is not None and ratio.low > 1:
            yield Warned(
                "dynamic-slower",
                f"dynamic-range INT8 is slower than float here: {p50(row, 'inference'):.1f} ms "
                f"against {p50(other, 'inference'):.1f}",
                "use convert --int8, which computes in integers",
            )
            return


def same_way(row: BenchmarkRow, other: BenchmarkRow) -> bool:
    """Whether two rows were measured alike: same device, configuration and protocol, same network.

    Parameters
    ----------
    row
        One.
    other
        The other.

    Returns
    -------
    bool
        Whether they can be compared.
    """
    return (
        row.how == other.how
        and row.device == other.device
        and row.asked == other.asked
        and row.protocol == other.protocol
        and row.model.variant is not None
        and row.model.variant == other.model.variant
        and row.model.format == other.model.format
    )
