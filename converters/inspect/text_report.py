"""The inspection as text of 80 columns: findings first, then facts, errors and tensors."""

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

COLUMNS = 80
SHOWN_TENSORS, SHOWN_BLOCKS, SHOWN_FINDINGS = 12, 8, 6
SHOWN_KERNELS = 8
NAME = 38
NO_CAUSE = (
    "cause: no tensor stands out: many small errors add up; the blocks that add most are the place to "
    "begin at"
)


def lines(inspection: Inspection, verdict: Verdict = FILE_ALONE) -> Iterator[str]:
    """Verdict and findings, then all the rest."""
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
    """The first lines: the verdict, what explains it, and what to do."""
    findings = inspection.findings
    if verdict != FILE_ALONE:
        yield from _wrapped(str(verdict))
        if verdict.is_bad and inspection.nothing_stands_out:
            yield from _wrapped(NO_CAUSE)
    elif not findings and inspection.facts.precision == "int8":
        yield "nothing suspicious in the file alone; --against and --data measure it"
    for finding in findings[:SHOWN_FINDINGS]:
        told = finding.for_verdict(verdict.name)
        yield from _wrapped(f"{told.severity(verdict.name)}: {told.place}: {told.text}")
        yield from _wrapped(told.advice, "  do: ", "      ")
    if len(findings) > SHOWN_FINDINGS:
        yield f"... and {len(findings) - SHOWN_FINDINGS} more; --json has all"


def _wrapped(text: str, first: str = "", after: str = "  ") -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, initial_indent=first, subsequent_indent=after, break_on_hyphens=False
    )


def _facts(inspection: Inspection) -> Iterator[str]:
    facts = inspection.facts
    yield _clip(
        f"{facts.path}  {facts.size_bytes / 1e6:.1f} MB  {facts.precision}  {facts.description}"
    )
    total = sum(facts.operators.values())
    counts = ", ".join(f"{name} {count}" for name, count in facts.operators.items())
    yield from textwrap.wrap(f"{total} operators: {counts}", COLUMNS, subsequent_indent="  ")
    if facts.openvino:
        yield from _openvino(facts.openvino)
    elif facts.precision == "int8" and facts.float_operators is not None:
        inner = sum(len(ops) for ops in facts.islands.values())
        yield f"float operators: {inner or 'none'} inside, {facts.float_operators - inner} at the ends"
    for what, tensors in (("in ", facts.inputs), ("out", facts.outputs)):
        for t in tensors:
            yield _clip(
                f"{what} {t['name']:<22} {t['dtype']:<8} {_shape(t['shape']):<16} {_grid(t)}".rstrip()
            )
    parts = ", ".join(f"{part} {size / 1e3:.0f}" for part, size in facts.weights_bytes.items())
    yield from textwrap.wrap(f"weights in kB: {parts}", COLUMNS, subsequent_indent="  ")
    if facts.manifest:
        yield from _manifest(facts.manifest)
    else:
        yield "no manifest of edge-edet in the file"


def _openvino(o: Mapping[str, Any]) -> Iterator[str]:
    """What is integer in the file, and what the CPU made of it."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in o["convolutions"]["float"].items())
    yield from textwrap.wrap(
        f"convolutions: {o['convolutions']['int8']} int8, in float {reasons or 0}",
        COLUMNS,
        subsequent_indent="  ",
    )
    grids = o["quantizers"]
    if grids:
        by_channel = sum(q["channels"] > 1 for q in grids)
        steps = sum(q["hands_on"] == "steps" for q in grids)
        yield f"fake quantizers: {len(grids)}, {by_channel} with grids by channel, {steps} give steps"
    ran = o["executed"]
    if ran is None:
        yield "it does not run on this CPU"
        return
    layers = ", ".join(f"{count} {kind}" for kind, count in ran["layers"].items() if count)
    yield _clip(f"ran on {ran['device']}, rest in {ran['precision']}: layers {layers}")
    for kind, kernel, count, ms in ran["kernels"][:SHOWN_KERNELS]:
        yield f"  {kind:<14} {kernel:<28} {count:>4} {ms:8.2f} ms"


def _manifest(m: Mapping[str, Any]) -> Iterator[str]:
    weights, calibration, recipe = (m[key] or {} for key in ("weights", "calibration", "recipe"))
    yield _clip(
        f"variant {m['variant']} at {m['image_size']} pixels, {m['classes']} classes, "
        f"suppression {m['nms']}, by {m['generator']}"
    )
    if weights:
        sha = str(weights.get("sha256") or "")[:12]
        yield _clip(f"weights {weights.get('name')} {sha}".rstrip())
    if calibration:
        yield _clip(
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
        yield f"{e.name + score:<34} {e.behind_db:15.1f} {e.cosine:8.4f} {e.mean_error:+11.2g}"
    as_run: Mapping[str, Any] = (inspection.facts.openvino or {}).get("as_run") or {}
    for name, e in as_run.get("outputs", {}).items():
        yield f"{name + ', rest in ' + as_run['precision']:<34} {e['behind_db']:15.1f} {e['cosine']:8.4f}"


def _blocks(inspection: Inspection) -> Iterator[str]:
    yield "blocks that add most by themselves, fed exact values       dB"
    for b in sorted(inspection.blocks, key=lambda b: b.own_db)[:SHOWN_BLOCKS]:
        yield f"{_name(b.tensor, 54):<54} {b.own_db:6.1f}"


def _tensors(inspection: Inspection) -> Iterator[str]:
    yield "most harmful tensors                    own   all  below  above  grid  shift"
    yield "                                         dB    dB      %      %     %      %"
    for e in inspection.tensors[:SHOWN_TENSORS]:
        yield (
            f"{_name(e.name, NAME):<{NAME}} {e.own_db:5.1f} {e.behind_db:5.1f} {100 * e.below:6.1f} "
            f"{100 * e.above:6.1f} {100 * e.grid_used:5.0f} {100 * e.shift:6.0f}"
        )
    yield "own: of its grid alone; all: with what came in; behind the activation"


def all_tensors(model: TfliteModel) -> Iterator[str]:
    """Every tensor: two lines where the name is long."""
    for t in model.tensors:
        kind = "constant" if t.is_constant else ""
        rest = f"{t.dtype:<8}{_shape(t.free_shape):<16} {_info_grid(t):<21} {kind}".rstrip()
        if len(t.name) <= 24:
            yield f"{t.name:<24} {rest}"
        else:
            yield t.name
            yield f"{'':<24} {rest}"


def all_quantizers(facts: Facts) -> Iterator[str]:
    """The fake quantizers of an IR, each with its least and largest scale and zero point."""
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


def _name(name: str, width: int) -> str:
    return name if len(name) <= width else "..." + name[-(width - 3) :]


def _clip(text: str) -> str:
    return text if len(text) <= COLUMNS else text[: COLUMNS - 3] + "..."
