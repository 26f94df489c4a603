"""What a conversion is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.converters.facts import TrainingOptions
from edge_edet.converters.weights import SizeWish
from edge_edet.pictures import PictureRange

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """What to convert, into what; each field is an option of `edge-edet convert`.

    Attributes
    ----------
    variants
        Names of networks, or paths of checkpoints.
    precisions
        Of "fp32", "fp16", "int8-dynamic" and "int8".
    output
        The folder for the files.
    weights
        "official", "bundled", "random" or a checkpoint; None: official ones if pulled, else bundled.
    calibration, calibration_images
        A folder of pictures, or a record; how many pictures of the folder to draw, None: 200.
    seed
        Which pictures are drawn; also decides random weights.
    num_classes
        Of random weights.
    labels
        A file of class names.
    nms
        "none" or "in-graph".
    input_dtype
        "uint8" or "float32", of the same values 0 to 255, or "int8", the same minus 128.
    output_dtype
        "int8", "uint8" or "float32" of box codes and class logits; None: as the precision gives them.
    image_size
        Side of the input in pixels, (height, width), a ratio, or the shape of the calibration pictures; None:
        as trained.
    threads
        Of the interpreters that run the network here.
    formats
        Of "tflite", "openvino" and "onnx"; None: the default, as far as it goes.
    recipe
        How INT8 is chosen; None: each format's default.
    max_drop
        The most AP points that INT8 may lose, 100 = 1.0; None: no search.
    data, check_data
        What the budget and the parity report are measured on; labelled pictures on which each model is
        tried once it is written.
    split
        Of labelled pictures in VOC's or YOLO's format.
    picture_range
        How pictures are read, as `edge_edet.load` takes it.
    strict
        Whether one bad picture of a folder ends the conversion.
    parity_report
        Whether INT8 models are compared with their float models.
    training
        How the detector was trained, where its checkpoint does not state it.
    command
        The command line, for the manifest.
    target
        The consumer of the files, by its id; None: any.
    target_note
        What was chosen for it.
    overwrite
        Whether files that `convert` did not write may be replaced.
    """

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
    input_dtype: str = "uint8"
    output_dtype: str | None = None
    image_size: SizeWish | None = None
    threads: int = 2
    formats: Sequence[str] | None = None
    recipe: str | None = None
    max_drop: float | None = None
    data: Path | None = None
    check_data: Path | None = None
    split: str | None = None
    picture_range: PictureRange = None
    strict: bool = False
    parity_report: bool = True
    training: TrainingOptions | None = None
    command: Sequence[str] = ()
    target: str | None = None
    target_note: str | None = None
    overwrite: bool = False
