"""What an OpenVINO model states about itself, and what the CPU plugin executes; with static checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from edge_edet.converters.inspect.facts import Facts, manifest_summary, tensor_dict
from edge_edet.converters.inspect.network_parts import PARTS, part_of
from edge_edet.converters.inspect.openvino.executed import executed, integer_weights
from edge_edet.converters.inspect.openvino.graph import FakeQuantizer, IrGraph, name_of, readers
from edge_edet.converters.inspect.static_checks import TINY_RANGE, provenance
from edge_edet.converters.inspect.verdict import CALIBRATE, Finding, sorted_findings
from edge_edet.manifest import Manifest, manifest_of

MORE = 3  # names shown of a longer list


def facts_of_ir(graph: IrGraph) -> Facts:
    """Collect the facts of an OpenVINO model.

    Returns
    -------
    Facts
        Its `openvino` has `convolutions` {"int8": count, "float": {reason: count}}, `quantizers` as
        `quantizer_dict` gives them, and `executed`, see `Executed`, None where the model does not run.

    Raises
    ------
    ModelFileError
        Where the manifest contradicts the tensors.
    """
    file = graph.file
    manifest = manifest_of(file)
    counts = Counter(file.operator_names)
    ran = executed(graph)
    return Facts(
        path=str(file.path),
        size_bytes=file.size_bytes,
        description=file.name,
        precision=manifest.precision if manifest else _guess(graph),
        operators=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        float_operators=None,
        islands={},
        inputs=[tensor_dict(t) for t in file.input_tensors],
        outputs=[tensor_dict(t) for t in file.output_tensors],
        tensors=len(graph.tensors),
        weights_bytes=_weights_bytes(graph),
        metadata=sorted(file.metadata),
        manifest=manifest_summary(manifest) if manifest else None,
        openvino={
            "convolutions": _convolutions(graph, manifest),
            "quantizers": [quantizer_dict(q) for q in graph.quantizers.values()],
            "executed": ran.to_dict() if ran else None,
        },
    )


def quantizer_dict(q: FakeQuantizer) -> dict[str, Any]:
    """Describe a fake quantizer, ready for JSON; scale and zero_point are [least, most] over channels."""
    return {
        "tensor": q.source,
        "levels": q.levels,
        "channels": int(q.step.size),
        "scale": [float(q.step.min()), float(q.step.max())],
        "zero_point": [round(float(ends), 3) for ends in (q.zero_point.min(), q.zero_point.max())],
        "range": [float(q.low.min()), float(q.high.max())],
        "hands_on": "real values" if abs(q.gain.max() - 1) < 1e-3 else "steps",
    }


def check_ir_statically(graph: IrGraph, facts: Facts) -> list[Finding]:
    """Check an OpenVINO model by itself, and by what was executed of it.

    Returns
    -------
    list of Finding
        Causes before consequences; empty for a float model.
    """
    if not graph.quantizers:
        return []
    return sorted_findings([*_zero_scales(graph), *_ran_in_float(facts), *provenance(facts)])


def _zero_scales(graph: IrGraph) -> Iterator[Finding]:
    flat = [q for q in graph.quantizers.values() if (q.high - q.low).max() < TINY_RANGE]
    if flat:
        others = f" ({len(flat) - 1} more tensors are like it)" if len(flat) > 1 else ""
        yield Finding(
            "zero scale",
            flat[0].source,
            f"its range is [{flat[0].low.min():.3g}, {flat[0].high.max():.3g}]: all its values "
            f"become one number{others}",
            f"its range was measured on constant values, or got lost: {CALIBRATE}",
        )


def _ran_in_float(facts: Facts) -> Iterator[Finding]:
    ran = (facts.openvino or {}).get("executed")
    if ran and ran["in_float"]:
        names = ran["in_float"]
        more = f" and {len(names) - MORE} more" if len(names) > MORE else ""
        yield Finding(
            "ran in float",
            names[0],
            f"int8 weights, but {ran['device']} computes them in float: {', '.join(names[:MORE])}{more}",
            "choose a recipe that keeps them in float in the file too, or puts a quantizer before each",
        )


def _convolutions(graph: IrGraph, manifest: Manifest | None) -> dict[str, Any]:
    recipe = manifest.provenance.get("recipe") if manifest else None
    stated = recipe.get("float_convolutions") if isinstance(recipe, dict) else None
    reasons: Counter[str] = Counter()
    integer = 0
    for name, op in graph.convolutions.items():
        if integer_weights(op):
            integer += 1
        elif graph.quantizers:
            place = name.removesuffix("/convolution")
            reasons[
                str(stated.get(place, "no reason stated"))
                if isinstance(stated, dict)
                else "no reason stated"
            ] += 1
        else:
            reasons["float model"] += 1
    return {"int8": integer, "float": dict(reasons.most_common())}


def _guess(graph: IrGraph) -> str:
    if graph.quantizers:
        return "int8"
    stored: Counter[str] = Counter()
    for op in graph.model.get_ops():
        if op.get_type_name() == "Constant":
            stored[op.get_element_type().get_type_name()] += op.get_byte_size()
    return "fp16" if stored["f16"] > stored["f32"] else "fp32"


def _weights_bytes(graph: IrGraph) -> dict[str, int]:
    sizes = dict.fromkeys(PARTS, 0)
    for op in graph.model.get_ops():
        if op.get_type_name() == "Constant":
            reader = op
            while name_of(reader) not in graph.running and (after := readers(reader)):
                reader = after[0]
            sizes[part_of(name_of(reader))] += int(op.get_byte_size())
    return {part: size for part, size in sizes.items() if size}
