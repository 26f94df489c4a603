"""The pipeline: picture, input tensor, inference, detections."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_edet.arguments import as_path, check_kind, shown
from edge_edet.backends import (
    Backend,
    BackendInfo,
    Input,
    RunOptions,
    applies,
    check_options,
    open_backend,
    resolve_threads,
    run_apart,
)
from edge_edet.content_sum import check_content
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.detections import Detections
from edge_edet.detection.info import DetectorInfo, about
from edge_edet.detection.model_layout import ModelLayout, denormalized, layout_of
from edge_edet.detection.postprocess import (
    Found,
    PostprocessConfig,
    Quantized,
    from_graph,
    postprocess,
)
from edge_edet.detection.preprocess import Placement, letterbox, place, scale_to_fit, stretch
from edge_edet.detection.raw_outputs import Grid, RawOutputs
from edge_edet.errors import BackendError, InputError, ModelFileError
from edge_edet.files import read_whole
from edge_edet.foreign import InputOptions
from edge_edet.formats import ModelFile, read_model
from edge_edet.labels import class_names
from edge_edet.pictures import Given, ImageLike, PictureRange, check_range, read_picture, warn_of

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from edge_edet.manifest import Manifest

__all__ = ["Detector", "load"]

DEFAULT_SCORE_THRESHOLD = 0.3


class Detector:
    """A loaded model. May be shared by threads: inferences wait for each other.

    `detect` gives what `prepare`, `infer` and `select` in a row give, with fewer copies.
    """

    def __init__(
        self,
        model: ModelFile,
        layout: ModelLayout,
        backend: Backend,
        config: PostprocessConfig,
        picture_range: PictureRange = None,
        verified: bool | None = None,
    ):
        self.verified = verified
        self.model = model
        self.layout = layout
        self.backend = backend
        self.config = config
        self.picture_range = check_range(picture_range)
        self._lock = threading.Lock()
        self._anchors = anchors(layout.variant) if layout.variant and not layout.in_graph else None
        self._specs = {spec.name: spec for spec in (*backend.inputs, *backend.outputs)}
        missing = {layout.input_name, *layout.outputs.values()} - set(self._specs)
        if missing:
            raise BackendError(
                f"{backend.name} does not offer the tensors {sorted(missing)} of the model, "
                f"only {sorted(self._specs)}"
            )
        self._check_shapes()

    def _check_shapes(self) -> None:
        """The runtime works shapes out anew; they must still be those that the file states."""
        names = self.layout.outputs
        shapes = {role: self._specs[names[role]].shape for role in names}
        if self._anchors is not None:
            n, classes = len(self._anchors), self.layout.labels
            good = shapes == {"boxes": (1, n, 4), "classes": (1, n, len(classes))}
        else:
            k = shapes["scores"][-1:]  # rows: boxes, or boxes and their classes
            good = shapes == {
                "boxes": (1, *k, 4),
                "classes": (1, *k),
                "scores": (1, *k),
                "count": (1,),
            }
        if not good:
            raise ModelFileError(
                f"{self.backend.name} gives other shapes than {str(self.model.path)!r} states: "
                f"{', '.join(f'{role} {list(shape)}' for role, shape in shapes.items())}"
            )

    def __enter__(self) -> Detector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the runtime's memory; the detector cannot be used after."""
        with self._lock:
            self.backend.close()

    @property
    def manifest(self) -> Manifest | None:
        return self.layout.manifest

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Class names by class id, None where the id is unused."""
        return self.layout.labels

    @property
    def info(self) -> DetectorInfo:
        ran: BackendInfo = self.backend.info
        fields = ran.to_dict() | {"notes": (*self.layout.notes, *ran.notes)}
        variant = self.layout.variant
        return DetectorInfo(
            model_path=str(self.model.path),
            model_bytes=self.model.size_bytes,
            variant=variant.name if variant else None,
            precision=self.layout.precision,
            image_size=self.layout.input_size,
            fit=self.layout.fit,
            fit_reason=self.layout.fit_reason,
            pad_rgb=self.layout.pad_rgb,
            mean=self.layout.mean,
            std=self.layout.std,
            verified=self.verified,
            labels_count=len(self.layout.labels),
            nms="in-graph" if self.layout.in_graph else "none",
            postprocess=self.config,
            **fields,
        )

    def detect(self, image: ImageLike, *, config: PostprocessConfig | None = None) -> Detections:
        """The objects in a picture: a PIL image, a uint8 array [h, w, 3] in RGB, or a path.

        With a picture_range (see `load`) also an array [h, w] of more than 8 bits.
        config replaces the protocol for this call. Raises ImageError for a picture that cannot be
        used, BackendError where the runtime fails.
        """
        _check_config(config)
        given, placement = self._input(image)
        with self._lock:  # the outputs are views: read them before the next inference
            outputs = self.backend.run({self.layout.input_name: given}, copy=False)
            found = self._found(outputs, placement, config)
            del outputs
        return self._detections(found)

    def prepare(self, image: ImageLike) -> tuple[npt.NDArray[Any], Placement]:
        """The input tensor [1, h, w, 3] of a picture, and what takes boxes back to it."""
        picture = self._read(image)
        layout = self.layout
        if layout.fit == "letterbox":
            pixels, placement = letterbox(picture, layout.input_size, layout.pad_rgb)
        else:
            pixels, placement = stretch(picture, *layout.input_size)
        if layout.takes_pixels:
            return pixels.astype(layout.input_dtype, copy=False), placement
        mean, std = np.array(layout.mean, np.float32), np.array(layout.std, np.float32)
        real = (pixels.astype(np.float32) - mean) / std
        spec = self._specs[layout.input_name]
        if layout.input_dtype == "int8":
            quantized = np.rint(real / np.float32(spec.scale or 1)) + spec.zero_point
            return np.clip(quantized, -128, 127).astype(np.int8), placement
        return real, placement

    def _read(self, image: ImageLike) -> PilImage:
        """Upright, in a mode of its own; what should be known of it is a warning."""
        read = read_picture(image, self.picture_range)
        warn_of(read)
        return read.image

    def _input(self, image: ImageLike) -> tuple[Input, Placement]:
        """`prepare`, but the last step waits until there is the runtime's memory to write to."""
        layout = self.layout
        if layout.fit != "letterbox" or not layout.takes_pixels:
            return self.prepare(image)
        scaled, placement = scale_to_fit(self._read(image), layout.input_size)
        return functools.partial(place, scaled, layout.pad_rgb), placement

    def infer(self, tensor: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """The model's raw outputs by tensor name, copies, read to the end.

        tensor: as `prepare` gives it. Raises InputError for another shape or type.
        """
        spec = self._specs[self.layout.input_name]
        try:
            tensor = np.asarray(tensor)
        except ValueError:  # lists of different lengths
            check_kind(tensor, np.ndarray, "the input tensor", f"an array {list(spec.shape)}")
        if tensor.shape != spec.shape or tensor.dtype != spec.dtype:
            raise InputError(
                f"input {spec.name!r} must be {spec.dtype} {list(spec.shape)}, but is "
                f"{tensor.dtype} {list(tensor.shape)}"
            )
        with self._lock:
            return self.backend.run({self.layout.input_name: tensor}, copy=True)

    def raw(self, image: ImageLike) -> RawOutputs:
        """What the model says of a picture: `prepare` and `infer`, with all that is needed to read it.

        `select(raw.outputs, raw.placement)` gives the detections. Raises as `detect`.
        """
        return self.raw_of(*self.prepare(image))

    def raw_of(self, tensor: npt.NDArray[Any], placement: Placement | None = None) -> RawOutputs:
        """`raw` of a tensor that was prepared elsewhere, in the input's own type; raises as `infer`.

        A normalized picture goes through `denormalize` first.
        """
        tensor = np.asarray(tensor)
        outputs = self.infer(tensor)
        return RawOutputs(
            input_name=self.layout.input_name,
            input=tensor,
            outputs=outputs,
            grids={name: self._grid(name) for name in (self.layout.input_name, *outputs)},
            roles=dict(self.layout.outputs),
            anchors=self._anchors,
            placement=placement,
            about=self._about,
        )

    def denormalize(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """The input tensor for a picture [1, h, w, 3] that another program has normalized.

        values: (v - mean) / std of RGB from 0 to 255; ours get them times std plus mean, in float64,
        because the graph normalizes; a foreign model whose input is normalized gets them as they are.
        Raises InputError where the input does not hold floats.
        """
        return denormalized(self.layout, str(self.model.path), values)

    @functools.cached_property
    def _about(self) -> Mapping[str, Any]:
        return about(self.info, self.layout)

    def _grid(self, name: str) -> Grid | None:
        spec = self._specs[name]
        return None if spec.scale is None else Grid(spec.scale, spec.zero_point)

    def select(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        placement: Placement,
        *,
        config: PostprocessConfig | None = None,
    ) -> Detections:
        """Detections from raw outputs, as `infer` gives them, of a picture that was placed so.

        Raises InputError where an output is missing, or of another shape or type.
        """
        _check_config(config)
        check_kind(placement, Placement, "placement", "what prepare gives beside the tensor")
        self._check_outputs(outputs)
        return self._detections(self._found(outputs, placement, config))

    def _check_outputs(self, outputs: Mapping[str, npt.NDArray[Any]]) -> None:
        names = self.layout.outputs.values()
        if not isinstance(outputs, Mapping) or not set(names) <= set(outputs):
            given = sorted(map(str, outputs)) if isinstance(outputs, Mapping) else shown(outputs)
            raise InputError(
                f"outputs must be a mapping with the arrays {sorted(names)}, as infer gives them, "
                f"but got {given}"
            )
        for name in names:
            spec, array = self._specs[name], outputs[name]
            check_kind(array, np.ndarray, f"output {name!r}", f"an array {list(spec.shape)}")
            if array.shape != spec.shape or array.dtype != spec.dtype:
                raise InputError(
                    f"output {name!r} must be {spec.dtype} {list(spec.shape)}, but is {array.dtype} "
                    f"{list(array.shape)}"
                )

    def _found(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        placement: Placement,
        config: PostprocessConfig | None,
    ) -> Found:
        config = config or self.config
        names = self.layout.outputs
        if self.layout.in_graph:
            _check_in_graph(config, self.manifest)
            boxes, classes, scores = (
                outputs[names[role]][0].astype(np.float32)
                for role in ("boxes", "classes", "scores")
            )
            count = float(outputs[names["count"]][0]) * self.layout.classes_per_box
            self._check_groups(boxes, int(count))
            size = self.layout.input_size
            return from_graph(boxes, classes, scores, count, size, placement, config)
        assert self._anchors is not None
        return postprocess(
            self._raw(outputs, names["boxes"]),
            self._raw(outputs, names["classes"]),
            self._anchors,
            placement,
            config,
        )

    def _check_groups(self, boxes: npt.NDArray[Any], rows: int) -> None:
        """The rows of one box lie together in ai-edge-litert 2.3; older runtimes left holes
        between them (tensorflow issue 47551)."""
        size = self.layout.classes_per_box
        if size == 1 or not 0 < rows <= len(boxes):
            return
        groups = boxes[: rows // size * size].reshape(-1, size, 4)
        if not (groups == groups[:, :1]).all():
            raise BackendError(
                f"{self.backend.name} {self.backend.info.runtime_version} does not write the "
                f"{size} classes of a box side by side, as later ones do: update it"
            )

    def _raw(self, outputs: Mapping[str, npt.NDArray[Any]], name: str) -> Quantized:
        spec = self._specs[name]
        if spec.dtype == "float32":
            return Quantized(outputs[name])
        return Quantized(outputs[name], spec.scale, spec.zero_point)

    def _detections(self, found: Found) -> Detections:
        names = class_names(self.layout.labels, found.classes.tolist())
        return Detections(found.boxes, found.scores, found.classes, names)


def load(
    path: str | Path,
    *,
    threads: int | None = None,
    runtime: str | None = None,
    device: str | None = None,
    precision: str | None = None,
    cache_dir: str | Path | None = None,
    delegate: str | None = None,
    delegate_options: Mapping[str, str] | None = None,
    score_threshold: float | None = None,
    config: PostprocessConfig | None = None,
    picture_range: PictureRange = None,
    labels: str | Path | Sequence[str | None] | None = None,
    mean: Given | None = None,
    std: Given | None = None,
    fit: str | None = None,
    pad: int | str | Sequence[int] | None = None,
    input_size: int | str | Sequence[int] | None = None,
    verify: bool = True,
    isolate: bool | None = False,
) -> Detector:
    """A detector from a model file: .tflite by LiteRT, .xml by OpenVINO, .onnx by onnxruntime.

    threads: None takes the physical cores that the process may use, at most 4. runtime: for a
    .tflite "ai-edge-litert", "tflite-runtime" or "tensorflow", None takes the first installed one;
    an .onnx also runs in "openvino". score_threshold: None is 0.3, or what the model's own
    suppression was built with where that is higher. config: the whole protocol instead.

    device, of OpenVINO: "CPU" (as None), "GPU", "NPU", one of several as "GPU.1", or "AUTO", and
    `info` says what was taken; of onnxruntime: "CPU", "GPU" (CUDA), or a provider's own name.
    precision, of OpenVINO: what computes that is not integer. "f32", "bf16", "f16", or "default",
    which is the device's choice; None is "default" for an INT8 model, else "f32". cache_dir, of
    OpenVINO: compiled models are kept there.

    delegate, of LiteRT: None leaves the runtime's default (`info` says what it was), with XNNPACK's
    8-bit kernels where tflite-runtime leaves them off; "none" turns delegates off, "xnnpack",
    "gpu", "edgetpu", or the path of a delegate library, which gets delegate_options. "gpu"
    computes in float32, an INT8 model too; an fp16 model in float16 where the GPU can.

    picture_range: which values are black and white in grey pictures of more than 8 bits: (low, high),
    or "auto", each picture's 0.1 and 99.9 percentiles. None keeps the upper 8 of 16 bits, and warns
    with PictureWarning where that is nearly black.

    labels: a label file, or the names by class, instead of the model's own. The rest is for foreign
    detectors, whose files do not tell all: mean and std of an input that is float or int8, on the
    0-255 scale, as one number, three or their text; fit "letterbox" or "stretch", None is
    letterbox where the file says EfficientDet; pad, the colour beside a letterboxed picture, None
    is the mean; input_size, of an input of free size, (height, width) or the side of a square.
    `info` says what was taken and, in its notes, what was assumed.

    verify: hold a file of ours against the sum over graph and weights that its manifest states;
    `info.verified` is None for files without one, foreign ones and ours from before it.

    isolate: load and run the model once in a process of its own first, so that a file on which the
    runtime ends its process (by a signal, or after 120 s) is a BackendError here. None does it for
    files that are not verified, on the processor, as the commands do. It costs about a second.

    Raises ModelFileError for a file that is no usable model, or was changed after it was converted,
    MissingExtraError without a runtime,
    InputError for an option that its runtime does not have, BackendError where a delegate does not
    load, a device is not there or computes in another precision: nothing steps in for it.
    """
    _check_config(config)
    if config is not None and score_threshold is not None:
        raise InputError("give score_threshold or config, not both: config has one")
    picture_range = check_range(picture_range)
    count = resolve_threads(threads)
    options = RunOptions(runtime, device, precision, cache_dir, delegate, delegate_options)
    given = InputOptions(mean, std, labels, fit, pad, input_size)

    def opened() -> Detector:
        return _opened(
            read_model(path),
            options,
            given,
            count,
            config,
            score_threshold,
            picture_range,
            verify,
            isolate,
        )

    return read_whole(
        as_path(path, "the model's path"), opened
    )  # an IR's two files may be switched meanwhile


def _opened(
    model: ModelFile,
    options: RunOptions,
    given: InputOptions,
    threads: int,
    config: PostprocessConfig | None,
    score_threshold: float | None,
    picture_range: PictureRange,
    verify: bool,
    isolate: bool | None,
) -> Detector:
    check_options(model, options)
    layout = layout_of(model, given)
    verified = check_content(model, layout.manifest) if verify else False
    chosen = config or _config(layout, score_threshold)
    if layout.in_graph:
        _check_in_graph(chosen, layout.manifest)
    shapes = {layout.input_name: (1, *layout.input_size, 3)} if layout.resized else None
    if applies(isolate, verified, options):
        run_apart(model, options, threads=threads, stored=layout.precision, input_shapes=shapes)
    backend = open_backend(
        model, options, threads=threads, stored=layout.precision, input_shapes=shapes
    )
    return Detector(model, layout, backend, chosen, picture_range, verified)


def _check_config(config: PostprocessConfig | None) -> None:
    check_kind(config, PostprocessConfig, "config", "a PostprocessConfig", none=True)


def _config(layout: ModelLayout, score_threshold: float | None) -> PostprocessConfig:
    built = (layout.manifest.score_threshold or 0.0) if layout.manifest else 0.0
    default = max(DEFAULT_SCORE_THRESHOLD, built)
    return PostprocessConfig(
        score_threshold=default if score_threshold is None else score_threshold
    )


def _check_in_graph(config: PostprocessConfig, manifest: Manifest | None) -> None:
    """The graph has suppressed already: what was built in cannot be loosened."""
    built = manifest.score_threshold if manifest else None
    if built is not None and config.score_threshold < built:
        raise InputError(
            f"score_threshold {config.score_threshold:g} is below {built:g}, which this model's "
            "own suppression was built with: use a model converted with --nms none"
        )


def require_manifest(detector: Detector) -> Manifest:
    """The manifest of a model that must be one of ours."""
    if detector.manifest is None:
        raise ModelFileError(f"{str(detector.model.path)!r} has no manifest of edge-edet")
    return detector.manifest
