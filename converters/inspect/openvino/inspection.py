"""The inspection of an OpenVINO model, alone or against its float model; each file is opened once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect.errors import Pixels, TensorSums, by_harm
from edge_edet.converters.inspect.facts import Facts
from edge_edet.converters.inspect.openvino.errors import (
    compare_ir_constants,
    ir_block_errors,
    ir_tensor_sums,
    tensor_errors,
)
from edge_edet.converters.inspect.openvino.facts import check_ir_statically, facts_of_ir
from edge_edet.converters.inspect.openvino.graph import IrGraph, IrRunner, channels_last
from edge_edet.converters.inspect.openvino.pairs import IrTensorPair, match_ir_tensors
from edge_edet.converters.inspect.result import Inspection
from edge_edet.converters.inspect.static_checks import has_random_weights, refused, without_ranges
from edge_edet.converters.inspect.verdict import better_recipe, diagnose
from edge_edet.errors import BackendError
from edge_edet.formats import read_ir


def inspect_ir(path: Path) -> Inspection:
    """Inspect one OpenVINO model, and what the CPU executes of it.

    Parameters
    ----------
    path
        Of the .xml.

    Returns
    -------
    Inspection
        What it holds, and what runs.
    """
    graph = IrGraph(read_ir(path))
    facts = facts_of_ir(graph)
    return Inspection(facts, check_ir_statically(graph, facts), [], [], [])


def inspect_ir_against(
    int8_path: Path, float_path: Path, pictures: Sequence[Pixels], threads: int = 2
) -> Inspection:
    """Inspect an INT8 model and measure its errors against its float model.

    Parameters and errors are those of `inspection.inspect_against`. Errors are measured with float layers
    in float32; facts.openvino["as_run"] has the outputs' errors in the precision that the plugin chooses.

    Parameters
    ----------
    int8_path
        Of the INT8 model's .xml.
    float_path
        Of the float model's .xml.
    pictures
        Inputs, [1, height, width, 3] uint8.
    threads
        CPU threads of the runtime.

    Returns
    -------
    Inspection
        What it holds, and its errors.
    """
    integer, exact = IrGraph(read_ir(int8_path)), IrGraph(read_ir(float_path))
    facts = facts_of_ir(integer)
    static_findings = check_ir_statically(integer, facts)
    pairs = match_ir_tensors(integer, exact)
    try:
        sums = ir_tensor_sums(integer, exact, pairs, pictures, threads)
        blocks = ir_block_errors(integer, exact, pairs, pictures, threads)
        facts = _with_outputs_as_run(facts, integer, exact, pairs, pictures, threads)
    except BackendError as error:
        constants = compare_ir_constants(integer, exact)
        findings = diagnose([], [], [*static_findings, refused(error)], constants)
        return Inspection(facts, findings, [], [], constants)
    constants = compare_ir_constants(integer, exact, sums)
    errors = tensor_errors(sums)
    findings = diagnose(
        errors, blocks, static_findings, constants, better_recipe(facts), by_design=_fitted(facts)
    )
    if has_random_weights(facts):
        findings = without_ranges(findings)
    return Inspection(facts, findings, by_harm(errors), blocks, constants)


def _fitted(facts: Facts) -> set[str]:
    """Return the inputs and outputs of the swishes that the recipe replaced, and whose error is intended."""
    recipe = (facts.manifest or {}).get("recipe")
    swishes = recipe.get("fitted_swishes") if isinstance(recipe, dict) else None
    names = [str(name) for name in swishes] if isinstance(swishes, dict) else []
    return {*names, *(name.removesuffix("/swish") for name in names)}


def _with_outputs_as_run(
    facts: Facts,
    integer: IrGraph,
    exact: IrGraph,
    pairs: Sequence[IrTensorPair],
    pictures: Sequence[Pixels],
    threads: int,
) -> Facts:
    """Add the errors of the outputs, where the CPU computes float layers in less than float32."""
    ran: Any = (facts.openvino or {}).get("executed")
    if not ran or ran["precision"] == "f32":
        return facts
    named = {pair.name: pair for pair in pairs}
    outputs = [next(iter(o.get_names()), "") for o in integer.model.outputs]
    names = [name for name in outputs if name in named]
    running = IrRunner(integer.as_run, outputs)
    reference = exact.exposing(names, threads)
    sums = [TensorSums(named[name], all_values=True) for name in names]
    for pixels in pictures:
        running.run([pixels])
        reference.run([pixels])
        for name, total in zip(names, sums, strict=True):
            total.add(channels_last(running.get(name)), channels_last(reference.get(name)))
    errors = [total.error(i) for i, total in enumerate(sums)]
    as_run = {
        "precision": ran["precision"],
        "outputs": {e.name: {"behind_db": e.behind_db, "cosine": e.cosine} for e in errors},
    }
    return dataclasses.replace(facts, openvino=(facts.openvino or {}) | {"as_run": as_run})
