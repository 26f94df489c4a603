"""Convert for a consumer: what it needs is chosen, and what it wants beside the model is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.devices.targets import Making, Target, check_model, find_target, taken_as
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats import read_model
from edge_edet.output_files import TARGET_FILE, Outputs
from edge_edet.variants import Variant

__all__ = ["Chosen", "beside_paths", "choose", "write_beside"]

NAMES = {"in-graph": "suppression in the graph", "none": "no suppression in the graph"}


@dataclass(frozen=True)
class Chosen:
    """Formats, suppression, input and recipe of a conversion, and the sentence that says so."""

    formats: tuple[str, ...] | None
    nms: str
    input_dtype: str
    note: str | None = None
    recipe: str | None = None


def choose(
    name: str | None,
    precisions: Sequence[str],
    formats: Sequence[str] | None,
    nms: str | None,
    input_dtype: str | None,
    recipe: str | None = None,
    output_dtype: str | None = None,
) -> Chosen:
    """Choose what was not asked for by what a target needs.

    Parameters
    ----------
    name
        Of a target; None: nothing is chosen but the defaults.
    precisions, formats, nms, input_dtype, recipe, output_dtype
        As asked for; None: not.

    Returns
    -------
    Chosen
        Formats, suppression and input.

    Raises
    ------
    InputError
        For an unknown target, one that no file can be made for, and what contradicts it.
    """
    if name is None:
        given = None if formats is None else tuple(formats)
        return Chosen(given, nms or "none", input_dtype or "uint8", recipe=recipe)
    target = find_target(name)
    making = _making(target)
    for precision in precisions:
        if precision not in making.precisions:
            raise _contradiction(name, making.precisions, f"--{precision}")
    for format in formats or ():
        if format not in making.formats:
            raise _contradiction(name, making.formats, f"--to {format}")
    if nms is not None and nms not in making.nms:
        raise _contradiction(name, making.nms, f"--nms {nms}")
    if input_dtype is not None and input_dtype not in making.input:
        raise _contradiction(name, making.input, f"--input {input_dtype}")
    chosen = tuple(formats) if formats else making.formats[:1]
    nms, input_dtype = nms or making.nms[0], input_dtype or making.input[0]
    if output_dtype is not None:
        _check_outputs(name, target, chosen, nms, output_dtype)
    words = [*chosen, NAMES[nms], f"{input_dtype} input"]
    if making.recipe and "int8" in precisions:
        if recipe not in (None, making.recipe):
            raise _contradiction(name, [f"--recipe {making.recipe}"], f"--recipe {recipe}")
        recipe = making.recipe
        words.append(f"recipe {recipe}")
    note = f"for {target.name}: {', '.join(words)}: {making.because}"
    if said := taken_as(name):
        note = f"{note}; {said}"
    return Chosen(chosen, nms, input_dtype, note, recipe)


def _check_outputs(
    name: str, target: Target, formats: Sequence[str], nms: str, output_dtype: str
) -> None:
    given = f"--outputs {output_dtype}"
    if output_dtype != "float32" and nms == "in-graph":
        raise _contradiction(name, ["suppression in the graph, which ends in float32"], given)
    if output_dtype != "float32" and tuple(formats) != ("tflite",):
        raise _contradiction(name, formats, given)
    for rule in target.rule:
        if rule.otherwise == "refused" and rule.need == "output-dtypes":
            if output_dtype not in rule.value:
                raise _contradiction(name, [f"{one} outputs" for one in rule.value], given)
        elif rule.otherwise == "refused" and rule.need == "integer" and output_dtype == "float32":
            raise _contradiction(name, ["integer operators only"], given)


def _making(target: Target) -> Making:
    if target.convert is None:
        raise InputError(
            f"no file for {target.id} is made yet; what it needs: edge-edet targets {target.id}"
        )
    return target.convert


def _contradiction(name: str, takes: Sequence[str], given: str) -> InputError:
    text = f"--for {name} takes {' or '.join(takes)}, which {given} contradicts"
    said = taken_as(name)
    return InputError(f"{text}: {said}" if said else text)


def beside_paths(name: str | None, model: Path) -> tuple[Path, ...]:
    """Return the files that a target wants beside a model."""
    if name is None:
        return ()
    return tuple(
        model.with_name(f"{model.stem}{one.name}") for one in _making(find_target(name)).beside
    )


def write_beside(
    name: str, model: Path, variant: Variant, labels: Sequence[str | None], outputs: Outputs
) -> list[str]:
    """Write the files that a target wants beside a model, and check the model itself.

    Returns
    -------
    list of str
        Notes: the files, and what is left to do.

    Raises
    ------
    EdgeEdetError
        Where the target would refuse the model all the same.
    """
    target = find_target(name)
    lines = (f"{index} {label or f'unused_{index}'}\n" for index, label in enumerate(labels))
    fills = {
        "model": model.name,
        "stem": model.stem,
        "width": str(variant.input_size[1]),
        "height": str(variant.input_size[0]),
        "labelmap": "".join(lines),
        "labels": json.dumps(list(labels)).replace("<", "\\u003c"),
        "pad": ",".join(map(str, variant.pad_rgb)),
    }
    notes = []
    for one, path in zip(_making(target).beside, beside_paths(name, model), strict=True):
        outputs.write(path, one.text.format(**fills).encode(), TARGET_FILE)
        notes.append(str(path))
    verdict = check_model(read_model(model), target)
    if verdict.verdict == "refused":
        raise EdgeEdetError(f"{model} is not what {target.name} takes: {verdict.line}")
    found = [f"beside {model}: {', '.join(notes)}"] if notes else []
    if verdict.verdict != "runs":
        next_ = f"; next: {verdict.cures[-1]}" if verdict.cures else ""
        found.append(f"{model}, {target.name}: {verdict.line}{next_}")
    return found
