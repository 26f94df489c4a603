"""The inspection of a model file, alone or against its float model; each file is opened once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.converters.inspect.errors import (
    Pixels,
    block_errors,
    by_harm,
    compare_constants,
    stated_changes,
    tensor_errors,
)
from edge_edet.converters.inspect.facts import facts_of
from edge_edet.converters.inspect.result import Inspection, read_inspectable
from edge_edet.converters.inspect.static_checks import (
    check_statically,
    has_random_weights,
    refused,
    without_ranges,
)
from edge_edet.converters.inspect.tflite import Rewritable, match_tensors
from edge_edet.converters.inspect.verdict import better_recipe, diagnose
from edge_edet.errors import BackendError
from edge_edet.formats.tflite import read_tflite


def inspect_file(path: Path) -> Inspection:
    """Inspect one model file; of OpenVINO also what the CPU executes.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    Inspection
        What it holds.

    Raises
    ------
    ModelFileError
        For a file that is no model.
    InputError
        For ONNX, which is not inspected.
    """
    if read_inspectable(path).format == ".xml":
        from edge_edet.converters.inspect.openvino import inspect_ir

        return inspect_ir(path)
    opened = Rewritable(read_tflite(path))
    facts = facts_of(opened)
    return Inspection(facts, check_statically(opened, facts), [], [], [])


def inspect_against(
    int8_path: Path, float_path: Path, pictures: Sequence[Pixels], threads: int = 2
) -> Inspection:
    """Inspect an INT8 model and measure its errors against its float model.

    Parameters
    ----------
    int8_path, float_path
        The two models, of one format.
    pictures
        Model inputs, [1, height, width, 3] each, from `inputs_of`.
    threads
        CPU threads of the runtime.

    Returns
    -------
    Inspection
        A model that the runtime refuses is a finding of it, no error.

    Raises
    ------
    InputError
        Where the files are not of the same network.
    """
    if read_inspectable(int8_path).format == ".xml":
        from edge_edet.converters.inspect.openvino import inspect_ir_against

        return inspect_ir_against(int8_path, float_path, pictures, threads)
    integer, exact = Rewritable(read_tflite(int8_path)), Rewritable(read_tflite(float_path))
    facts = facts_of(integer)
    static_findings = check_statically(integer, facts)
    recipe = (facts.manifest or {}).get("recipe")
    pairs = match_tensors(integer, exact, recipe)
    stated = stated_changes(recipe)
    constants = compare_constants(integer, exact, pairs, stated)
    try:
        errors = tensor_errors(integer, exact, pairs, pictures, threads)
        blocks = block_errors(integer, exact, pairs, pictures, threads)
    except BackendError as error:
        findings = diagnose([], [], [*static_findings, refused(error)], constants)
        return Inspection(facts, findings, [], [], constants)
    findings = diagnose(errors, blocks, static_findings, constants, better_recipe(facts))
    if has_random_weights(facts):
        findings = without_ranges(findings)
    return Inspection(facts, findings, by_harm(errors), blocks, constants)
