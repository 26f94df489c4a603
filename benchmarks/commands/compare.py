"""`edge-edet compare`: two files of rows, what changed and whether it is more than noise."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.errors import InputError
from edge_edet.terminal import joined

if TYPE_CHECKING:
    from edge_edet.benchmarks.analysis import Change
    from edge_edet.benchmarks.rows import BenchmarkRow, Ratio

__all__ = ["add_arguments", "run"]

COLUMNS = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compare`."""
    parser.add_argument(
        "a", type=Path, metavar="A", help="file of 'edge-edet bench', the older one"
    )
    parser.add_argument(
        "b", type=Path, metavar="B", help="file of 'edge-edet bench', the newer one"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the resamples; default: 0"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.epilog = (
        "Only rows with the same protocol are compared; exit status 2 if there are none."
    )


def run(args: argparse.Namespace) -> int:
    """Print what changed. Returns 0; raises InputError where no rows can be compared."""
    from edge_edet.benchmarks.analysis import compare_rows, pair_rows, refusal
    from edge_edet.benchmarks.rows import read_rows

    found = pair_rows(read_rows(args.a), read_rows(args.b))
    changes, left_out = [], []
    for a, b in found.pairs:
        reason = refusal(a[-1], b[-1])
        if reason is None:
            changes.append(compare_rows(a, b, args.seed))
        else:
            left_out.append(f"{_name(a[-1])}: {reason}")
    for things, path in zip(found.alone, (args.a, args.b), strict=True):
        left_out += [f"{_name(runs[-1])}: only in {path}" for runs in things]
    if not changes:
        why = "; ".join(left_out[:3]) or "the files have no rows"
        raise InputError(f"nothing to compare in {str(args.a)!r} and {str(args.b)!r}: {why}")
    if args.json:
        document = {"changes": [_as_json(one) for one in changes], "left_out": left_out}
        print(json.dumps(document, indent=1, ensure_ascii=False))
        return 0
    for change in changes:
        print(joined(_lines(change)))
    for text in left_out:
        print(textwrap.fill(f"not compared: {text}", COLUMNS, subsequent_indent="  "))
    if any(change.stages for change in changes):
        print("\nratio of the medians, B to A, with its 95 % interval; noise: 1 is inside")
    return 0


def _lines(change: Change) -> Iterator[str]:
    from edge_edet.benchmarks.rows import p50

    names = [_name(change.a), _name(change.b)]
    runs = f", {change.runs[0]} and {change.runs[1]} runs" if max(change.runs) > 1 else ""
    title = (names[0] if names[0] == names[1] else " -> ".join(names)) + runs
    yield from textwrap.wrap(title, COLUMNS, subsequent_indent="  ")
    if change.stages:
        yield f"  {'':12} {'A, ms':>8} {'B, ms':>8} {'ratio':>7}  {'interval':15}"
    for stage, ratio in change.stages.items():
        yield (
            f"  {stage:12} {p50(change.a, stage):8.2f} {p50(change.b, stage):8.2f} "
            f"{ratio.value:7.3f}  {ratio.low:.3f} to {ratio.high:.3f}  {_word(change, ratio)}"
        )
    counted = list(_counted(change))
    if counted:
        yield f"  {'':18} {'A, M':>10} {'B, M':>10} {'ratio':>7}"
    for what, first, second in counted:
        ratio_text = f"{second / first:7.3f}" if first else f"{'-':>7}"
        yield f"  {what:18} {first / 1e6:10.2f} {second / 1e6:10.2f} {ratio_text}"
    for what, one, other in _others(change):
        yield f"  {what:12} {one:>8} {other:>8}"
    told = [f"differs: {what}: {one} -> {other}" for what, one, other in change.differs]
    told += [f"doubtful, {doubt}" for doubt in change.doubts]
    for text in told:
        yield from textwrap.wrap(text, COLUMNS, initial_indent="  ", subsequent_indent="    ")


def _word(change: Change, ratio: Ratio) -> str:
    if not ratio.beyond_noise:
        return "noise"
    word = "slower" if ratio.low > 1 else "faster"
    return f"{word}?" if change.doubts else word


def _counted(change: Change) -> Iterator[tuple[str, int, int]]:
    """Yield counts of both rows: all instructions, then each kind, then bytes."""
    a, b = change.a.counts, change.b.counts
    if a is None or b is None:
        return
    yield "instructions", a.instructions, b.instructions
    for kind in dict.fromkeys((*a.kinds, *b.kinds)):
        yield kind, a.kinds.get(kind, 0), b.kinds.get(kind, 0)
    yield "bytes loaded", a.loaded_bytes, b.loaded_bytes
    yield "bytes stored", a.stored_bytes, b.stored_bytes


def _others(change: Change) -> Iterator[tuple[str, str, str]]:
    """Numbers without an interval, where both have them."""
    a, b = change.a, change.b
    for what, one, other, unit in (
        ("load, ms", a.load_ms, b.load_ms, 1.0),
        ("peak, MB", a.peak_memory_bytes, b.peak_memory_bytes, 1e6),
        ("file, MB", a.model.size_bytes, b.model.size_bytes, 1e6),
    ):
        if one is not None and other is not None:
            yield what, f"{one / unit:.1f}", f"{other / unit:.1f}"
    if a.accuracy is not None and b.accuracy is not None:
        same = a.accuracy.data_digest == b.accuracy.data_digest
        if same and a.accuracy.pictures == b.accuracy.pictures:
            yield "AP", f"{a.accuracy.ap or 0:.3f}", f"{b.accuracy.ap or 0:.3f}"


def _name(row: BenchmarkRow) -> str:
    threads = (row.ran.threads if row.ran else None) or row.asked.threads
    return f"{row.model.file}, {row.device.place}, {threads or '-'} thread{'s' * (threads != 1)}"


def _as_json(change: Change) -> dict[str, Any]:
    return {
        "a": change.a.key,
        "b": change.b.key,
        "model": change.a.model.file,
        "runs": list(change.runs),
        "stages": {
            stage: {**vars(ratio), "beyond_noise": ratio.beyond_noise}
            for stage, ratio in change.stages.items()
        },
        "counts": [{"what": what, "a": a, "b": b} for what, a, b in _counted(change)],
        "others": [
            {"what": what, "a": float(one), "b": float(other)}
            for what, one, other in _others(change)
        ],
        "differs": [{"what": what, "a": one, "b": other} for what, one, other in change.differs],
        "doubts": list(change.doubts),
    }
