"""Plan: every name, option and input is checked before any work, and the outputs are claimed."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_edet.converters.facts import TrainingOptions
from edge_edet.converters.output_formats import (
    NMS,
    PACKAGES,
    PRECISIONS,
    SUFFIXES,
    beside,
    formats_by_precision,
    leave_out_openvino,
)
from edge_edet.converters.pipeline.request import Request
from edge_edet.converters.pipeline.target import beside_paths
from edge_edet.converters.recipes_by_format import Recipes, choose_recipes
from edge_edet.converters.weights import (
    NAMES,
    Auto,
    SizeWish,
    commonest_shape,
    is_checkpoint,
    wish_text,
)
from edge_edet.devices.targets import find_target
from edge_edet.errors import InputError
from edge_edet.manifest import INPUT_DTYPES, OUTPUT_DTYPES
from edge_edet.output_files import GRAPH, MODEL, PARETO, SEARCH_LOG, TARGET_FILE, Outputs
from edge_edet.pictures import PictureLog, check_range, read_picture, usable
from edge_edet.variants import canonical_name, get_variant

__all__ = ["FileJob", "Plan", "claim", "inputs_of", "plan"]


@dataclass(frozen=True)
class FileJob:
    """One model to write.

    Attributes
    ----------
    variant, precision, format
        What to write it of, and as.
    path
        Where.
    parity_report
        The folder of its parity report, where one may be written.
    search_log, pareto
        What the search within a budget writes beside it.
    beside
        What the target wants beside it.
    """

    variant: str
    precision: str
    format: str
    path: Path
    parity_report: Path | None = None
    search_log: Path | None = None
    pareto: Path | None = None
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A request whose parts are known to fit together.

    Attributes
    ----------
    request
        As asked for; its picture range is checked.
    formats
        Precision -> the formats to write it in.
    recipes
        How INT8 is chosen in each format.
    pictures, picture_notes
        Those to calibrate on, and how many had which oddity.
    check_data
        Labelled pictures on which each model is tried.
    notes
        What to report.
    """

    request: Request
    formats: Mapping[str, tuple[str, ...]]
    recipes: Recipes
    pictures: tuple[Path, ...] = ()
    picture_notes: Mapping[str, int] = field(default_factory=dict)
    check_data: Path | None = None
    notes: tuple[str, ...] = ()

    def jobs(self, variant: str) -> Iterator[FileJob]:
        """Yield the models to write of a variant, in their order."""
        for precision, formats in self.formats.items():
            for each in formats:
                yield self._job(variant, precision, each)

    def _job(self, variant: str, precision: str, format: str) -> FileJob:
        request = self.request
        path = request.output / _file_name(request, variant, precision, SUFFIXES[format])
        wanted = beside_paths(request.target, path)
        if precision != "int8":
            return FileJob(variant, precision, format, path, beside=wanted)
        compared = (
            request.parity_report
            and request.weights != "random"
            and (request.data is not None or request.calibration is not None)
        )
        searched = request.max_drop is not None
        return FileJob(
            variant,
            precision,
            format,
            path,
            beside(path, "-parity") if compared else None,
            beside(path, ".search.jsonl") if searched else None,
            beside(path, ".pareto.json") if searched else None,
            wanted,
        )


def plan(request: Request, outputs: Outputs) -> Plan:
    """Check everything that can be checked before any work, and claim the outputs.

    Raises
    ------
    InputError
        For names, options and inputs that cannot be, and files that may not be replaced.
    MissingExtraError
        Where a package is missing for what was asked for.
    """
    _check_options(request)
    for name in request.variants:
        if not is_checkpoint(name):
            get_variant(name)  # all of them, before hours are spent on the first
    check_data = _check_data(request)
    request = dataclasses.replace(request, picture_range=check_range(request.picture_range))
    formats = formats_by_precision(
        request.precisions, request.formats, request.nms, budget=request.max_drop is not None
    )
    formats, left_out = leave_out_openvino(formats, request.formats)
    used = {each for fitting in formats.values() for each in fitting}
    for package in sorted({one for each in used for one in PACKAGES[each]}):
        importlib.import_module(package)  # a missing one shows here, before any work
    recipes = choose_recipes(request.recipe, used if "int8" in formats else ())
    if recipes.nncf is not None:
        from edge_edet.converters.calibrate import check_nncf

        check_nncf(recipes.nncf, request.calibration)
        if request.nms == "in-graph":
            raise InputError(
                f"--recipe {request.recipe} does not go with --nms in-graph: leave one of them out"
            )
    planned = Plan(request, formats, recipes, check_data=check_data)
    for name in request.variants:
        if not is_checkpoint(name):
            claim(planned, canonical_name(name), outputs)
    log = PictureLog()
    auto = isinstance(request.image_size, Auto)
    pictures = _calibration_pictures(request, log) if auto or "int8" in formats else ()
    if auto:
        request = dataclasses.replace(request, image_size=_size_of_pictures(request, pictures))
    chosen = (request.target_note,) if request.target_note else ()
    notes = (*chosen, *((left_out,) if left_out else ()), *log.lines())
    return dataclasses.replace(
        planned,
        request=request,
        pictures=tuple(pictures),
        picture_notes=log.notes(),
        notes=notes,
    )


def _check_options(request: Request) -> None:
    """Options by themselves and beside each other."""
    known = ", ".join(f"--{name}" for name in PRECISIONS)
    if not request.precisions:
        raise InputError(f"say which precision to write: {known}")
    for name in request.precisions:
        if name not in PRECISIONS:
            raise InputError(f"unknown precision {name!r}: known are {', '.join(PRECISIONS)}")
    for what, value, choices in (
        ("nms", request.nms, NMS),
        ("input dtype", request.input_dtype, INPUT_DTYPES),
    ):
        if value not in choices:
            raise InputError(f"unknown {what} {value!r}: known are {', '.join(choices)}")
    _check_outputs(request)
    if request.max_drop is not None and request.data is None:
        raise InputError("--max-drop needs pictures to measure on: --data DIR, labelled or not")
    if request.max_drop is not None and request.recipe is not None:
        given = f"--recipe {request.recipe}"
        making = find_target(request.target).convert if request.target is not None else None
        if making is not None and making.recipe:
            given = f"{given} of --for {request.target}"
        raise InputError(
            f"--max-drop chooses among the recipes itself, which {given} contradicts: leave one of "
            "them out"
        )
    if request.max_drop is not None and "int8" not in request.precisions:
        raise InputError("--max-drop is about --int8: give it too")
    if request.data is not None and request.check_data is not None:
        raise InputError(
            "--check-data looks at a dozen of its pictures, as --data does: give one of them"
        )
    if request.split is not None and request.data is None and request.check_data is None:
        raise InputError("--split is of --data or --check-data: give one of them")


def _check_outputs(request: Request) -> None:
    """Refuse integers from what gives floats: all but INT8 `.tflite` files without suppression."""
    wanted = request.output_dtype
    if wanted is None:
        return
    if wanted not in OUTPUT_DTYPES:
        known = ", ".join(OUTPUT_DTYPES)
        raise InputError(f"unknown output dtype {wanted!r}: known are {known}")
    if wanted == "float32":
        return
    for met, given in (
        (request.nms == "none", "--nms in-graph"),
        (set(request.precisions) == {"int8"}, "a float precision"),
        (tuple(request.formats or ()) == ("tflite",), "other formats: say --to tflite"),
    ):
        if not met:
            raise InputError(f"--outputs {wanted} does not go with {given}")


def inputs_of(request: Request) -> list[str | Path]:
    """Return the files and folders that a request reads: none of them is written over."""
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


def claim(planned: Plan, variant: str, outputs: Outputs) -> None:
    """Claim all files of a variant: a refusal at the end would cost the time of the whole run.

    Raises
    ------
    InputError
        Where a file is there that may not be replaced, or another process writes it.
    """
    for job in planned.jobs(variant):
        if job.format == "openvino":
            outputs.claim_pair(job.path, GRAPH)
        else:
            outputs.claim(job.path, MODEL)
        for path in job.beside:
            outputs.claim(path, TARGET_FILE)
        if job.search_log is not None:
            outputs.claim(job.search_log, SEARCH_LOG)
        if job.pareto is not None:
            outputs.claim(job.pareto, PARETO)
        if job.parity_report is not None:
            from edge_edet.converters.inspect.parity import claim_parity_report

            claim_parity_report(outputs, job.parity_report)


def _check_data(request: Request) -> Path | None:
    """Return the labelled pictures on which each model is tried once it is written."""
    if request.data is None and request.check_data is None:
        return None
    from edge_edet.converters.inspect import check_data, check_labelled, is_labelled

    if request.data is not None:
        check_data(request.data, request.split)
    if request.check_data is not None:
        check_labelled(request.check_data, request.split)
        return request.check_data
    assert request.data is not None
    if is_labelled(request.data, request.split):
        return request.data
    if "int8" not in request.precisions:
        raise InputError(
            f"--data {str(request.data)!r} has no labels: without them it is about --int8, which is "
            "compared with the float model: give it too, or labelled pictures"
        )
    return None


def _calibration_pictures(request: Request, log: PictureLog) -> Sequence[Path]:
    """Those that the record is taken from, where they are at hand."""
    if request.calibration is None or not request.calibration.is_dir():
        return ()
    from edge_edet.converters.calibrate import DEFAULT_PICTURES, find_pictures

    count = request.calibration_images or DEFAULT_PICTURES
    drawn = find_pictures(request.calibration, count, request.seed)
    return usable(drawn, request.picture_range, log, strict=request.strict)


def _size_of_pictures(request: Request, pictures: Sequence[Path]) -> SizeWish:
    """Return the shape of the calibration pictures, or the size that the record was made for."""
    if pictures:
        return commonest_shape(
            [read_picture(one, request.picture_range).image.size for one in pictures]
        )
    if request.calibration is not None and request.calibration.is_file():
        from edge_edet.converters.quantize import load_record

        size = load_record(request.calibration).image_size
        if not isinstance(size, int):
            return size
        raise InputError(
            f"--image-size auto takes the commonest shape of pictures, and the record "
            f"{str(request.calibration)!r} keeps no shapes: give the folder of pictures, or a size"
        )
    raise InputError(
        "--image-size auto takes the commonest shape of the calibration pictures: give a folder of pictures "
        "with --calibration, or a size"
    )


def _file_name(request: Request, variant: str, precision: str, suffix: str) -> str:
    size = f"-{wish_text(request.image_size)}".replace(":", "by") if request.image_size else ""
    nms = "-nms" if request.nms == "in-graph" else ""
    dtype = f"-{request.input_dtype}-input" if request.input_dtype != "uint8" else ""
    changed = request.output_dtype if (precision, suffix, nms) == ("int8", ".tflite", "") else None
    outputs = f"-{changed}-outputs" if changed not in (None, "int8") else ""
    return f"{variant}{size}-{precision}{nms}{dtype}{outputs}{suffix}"
