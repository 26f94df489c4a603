"""The story of `convert`: find weights, build, calibrate, quantize, write, check."""

from __future__ import annotations

import dataclasses
import json
import shlex
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.calibrate import (
    DEFAULT_PICTURES,
    NncfRecipe,
    check_nncf,
    find_calibration,
    find_pictures,
    quantize_by_nncf,
)
from edge_edet.converters.facts import TrainingOptions
from edge_edet.converters.inspect import (
    check_classes,
    check_data,
    check_labelled,
    is_labelled,
    look_for_objects,
    pictures_and_accuracy,
)
from edge_edet.converters.inspect.parity import claim_parity_report, write_parity_report
from edge_edet.converters.output_formats import SUFFIXES, beside, leave_out_openvino, plan
from edge_edet.converters.quantize import (
    ChannelwiseRecipe,
    agreed_range,
    quantize,
    quantize_channelwise,
)
from edge_edet.converters.recipes_by_format import Recipes, choose_recipes
from edge_edet.converters.search import Found, IrMaker, Made, Maker, Task, TfliteMaker, search
from edge_edet.converters.weights import NAMES, Source, find_weights, is_checkpoint, read_labels
from edge_edet.converters.write import ModelFile, write_checked
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.files import scratch_folder
from edge_edet.formats import read_model
from edge_edet.formats.tflite import TfliteModel
from edge_edet.labels import check_names
from edge_edet.manifest import manifest_of
from edge_edet.network import Graph, build_network
from edge_edet.output_files import GRAPH, MODEL, PARETO, SEARCH_LOG, Outputs
from edge_edet.pictures import PictureLog, PictureRange, check_range, usable
from edge_edet.variants import canonical_name, get_variant


@dataclass(frozen=True)
class Request:
    """What the command line asks for; see `edge-edet convert --help`."""

    variants: Sequence[str]
    precisions: Sequence[str]
    output: Path
    weights: str | None = None
    calibration: Path | None = None
    calibration_images: int | None = None
    seed: int = 0
    num_classes: int | None = None
    labels: Path | None = None
    nms: str = "none"
    input_dtype: str = "uint8"  # or "float32", of the same values
    image_size: int | None = None
    threads: int = 2
    formats: Sequence[str] | None = None
    recipe: str | None = None
    max_drop: float | None = None  # AP points, 100 = 1.0
    data: Path | None = None  # what the budget and the parity report are measured on
    check_data: Path | None = None  # labelled pictures: does it detect anything at all
    split: str | None = None
    picture_range: PictureRange = None  # of the pictures for calibration, budget and parity report
    strict: bool = False  # a bad picture of a folder is the end
    parity_report: bool = True
    training: TrainingOptions | None = None  # what is known of it; None: nothing
    command: Sequence[str] = ()
    overwrite: bool = False  # whether files that convert did not write may be replaced


@dataclass(frozen=True)
class Written:
    """One model that was written. size_bytes: of all its files.

    non_integer_operators: of a `.tflite`; float_convolutions: of an OpenVINO IR.
    """

    path: Path
    variant: str
    format: str
    precision: str
    size_bytes: int
    operators: int
    non_integer_operators: int | None
    float_convolutions: int | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "path": str(self.path)}


def convert(request: Request) -> Generator[Written | str, None, None]:
    """Writes each variant in each precision and format; yields notes and what it wrote.

    Raises InputError, before it begins, where a file is there that `convert` did not write, or is an input.
    """
    with Outputs(_inputs(request), overwrite=request.overwrite) as outputs:
        yield from _convert(request, outputs)


def _inputs(request: Request) -> list[str | Path]:
    training = request.training or TrainingOptions()
    given = (
        request.weights,
        request.calibration,
        request.labels,
        request.data,
        request.check_data,
        training.project,
        training.hparams,
        *(name for name in request.variants if is_checkpoint(name)),
    )
    return [one for one in given if isinstance(one, (str, Path)) and one not in NAMES]


def _claim(
    request: Request,
    names: Sequence[str],
    planned: Mapping[str, Sequence[str]],
    outputs: Outputs,
) -> None:
    """All files that may be written; a refusal at the end would cost the time of the whole run."""
    for name in names:
        for precision, fitting in planned.items():
            for target in fitting:
                path = request.output / _file_name(request, name, precision, SUFFIXES[target])
                if target == "openvino":
                    outputs.claim_pair(path, GRAPH)
                else:
                    outputs.claim(path, MODEL)
                if precision != "int8":
                    continue
                if request.max_drop is not None:
                    outputs.claim(beside(path, ".search.jsonl"), SEARCH_LOG)
                    outputs.claim(beside(path, ".pareto.json"), PARETO)
                if (
                    request.parity_report
                    and request.weights != "random"
                    and (request.data is not None or request.calibration is not None)
                ):
                    claim_parity_report(outputs, beside(path, "-parity"))


def _convert(request: Request, outputs: Outputs) -> Generator[Written | str, None, None]:
    for name in request.variants:
        if not is_checkpoint(name):
            get_variant(name)  # a misspelt last one must not cost the first ones' time
    if request.data is not None:
        check_data(request.data, request.split)
    checked = _checked_data(request)
    request = dataclasses.replace(request, picture_range=check_range(request.picture_range))
    planned = plan(
        request.precisions, request.formats, request.nms, budget=request.max_drop is not None
    )
    planned, left_out = leave_out_openvino(planned, request.formats)
    if left_out:
        yield left_out
    formats = {each for fitting in planned.values() for each in fitting}
    recipes = choose_recipes(request.recipe, formats if "int8" in planned else ())
    if isinstance(recipes.openvino, NncfRecipe):
        check_nncf(recipes.openvino, request.calibration)
    known = [canonical_name(name) for name in request.variants if not is_checkpoint(name)]
    _claim(request, known, planned, outputs)
    log = PictureLog()  # of the calibration's pictures
    calibration = _calibration_pictures(request, log) if "int8" in planned else ()
    yield from log.lines()
    asked = request
    done: dict[str, str] = {}  # variant -> what it was asked for as
    for given in asked.variants:
        request = asked
        started = time.monotonic()
        source = find_weights(
            given,
            request.weights,
            request.seed,
            request.num_classes,
            request.image_size,
            request.training,
        )
        name = source.variant.name
        if name in done:
            raise InputError(
                f"{given!r} is a {name} as {done[name]!r} is, and would be written to the same files: "
                "convert one at a time, each with an -o of its own"
            )
        done[name] = given
        _claim(request, [name], planned, outputs)
        yield from source.notes
        labels = source.labels
        if request.labels is not None:
            labels, note = read_labels(request.labels, source.variant.num_classes)
            if note:
                yield f"{str(request.labels)!r}: {note}"
        elif source.labels_note:
            yield source.labels_note
        check_names(labels, f"the labels of {given}")
        if (
            request.data is not None
            and "int8" in planned
            and not source.random
            and (request.parity_report or request.max_drop is not None)
        ):
            check_classes(labels, request.data, request.split)
        graph = build_network(source.variant, source.weights)
        for precision, fitting in planned.items():
            described = ModelFile(
                source,
                labels,
                precision,
                request.nms,
                tuple(request.command),
                input_dtype=request.input_dtype,
            )
            if precision == "int8":
                record = find_calibration(
                    source,
                    graph,
                    request.calibration,
                    request.calibration_images,
                    request.seed,
                    request.threads,
                    _wants_corrections(request, recipes),
                    "openvino" in fitting,
                    pictures=calibration,
                    picture_range=request.picture_range,
                )
                described = dataclasses.replace(described, calibration=record)
                if not source.random:
                    what = f"the calibration of {name}"
                    agreed, note = agreed_range(asked.picture_range, record, what)
                    request = dataclasses.replace(asked, picture_range=agreed)
                    if note:
                        yield note
            for target in fitting:
                path = request.output / _file_name(request, name, precision, SUFFIXES[target])
                made = yield from _make(
                    request, recipes, described, graph, calibration, target, path, outputs
                )
                yield from _replaced(path, source)
                write_checked(path, made.files, outputs)
                model = read_model(path)
                yield Written(
                    path,
                    name,
                    target,
                    precision,
                    model.size_bytes,
                    len(model.operator_names),
                    len(model.non_integer_operators) if isinstance(model, TfliteModel) else None,
                    made.float_convolutions,
                    round(time.monotonic() - started, 3),
                )
                if checked is not None and not source.random:
                    yield from look_for_objects(
                        path, checked, request.split, request.threads, request.picture_range
                    )
                if precision == "int8":
                    yield from _write_parity_report(
                        request, described, graph, calibration, log.notes(), path, outputs
                    )
                started = time.monotonic()


def _replaced(path: Path, source: Source) -> Generator[str, None, None]:
    """One sentence where the file that is there was made of other weights: names tell the variant alone."""
    try:
        found = manifest_of(read_model(path)) if path.exists() else None
    except EdgeEdetError:
        return
    weights = found.provenance.get("weights") if found is not None else None
    if isinstance(weights, dict) and weights.get("sha256") != source.provenance["sha256"]:
        yield (
            f"{path} replaces one that was made of {weights.get('name')}: give -o DIR to keep both"
        )


def _checked_data(request: Request) -> Path | None:
    """The labelled pictures on which each model is looked at once it is written."""
    if request.check_data is not None:
        check_labelled(request.check_data, request.split)
        return request.check_data
    if request.data is None or is_labelled(request.data, request.split):
        return request.data
    if "int8" not in request.precisions:
        raise InputError(
            f"--data {str(request.data)!r} has no labels: without them it is about --int8, which is "
            "compared with the float model: give it too, or labelled pictures"
        )
    return None


def _wants_corrections(request: Request, recipes: Recipes) -> bool:
    recipe = recipes.tflite
    return recipe is not None and (recipe.reconstruct or request.max_drop is not None)


def _make(
    request: Request,
    recipes: Recipes,
    described: ModelFile,
    graph: Graph,
    calibration: Sequence[Path],
    target: str,
    path: Path,
    outputs: Outputs,
) -> Generator[Written | str, None, Made]:
    """One model in one format, in memory."""
    record = described.calibration
    if target == "onnx":
        return Made(described.to_onnx(graph))
    if target == "openvino":
        if record is None:
            return Made(described.to_ir(graph, None, None))
        if request.max_drop is not None:
            return (
                yield from _within_budget(request, described, graph, calibration, path, outputs)
            )
        return _int8_ir(calibration, recipes.openvino, described, graph)
    if record is None:
        data = described.to_bytes(graph, None, None)
    elif request.max_drop is not None:
        return (yield from _within_budget(request, described, graph, calibration, path, outputs))
    else:
        assert recipes.tflite is not None
        built, quantized = quantize(graph, record.statistics, recipes.tflite, record.corrections)
        data = described.to_bytes(built, quantized, recipes.tflite.to_dict())
    return Made({".tflite": data})


def _int8_ir(
    pictures: Sequence[Path],
    recipe: ChannelwiseRecipe | NncfRecipe | None,
    described: ModelFile,
    graph: Graph,
) -> Made:
    assert recipe is not None
    assert described.calibration is not None
    if isinstance(recipe, NncfRecipe):
        picture_range = described.calibration.picture_range
        model, floats = quantize_by_nncf(graph, pictures, recipe, picture_range)
        files = described.ir_of(model, recipe.to_dict(graph) | {"float_convolutions": floats})
    else:
        record = described.calibration
        channels = quantize_channelwise(graph, record.statistics, recipe, record.swishes)
        floats = channels.floats
        stated = recipe.to_dict() | channels.stated()
        files = described.to_ir(graph, channels, stated)
    return Made(files, float_convolutions=len(floats))


def _write_parity_report(
    request: Request,
    described: ModelFile,
    graph: Graph,
    calibration: Sequence[Path],
    calibration_notes: Mapping[str, int],
    path: Path,
    outputs: Outputs,
) -> Generator[Written | str, None, None]:
    """Writes the parity report beside an INT8 model, where there are pictures to compare on."""
    if not request.parity_report or described.source.random:
        return
    if request.data is None and not calibration:
        twin = Path(f"FLOAT{path.suffix}")
        if "fp32" in request.precisions:
            twin = path.with_name(path.name.replace("-int8", "-fp32"))
        pair = shlex.join([str(path), "--against", str(twin)])
        yield (
            f"{path.name}: no pictures were given, so no parity report: give --data DIR, or later: "
            f"edge-edet compare-float {pair} --data DIR"
        )
        return
    plain = dataclasses.replace(described, precision="fp32", calibration=None)
    is_ir = path.suffix == SUFFIXES["openvino"]
    with scratch_folder() as temporary:
        twin = temporary / f"float{path.suffix}"
        files = (
            plain.to_ir(graph, None, None)
            if is_ir
            else {path.suffix: plain.to_bytes(graph, None, None)}
        )
        for suffix, content in files.items():
            twin.with_suffix(suffix).write_bytes(content)
        pictures, accuracy, notes = list(calibration), None, calibration_notes
        if request.data is not None:
            log = PictureLog()
            pictures, accuracy = pictures_and_accuracy(
                path,
                twin,
                request.data,
                request.split,
                request.threads,
                picture_range=request.picture_range,
                strict=request.strict,
                log=log,
            )
            yield from log.lines()
            notes = log.notes()
        output = beside(path, "-parity")
        record = write_parity_report(
            path,
            twin,
            pictures,
            accuracy,
            output=output,
            threads=request.threads,
            command=shlex.join(request.command),
            picture_range=request.picture_range,
            notes=notes,
            outputs=outputs,
        )
    causes = [f for f in record["findings"] if f["severity"] == "cause"]
    first = "".join(f"; cause: {f['place']}: {f['text']}; do: {f['advice']}" for f in causes[:1])
    yield f"parity report: {output / 'index.html'}: {record['verdict']}: {record['because']}{first}"


def _within_budget(
    request: Request,
    described: ModelFile,
    graph: Graph,
    calibration: Sequence[Path],
    path: Path,
    outputs: Outputs,
) -> Generator[Written | str, None, Made]:
    """Searches, tells what it tries, writes the table of all candidates beside the model."""
    if described.source.random:
        raise InputError("--max-drop needs trained weights: random ones have no accuracy to lose")
    if request.data is None:
        raise InputError("--max-drop needs pictures to measure on: --data DIR, labelled or not")
    assert request.max_drop is not None
    assert described.calibration is not None
    maker = _maker(described, graph, calibration, path)
    outputs.claim(beside(path, ".search.jsonl"), SEARCH_LOG)
    steps = search(
        Task(
            maker=maker,
            data=request.data,
            split=request.split,
            max_drop=request.max_drop,
            threads=request.threads,
            log=beside(path, ".search.jsonl"),
            picture_range=request.picture_range,
            strict=request.strict,
            identity={
                "weights": described.source.digest,
                "calibration": described.calibration.digest,
                "variant": json.loads(json.dumps(dataclasses.asdict(described.source.variant))),
            },
        )
    )
    found: Found | None = None
    for step in steps:
        if isinstance(step, Found):
            found = step
        else:
            yield step
    assert found is not None
    yield (
        f"chosen: {found.chosen.name}, drop {found.chosen.drop:.2f} of {request.max_drop:g} points, "
        f"{found.float_ms / found.chosen.ms:.2f}x faster than float"
    )
    budget = {
        "max_drop": request.max_drop,
        "measured_drop": found.chosen.drop,
        "against": "labels" if found.labelled else "the float model's detections",
        "float_ap": found.float_ap,
        "ap": found.chosen.ap,
    }
    made = maker.make(found.candidate, found.chosen.candidate | budget)
    rows = [vars(row) for row in sorted(found.rows, key=lambda row: row.ms)]
    document = {
        **budget,
        "float_ms": found.float_ms,
        "float_precision": found.float_precision,
        "chosen": found.chosen.name,
        "candidates": rows,
    }
    text = json.dumps(document, indent=1) + "\n"
    outputs.write(beside(path, ".pareto.json"), text.encode(), PARETO)
    return made


def _maker(described: ModelFile, graph: Graph, calibration: Sequence[Path], path: Path) -> Maker:
    if path.suffix == SUFFIXES["tflite"]:
        return TfliteMaker(described, graph)
    return IrMaker(described, graph, calibration)


def _calibration_pictures(request: Request, log: PictureLog) -> Sequence[Path]:
    """Those that the record is taken from, where they are at hand."""
    if request.calibration is None or not request.calibration.is_dir():
        return ()
    count = request.calibration_images or DEFAULT_PICTURES
    drawn = find_pictures(request.calibration, count, request.seed)
    return usable(drawn, request.picture_range, log, strict=request.strict)


def _file_name(request: Request, variant: str, precision: str, suffix: str) -> str:
    size = f"-{request.image_size}" if request.image_size else ""
    nms = "-nms" if request.nms == "in-graph" else ""
    dtype = f"-{request.input_dtype}-input" if request.input_dtype != "uint8" else ""
    return f"{variant}{size}-{precision}{nms}{dtype}{suffix}"
