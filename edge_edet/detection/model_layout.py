"""Which of a model's tensors mean what: of ours by the manifest, of foreign ones by their graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.errors import InputError, ModelFileError
from edge_edet.foreign import InputOptions, read_foreign, stored_precision
from edge_edet.formats import ModelFile, described
from edge_edet.formats.tflite import TfliteModel
from edge_edet.manifest import Manifest, manifest_of
from edge_edet.variants import Variant

__all__ = ["ModelLayout", "layout_of"]

NOTHING_GIVEN = InputOptions()


@dataclass(frozen=True)
class ModelLayout:
    """How to feed a model and how to read it.

    Attributes
    ----------
    outputs
        Role ("boxes", "classes" and, where the graph suppresses, "scores" and "count") -> tensor name.
    variant
        None for a foreign detector.
    in_graph
        Whether the graph does non-maximum suppression itself.
    mean, std
        Red, green, blue on the 0-255 scale, where the input takes normalized values; else empty.
    fit, fit_reason
        "letterbox" or "stretch", and why.
    pad_rgb
        Colour beside a letterboxed picture.
    classes_per_box
        How many classes the graph returns for each box that it counts.
    resized
        Whether the runtime must set the input's size.
    notes
        What was assumed.
    num_classes
        None where the file does not state it.
    """

    precision: str
    input_name: str
    input_size: tuple[int, int]  # height, width
    input_dtype: str
    outputs: dict[str, str]
    labels: tuple[str | None, ...]
    variant: Variant | None
    manifest: Manifest | None
    in_graph: bool
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fit: str = "letterbox"
    fit_reason: str = "as the manifest says"
    pad_rgb: tuple[int, int, int] = (0, 0, 0)
    classes_per_box: int = 1
    resized: bool = False
    notes: tuple[str, ...] = ()
    num_classes: int | None = None

    @property
    def built_threshold(self) -> float | None:
        """The score threshold that the graph's own suppression was built with, None where it has none."""
        return self.manifest.score_threshold if self.manifest else None


def layout_of(model: ModelFile, options: InputOptions = NOTHING_GIVEN) -> ModelLayout:
    """Find out how to feed a model and how to read its outputs.

    Parameters
    ----------
    model
        A model file that was read.
    options
        What was given for a foreign detector, and labels for any.

    Returns
    -------
    ModelLayout
        From the manifest, or for a foreign .tflite from its graph and metadata.

    Raises
    ------
    ModelFileError
        The model is no detector known here; the message says what it is.
    InputError
        An option does not go with the model.
    """
    manifest = manifest_of(model)
    if manifest is None:
        if isinstance(model, TfliteModel):
            return _of_foreign(model, options)
        raise ModelFileError(
            f"{str(model.path)!r} is no detector that edge-edet can run: {described(model)}; "
            f"expected a manifest from 'edge-edet convert'"
        )
    _check_ours(model, options)
    labels = options.read_labels(manifest.variant.num_classes)
    return ModelLayout(
        precision=manifest.precision,
        input_name=manifest.input_name,
        input_size=manifest.variant.input_size,
        input_dtype=manifest.input_dtype,
        outputs=dict(manifest.outputs),
        labels=labels.names if labels else manifest.labels,
        num_classes=manifest.variant.num_classes,
        variant=manifest.variant,
        manifest=manifest,
        in_graph=manifest.nms == "in-graph",
        pad_rgb=manifest.variant.pad_rgb,
        notes=(f"labels: {labels.note}",) if labels and labels.note else (),
    )


def _of_foreign(model: TfliteModel, options: InputOptions) -> ModelLayout:
    found = read_foreign(model, options)
    normalization, size = found.normalization, found.size
    return ModelLayout(
        precision=stored_precision(model),
        input_name=found.image.name,
        input_size=size,
        input_dtype=found.image.dtype,
        outputs=found.outputs,
        labels=found.labels,
        num_classes=found.num_classes,
        variant=None,
        manifest=None,
        in_graph=True,
        mean=normalization.mean if normalization else (),
        std=normalization.std if normalization else (),
        fit=found.fit,
        fit_reason=found.fit_reason,
        pad_rgb=found.pad_rgb,
        classes_per_box=found.classes_per_box,
        resized=found.image.shape != (1, *size, 3),
        notes=found.notes,
    )


def _check_ours(model: ModelFile, options: InputOptions) -> None:
    given = [name for name in options.given() if name != "labels"]
    if given:
        options_text = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(
            f"{options_text} {'is' if len(given) == 1 else 'are'} for foreign detectors: "
            f"{str(model.path)!r} is from 'edge-edet convert', its manifest says how pictures fit "
            "and its graph normalizes them"
        )


def denormalized(
    layout: ModelLayout, model: str, values: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    """Make the input tensor of a normalized picture; see `Detector.denormalize`."""
    if layout.input_dtype != "float32":
        raise InputError(
            f"{model!r} takes {layout.input_dtype}, which holds no normalized picture: "
            "convert it with --input float32"
        )
    wanted = (1, *layout.input_size, 3)
    given = np.asarray(values)
    if given.shape != wanted or given.dtype.kind != "f":
        channels_first = given.shape == (1, 3, *layout.input_size)
        advice = "; channels come last: values.transpose(0, 2, 3, 1)" if channels_first else ""
        raise InputError(
            f"a normalized picture for {model!r} must be floats {list(wanted)}, but is "
            f"{given.dtype} {list(given.shape)}{advice}"
        )
    if layout.variant is None:
        return given.astype(np.float32)
    mean, std = (np.asarray(v, np.float64) for v in (layout.variant.mean, layout.variant.std))
    return np.asarray(given.astype(np.float64) * std + mean, np.float32)
