"""`edge_edet.convert`: checkpoints to model files, from Python and for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_edet.converters.output_formats import parse_formats
from edge_edet.converters.pipeline import Conversion, Listener, Request, choose, run
from edge_edet.converters.weights import SizeWish, read_size
from edge_edet.optional_packages import missing_extra
from edge_edet.variants import VARIANTS, canonical_name

if TYPE_CHECKING:
    from edge_edet.converters.facts import TrainingOptions
    from edge_edet.pictures import PictureRange

__all__ = ["convert"]

PathLike = str | Path


def convert(
    variants: PathLike | Sequence[PathLike],
    precisions: str | Sequence[str],
    *,
    output: PathLike = "build",
    formats: str | Sequence[str] | None = None,
    weights: PathLike | None = None,
    calibration: PathLike | None = None,
    calibration_images: int | None = None,
    seed: int = 0,
    num_classes: int | None = None,
    labels: PathLike | None = None,
    target: str | None = None,
    nms: str | None = None,
    input_dtype: str | None = None,
    output_dtype: str | None = None,
    image_size: SizeWish | str | None = None,
    threads: int = 2,
    recipe: str | None = None,
    max_drop: float | None = None,
    data: PathLike | None = None,
    check_data: PathLike | None = None,
    split: str | None = None,
    picture_range: PictureRange = None,
    strict: bool = False,
    parity_report: bool = True,
    training: TrainingOptions | None = None,
    command: Sequence[str] = (),
    overwrite: bool = False,
    listen: Listener | None = None,
) -> Conversion:
    """Convert trained detectors to self-describing model files.

    What `edge-edet convert` does; it needs the extra `convert`.

    Parameters
    ----------
    variants
        A network by its name ("d0", "lite2", ...) or a checkpoint, whose tensors show its network; or
        several.
    precisions
        One or several of "fp32", "fp16", "int8-dynamic" and "int8".
    output
        The folder for the files, which are named `VARIANT-PRECISION.SUFFIX`.
    formats
        One or several of "tflite", "openvino" and "onnx"; None: the first two, as far as they can hold
        what is asked for.
    weights
        "official" (see `edge-edet weights pull`), "bundled", "random", or a checkpoint of effdet,
        google/automl, zylo117 or the Object Detection API; None: official ones if pulled, else bundled.
    calibration
        For "int8": a folder of some 100 pictures like those that the model will see, or a record of
        `edge-edet calibrate`. The bundled weights need none.
    calibration_images
        How many pictures to draw from the folder; None: 200.
    seed
        Which pictures are drawn, and random weights.
    num_classes
        Of random weights.
    labels
        A file of class names; None: those of the checkpoint.
    target
        The program or accelerator that is to run the files, as `edge-edet targets` lists them: formats,
        nms and input_dtype are chosen for it, and what it wants beside the model is written. None: any.
    nms
        "none" (None), or "in-graph": boxes come out suppressed.
    input_dtype
        "uint8" (None) or "float32", RGB from 0 to 255 in both, or "int8", the same minus 128.
    output_dtype
        Of an INT8 .tflite without suppression: "int8" (None), "uint8" of the same steps, or "float32",
        dequantized in the graph.
    image_size
        Of the input in pixels: the side of a square, or (height, width), multiples of 32; or a text as
        `--image-size` has it, such as "512x384" (width x height), "16:9", or "auto", the commonest shape of
        the calibration pictures with a margin of padding. None: as trained.
    threads
        Of the interpreters that run the network while it is converted.
    recipe
        How the integers are chosen, by its name; None: each format's default.
    max_drop
        Search for the fastest INT8 model that loses at most so many AP points on `data`; 0.5 is 0.005 AP.
    data
        What `max_drop` and the parity report are measured on: labelled pictures (COCO, VOC, YOLO), or a
        folder of pictures, where agreement with the float model counts.
    check_data
        Labelled pictures on a dozen of which each model is tried; those of `data` are used anyway.
    split
        Of labelled pictures in VOC's or YOLO's format.
    picture_range
        How pictures of more than 8 bits are read, as `edge_edet.load` takes it.
    strict
        Raise for a bad picture of a folder instead of leaving it out.
    parity_report
        For "int8": compare with the float model on the pictures of `data`, else of `calibration`.
    training
        `edge_edet.converters.TrainingOptions`: how the detector was trained, where its checkpoint does
        not state it.
    command
        What the manifest states as the command.
    overwrite
        Replace also files that `convert` did not write before; never an input.
    listen
        Called with each `Note`, `SearchStep` and `FileWritten` as it happens.

    Returns
    -------
    Conversion
        The files with their facts and parity reports, and notes.

    Raises
    ------
    InputError
        For arguments and inputs that cannot be, before any work where that can be known.
    CheckpointError
        For a checkpoint that cannot be read or is of no known network.
    ImageError
        For a picture that cannot be read, where `strict`.
    MissingExtraError
        Where a package is missing.
    EdgeEdetError
        The base of all of these; itself where no model stays within `max_drop`.

    Examples
    --------
    >>> found = edge_edet.convert("d0", "int8", formats="tflite")  # doctest: +SKIP
    >>> edge_edet.load(found.paths[0]).detect("picture.jpg")  # doctest: +SKIP
    """
    names = [variants] if isinstance(variants, str | Path) else variants
    wanted = [precisions] if isinstance(precisions, str) else precisions
    if formats is not None:
        formats = parse_formats(formats if isinstance(formats, str) else ",".join(formats))
    chosen = choose(target, wanted, formats, nms, input_dtype, recipe, output_dtype)
    request = Request(
        variants=tuple(dict.fromkeys(_canonical(str(name)) for name in names)),
        precisions=tuple(dict.fromkeys(wanted)),
        output=Path(output),
        weights=None if weights is None else str(weights),
        calibration=_path(calibration),
        calibration_images=calibration_images,
        seed=seed,
        num_classes=num_classes,
        labels=_path(labels),
        nms=chosen.nms,
        input_dtype=chosen.input_dtype,
        output_dtype=output_dtype,
        image_size=read_size(image_size) if isinstance(image_size, str) else image_size,
        threads=threads,
        formats=chosen.formats,
        recipe=chosen.recipe,
        max_drop=max_drop,
        data=_path(data),
        check_data=_path(check_data),
        split=split,
        picture_range=picture_range,
        strict=strict,
        parity_report=parity_report,
        training=training,
        command=tuple(command),
        target=target,
        target_note=chosen.note,
        overwrite=overwrite,
    )
    try:
        return run(request, listen)
    except ImportError as error:
        missing = missing_extra(error, "convert")
        if missing is None:
            raise
        raise missing from None


def _path(given: PathLike | None) -> Path | None:
    return None if given is None else Path(given)


def _canonical(text: str) -> str:
    """Return a variant by its own name: D0 and efficientdet-d0 are one, and files stay as they are."""
    return canonical_name(text) if canonical_name(text) in VARIANTS else text
