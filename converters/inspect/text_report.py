"""The inspection as text of 80 columns: findings first, then facts, errors and tensors.

No name is cut: a long one stands on a line of its own, before its numbers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from edge_edet.converters.inspect.facts import Facts
from edge_edet.converters.inspect.network_parts import part_of
from edge_edet.converters.inspect.result import Inspection
from edge_edet.converters.inspect.verdict import FILE_ALONE, Verdict
from edge_edet.formats import TensorInfo
from edge_edet.formats.tflite import TfliteModel
from edge_edet.variants import size_text

COLUMNS = 80
SHOWN_TENSORS, SHOWN_BLOCKS, SHOWN_FINDINGS = 12, 8, 6
SHOWN_KERNELS = 8
NO_CAUSE = (
    "cause: no tensor stands out: many small errors add up; begin at the blocks that add most"
)


def lines(inspection: Inspection, verdict: Verdict = FILE_ALONE) -> Iterator[str]:
    """Yield the whole report: verdict and findings, then facts, outputs, blocks and tensors.

    Parameters
    ----------
    inspection
        What was found.
    verdict
        On the model.

    Yields
    ------
    str
        A line.
    """
    first = list(head(inspection, verdict))
    yield from [*first, ""] if first else first
    yield from _facts(inspection)
    if inspection.blocks:
        yield from _outputs(inspection)
        yield ""
        yield from _blocks(inspection)
        yield ""
        yield from _tensors(inspection)


def head(inspection: Inspection, verdict: Verdict) -> Iterator[str]:
    """Yield the first lines: the verdict, what explains it, and what to do."""
    findings = inspection.findings
    if verdict != FILE_ALONE:
        yield from _wrapped(str(verdict))
        if verdict.is_bad and inspection.nothing_stands_out:
            yield from _wrapped(NO_CAUSE)
    elif not findings and inspection.facts.precision == "int8":
        yield "nothing suspicious in the file alone; measure it with --against and --data"
    for finding in findings[:SHOWN_FINDINGS]:
        shown = finding.for_verdict(verdict.name)
        yield from _wrapped(f"{shown.severity(verdict.name)}: {shown.place}: {shown.text}")
        yield from _wrapped(shown.advice, "  do: ", "      ")
    if len(findings) > SHOWN_FINDINGS:
        yield f"and {len(findings) - SHOWN_FINDINGS} more; --json lists all"


def _wrapped(text: str, first: str = "", after: str = "  ") -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=after,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _row(name: str, width: int, rest: str) -> Iterator[str]:
    """Yield one row of a table; a name that is wider than its column gets a line of its own."""
    if len(name) > width:
        yield name
        name = ""
    yield f"{name:<{width}} {rest}".rstrip()


def _facts(inspection: Inspection) -> Iterator[str]:
    facts = inspection.facts
    size = f"{facts.size_bytes / 1e6:.1f} MB, {facts.precision}"
    yield from _wrapped(f"{facts.path}: {size}, {facts.description}".rstrip(", "))
    total = sum(facts.operators.values())
    counts = ", ".join(f"{name} {count}" for name, count in facts.operators.items())
    yield from _wrapped(f"{total} operators: {counts}")
    if facts.openvino:
        yield from _openvino(facts.openvino)
    elif facts.precision == "int8" and facts.float_operators is not None:
        inner = sum(len(ops) for ops in facts.islands.values())
        yield f"float operators: {inner or 'none'} inside, {facts.float_operators - inner} at the ends"
    for what, tensors in (("in ", facts.inputs), ("out", facts.outputs)):
        for t in tensors:
            rest = f"{t['dtype']:<8} {_shape(t['shape']):<16} {_grid(t)}"
            yield from _row(f"{what} {t['name']}", 26, rest)
    parts = ", ".join(f"{part} {size / 1e3:.0f}" for part, size in facts.weights_bytes.items())
    yield from _wrapped(f"weights in kB: {parts}")
    if facts.manifest:
        yield from _manifest(facts.manifest)
    else:
        yield "the file has no manifest of edge-edet"


def _openvino(o: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is integer in the file, and what the CPU executes."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in o["convolutions"]["float"].items())
    yield from _wrapped(f"convolutions: {o['convolutions']['int8']} int8, in float {reasons or 0}")
    grids = o["quantizers"]
    if grids:
        by_channel = sum(q["channels"] > 1 for q in grids)
        steps = sum(q["hands_on"] == "steps" for q in grids)
        yield from _wrapped(
            f"fake quantizers: {len(grids)}, {by_channel} with a grid for each channel, {steps} with "
            "steps as outputs"
        )
    ran = o["executed"]
    if ran is None:
        yield "it does not run on this CPU"
        return
    layers = ", ".join(f"{count} {kind}" for kind, count in ran["layers"].items() if count)
    yield from _wrapped(f"ran on {ran['device']}, rest in {ran['precision']}: layers {layers}")
    for kind, kernel, count, ms in ran["kernels"][:SHOWN_KERNELS]:
        yield from _row(f"  {kind:<14} {kernel}", 45, f"{count:>4} {ms:8.2f} ms")


def _manifest(m: Mapping[str, Any]) -> Iterator[str]:
    weights, calibration, recipe = (m[key] or {} for key in ("weights", "calibration", "recipe"))
    yield from _wrapped(
        f"variant {m['variant']} at {size_text(m['image_size'])} pixels, {m['classes']} classes, "
        f"suppression {m['nms']}, made by {m['generator']}"
    )
    if weights:
        sha = str(weights.get("sha256") or "")[:12]
        yield from _wrapped(f"weights {weights.get('name')} {sha}")
    if calibration:
        yield from _wrapped(
            f"calibrated on {_count(calibration.get('images', 0), 'picture')} of "
            f"{calibration.get('source')}, recipe {recipe.get('name')}"
        )


def _outputs(inspection: Inspection) -> Iterator[str]:
    names = {t["name"] for t in inspection.facts.outputs}
    shown = [e for e in inspection.tensors if e.name in names or part_of(e.name) == "outputs"]
    if shown:
        yield ""
        yield "outputs against float              signal/error dB   cosine  mean error"
    for e in shown:
        score = " (as scores)" if e.reader == "sigmoid" else ""
        numbers = f"{e.behind_db:15.1f} {e.cosine:8.4f} {e.mean_error:+11.2g}"
        yield from _row(e.name + score, 34, numbers)
    as_run: Mapping[str, Any] = (inspection.facts.openvino or {}).get("as_run") or {}
    for name, e in as_run.get("outputs", {}).items():
        numbers = f"{e['behind_db']:15.1f} {e['cosine']:8.4f}"
        yield from _row(f"{name}, rest in {as_run['precision']}", 34, numbers)


def _blocks(inspection: Inspection) -> Iterator[str]:
    yield f"{'blocks that add most error by themselves, with exact inputs':<65} {'dB':>6}"
    for b in sorted(inspection.blocks, key=lambda b: b.own_db)[:SHOWN_BLOCKS]:
        yield from _row(b.tensor, 65, f"{b.own_db:6.1f}")


def _tensors(inspection: Inspection) -> Iterator[str]:
    yield "most harmful tensors                    own   all  below  above  grid  shift"
    yield "                                         dB    dB      %      %     %      %"
    for e in inspection.tensors[:SHOWN_TENSORS]:
        numbers = (
            f"{e.own_db:5.1f} {e.behind_db:5.1f} {100 * e.below:6.1f} {100 * e.above:6.1f} "
            f"{100 * e.grid_used:5.0f} {100 * e.shift:6.0f}"
        )
        yield from _row(e.name, 38, numbers)
    yield "own: error of its grid alone; all: with the error of its inputs; in dB of signal"
    yield "over error, after the activation. below, above: values beyond the grid; grid:"
    yield "steps used; shift: part of the error that is a constant for each channel"


def all_tensors(model: TfliteModel) -> Iterator[str]:
    """Yield every tensor of a `.tflite` with its grid.

    Parameters
    ----------
    model
        The summary of the file.

    Yields
    ------
    str
        A line.
    """
    for t in model.tensors:
        kind = "constant" if t.is_constant else ""
        rest = f"{t.dtype:<8}{_shape(t.free_shape):<16} {_info_grid(t):<21} {kind}".rstrip()
        yield from _row(t.name, 24, rest)


def all_quantizers(facts: Facts) -> Iterator[str]:
    """Yield every fake quantizer of an OpenVINO model with its least and largest scale and zero point.

    Parameters
    ----------
    facts
        Of the model.

    Yields
    ------
    str
        A line.
    """
    for q in (facts.openvino or {}).get("quantizers", ()):
        (low, high), (first, last) = q["scale"], q["zero_point"]
        scale = f"{low:.4g}" if q["channels"] == 1 else f"{low:.4g} to {high:.4g}"
        zero = f"{first:.4g}" if first == last else f"{first:.4g} to {last:.4g}"
        yield q["tensor"]
        yield f"    {q['levels']} levels, {q['channels']} x scale {scale}, zero {zero}"


def _info_grid(t: TensorInfo) -> str:
    if len(t.scales) > 1:
        return f"{len(t.scales)} scales"
    return f"{t.scales[0]:.6g} zero {t.zero_points[0]}" if t.scales else ""


def _grid(t: Mapping[str, Any]) -> str:
    return "" if t["scale"] is None else f"scale {t['scale']:.6g} zero {t['zero_point']}"


def _shape(shape: Any) -> str:
    return "x".join("?" if n < 0 else str(n) for n in shape)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
