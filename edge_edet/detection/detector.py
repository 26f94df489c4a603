"""The detector: a picture is prepared, inferred on, and its detections are selected."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_edet.arguments import check_kind, shown
from edge_edet.backends import Backend
from edge_edet.detection.anchor_boxes import anchors
from edge_edet.detection.detections import Detections
from edge_edet.detection.info import DetectorInfo, PaddingAverage, about, info_of
from edge_edet.detection.model_layout import ModelLayout, denormalized
from edge_edet.detection.postprocess import (
    Found,
    PostprocessConfig,
    QuantizedTensor,
    check_config,
    check_in_graph,
    from_graph,
    from_rows,
    postprocess,
)
from edge_edet.detection.preprocess import LetterboxTransform, Preprocessing
from edge_edet.detection.raw_outputs import Grid, RawOutputs
from edge_edet.detection.tensor_checks import (
    as_input,
    check_classes_together,
    check_outputs,
    check_runtime,
)
from edge_edet.detection.working_ahead import ahead
from edge_edet.errors import InputError
from edge_edet.formats import ModelFile
from edge_edet.labels import class_names
from edge_edet.manifest import ROWS
from edge_edet.pictures import (
    DECODES,
    Finding,
    ImageLike,
    PictureRange,
    ReadPicture,
    check_decode,
    check_range,
    read_picture,
    warn_of,
)

if TYPE_CHECKING:
    from edge_edet.manifest import Manifest

__all__ = ["Detector", "Observer", "Stage"]

Array: TypeAlias = npt.NDArray[Any]
# decode: the picture is read and upright; preprocess: the input tensor is filled; inference: the model
# has run; postprocess: the detections are there
Stage: TypeAlias = Literal["decode", "preprocess", "inference", "postprocess"]
Findings: TypeAlias = tuple[Finding, ...]
Observer: TypeAlias = Callable[[Stage], None]


def _nobody(stage: Stage) -> None: ...


class Detector:
    """A loaded model. Threads may share it: they decode and resize at the same time, inferences wait.

    `prepare`, `infer` and `select` are the steps of `detect`, which writes the input into the runtime's
    memory and reads the outputs there, instead of handing out arrays.

    Parameters
    ----------
    model
        The summary of the file.
    layout
        What its inputs and outputs are.
    backend
        The loaded model.
    config
        Thresholds and limits of the detections.
    picture_range
        Which values of a picture are black and white; None: uint8's.
    verified
        Whether the sum of the file was right; None: it states none; False: not looked at.
    """

    def __init__(
        self,
        model: ModelFile,
        layout: ModelLayout,
        backend: Backend,
        config: PostprocessConfig,
        picture_range: PictureRange = None,
        verified: bool | None = None,
        decode: str = DECODES[0],
    ):
        self.verified = verified
        self.model = model
        self.layout = layout
        self.backend = backend
        self.config = config
        self.picture_range = check_range(picture_range)
        self.decode = check_decode(decode)
        self._lock = threading.Lock()
        self._padding = PaddingAverage()
        self._anchors = anchors(layout.variant) if layout.variant and not layout.in_graph else None
        num_anchors = None if self._anchors is None else len(self._anchors)
        self._specs = check_runtime(backend, layout, str(model.path), num_anchors)
        image = self._specs[layout.input_name]
        self._preprocessing = Preprocessing(
            layout.input_size,
            layout.fit,
            layout.pad_rgb,
            layout.mean,
            layout.std,
            image.scale,
            image.zero_point,
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
        """Free the runtime's memory; the detector cannot be used afterwards."""
        with self._lock:
            self.backend.close()

    @property
    def manifest(self) -> Manifest | None:
        """The model's manifest, None for a foreign detector."""
        return self.layout.manifest

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Class names by class id, None where the id is unused."""
        return self.layout.labels

    @property
    def info(self) -> DetectorInfo:
        """What is loaded and what it runs on, as the runtime reports it."""
        padding = self._padding.mean
        return info_of(
            self.model, self.layout, self.backend.info, self.config, self.verified, padding
        )

    def detect(
        self,
        image: ImageLike,
        *,
        config: PostprocessConfig | None = None,
        observer: Observer | None = None,
    ) -> Detections:
        """Find the objects in a picture.

        Parameters
        ----------
        image
            A PIL image, a uint8 array [h, w, 3] in RGB, or the path of a picture; with a picture_range (see
            `load`) also an array [h, w] of more than 8 bits.
        config
            Replaces the detector's own postprocessing for this call.
        observer
            Called with "decode", "preprocess", "inference" and "postprocess" as each of these stages ends, in
            the calling thread, for example to time them; it must not use the detector. "preprocess" includes
            the wait for another thread's inference.

        Returns
        -------
        Detections
            Boxes in pixels of the upright picture, best first.

        Raises
        ------
        ImageError
            The picture cannot be used.
        BackendError
            The runtime fails, or the detector is closed.
        """
        if config is not None:
            check_config(config)
        ended = observer or _nobody
        picture = self.read(image)
        warn_of(picture.findings)
        ended("decode")
        resized, placement = self._preprocessing.resize(picture.image, picture.size)
        with self._lock:  # the outputs are views, to be dropped before the next inference
            self._preprocessing.write(resized, self._input_memory())
            ended("preprocess")
            outputs = self.backend.run()
            ended("inference")
            found = self._select(outputs, placement, config)
            del outputs
        detections = self._named(found)
        ended("postprocess")
        return detections

    def detect_many(
        self, images: Iterable[ImageLike], *, config: PostprocessConfig | None = None
    ) -> Generator[Detections, None, None]:
        """Find the objects in many pictures, each prepared while the one before is inferred on.

        With a second core this takes hardly longer than the bare inferences. The loop's own work is done
        meanwhile as well.

        Parameters
        ----------
        images
            Paths, PIL images and arrays as `detect` takes them, also of different sizes. It is iterated in a
            thread, at most four pictures ahead of the one whose detections were yielded last. A picture is
            prepared before the next one is asked for, so an array may be used again.
        config
            Replaces the detector's own postprocessing.

        Yields
        ------
        Detections
            Of each picture in order. What `images` raises, and the error of a picture that cannot be used, is
            raised in its turn, after the detections of the pictures before, and ends the generator. Closing
            it stops the threads; a generator given as `images` is then closed too.

        Raises
        ------
        InputError
            `images` is a single picture, or nothing that can be iterated.
        ImageError
            A picture cannot be used.
        BackendError
            The runtime fails, or the detector is closed.
        """
        check_config(config)
        pixels = isinstance(images, np.ndarray) and images.dtype != object and images.ndim < 4
        path = isinstance(images, (str, bytes, os.PathLike))
        if pixels or path or not isinstance(images, Iterable):
            raise InputError(
                f"detect_many takes several pictures, such as a list of paths, but got {shown(images)}: "
                "give one picture to detect"
            )
        return self._detect_many(images, config)

    def _detect_many(
        self, images: Iterable[ImageLike], config: PostprocessConfig | None
    ) -> Generator[Detections, None, None]:
        def prepared(image: ImageLike) -> tuple[Array, LetterboxTransform, Findings]:
            picture = self.read(image)
            return *self.prepare(picture), picture.findings

        def inferred(
            ready: tuple[Array, LetterboxTransform, Findings],
        ) -> tuple[dict[str, Array], LetterboxTransform, Findings]:
            tensor, placement, findings = ready
            return self.infer(tensor), placement, findings

        results = ahead(images, prepared, inferred)
        try:
            for outputs, placement, findings in results:
                warn_of(findings)  # here: filters of warnings are not for threads
                yield self.select(outputs, placement, config=config)
        finally:
            results.close()

    def read(self, image: ImageLike) -> ReadPicture:
        """Read a picture as `detect` does, by the detector's `picture_range` and `decode`.

        Parameters
        ----------
        image
            As in `detect`.

        Returns
        -------
        ReadPicture
            The upright picture, its size, and what is worth knowing of it.

        Raises
        ------
        ImageError
            The picture cannot be used.
        """
        needed = self._preprocessing.needed if self.decode == "scaled" else None
        return read_picture(image, self.picture_range, needed)

    def prepare(self, image: ImageLike | ReadPicture) -> tuple[Array, LetterboxTransform]:
        """Make the input tensor of a picture.

        Parameters
        ----------
        image
            As in `detect`, or what `read` returned.

        Returns
        -------
        tensor
            [1, height, width, 3] RGB, in the type and normalization that the model takes.
        placement
            What takes boxes back to the picture.

        Raises
        ------
        ImageError
            The picture cannot be used.
        """
        if not isinstance(image, ReadPicture):
            image = self.read(image)
            warn_of(image.findings)
        return self._tensor(image)

    def _tensor(self, picture: ReadPicture) -> tuple[Array, LetterboxTransform]:
        resized, placement = self._preprocessing.resize(picture.image, picture.size)
        spec = self._specs[self.layout.input_name]
        tensor = np.empty(spec.shape, spec.dtype)
        self._preprocessing.write(resized, tensor)
        return tensor, placement

    def infer(self, tensor: Array) -> dict[str, Array]:
        """Run the model on an input tensor.

        Parameters
        ----------
        tensor
            [1, height, width, 3], as `prepare` makes it.

        Returns
        -------
        dict
            Tensor name -> raw output, a copy.

        Raises
        ------
        InputError
            The tensor has another shape or type.
        BackendError
            The runtime fails, or the detector is closed.
        """
        array = as_input(tensor, self._specs[self.layout.input_name])
        with self._lock:
            self._input_memory()[...] = array
            return {name: np.array(output) for name, output in self.backend.run().items()}

    def select(
        self,
        outputs: Mapping[str, Array],
        placement: LetterboxTransform,
        *,
        config: PostprocessConfig | None = None,
    ) -> Detections:
        """Turn raw outputs into detections.

        Parameters
        ----------
        outputs
            Tensor name -> raw output, as `infer` returns them.
        placement
            As `prepare` returned it with the tensor.
        config
            Replaces the detector's own postprocessing for this call.

        Returns
        -------
        Detections
            Boxes in pixels of the picture, best first.

        Raises
        ------
        InputError
            An output is missing, or has another shape or type.
        """
        check_config(config)
        check_kind(
            placement, LetterboxTransform, "placement", "what prepare gives beside the tensor"
        )
        check_outputs(outputs, [self._specs[name] for name in self.layout.outputs.values()])
        return self._named(self._select(outputs, placement, config))

    def raw(self, image: ImageLike) -> RawOutputs:
        """Return the model's raw outputs for a picture, with all that is needed to read them.

        `prepare` and `infer` in one; `select(raw.outputs, raw.placement)` gives the detections. Raises as
        `detect`.

        Parameters
        ----------
        image
            A path, a PIL image, or a uint8 array [height, width, 3] in RGB.

        Returns
        -------
        RawOutputs
            Outputs by name, and how the picture lies in the input.

        Raises
        ------
        ImageError
            As by `detect`.
        BackendError
            As by `detect`.
        """
        return self.raw_of(*self.prepare(image))

    def raw_of(self, tensor: Array, placement: LetterboxTransform | None = None) -> RawOutputs:
        """Return the raw outputs for a tensor that was prepared elsewhere.

        Parameters
        ----------
        tensor
            [1, height, width, 3] in the input's own type. A picture that was normalized elsewhere goes
            through `denormalize` first.
        placement
            Kept with the outputs; None where it is not known.

        Returns
        -------
        RawOutputs
            The tensor, the outputs, and how to read them.

        Raises
        ------
        InputError
            The tensor has another shape or type.
        BackendError
            The runtime fails, or the detector is closed.
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
        """Make the input tensor of a picture that another program has normalized.

        Parameters
        ----------
        values
            [1, height, width, 3] floats, (v - mean) / std of RGB from 0 to 255.

        Returns
        -------
        array
            [1, height, width, 3] float32. For a model of ours values * std + mean, computed in float64,
            because its graph normalizes; for a foreign model with a normalized input the values themselves.

        Raises
        ------
        InputError
            The model's input does not hold floats, or the values have another shape.
        """
        return denormalized(self.layout, str(self.model.path), values)

    def _input_memory(self) -> Array:
        return self.backend.input_memory(self.layout.input_name)

    def _select(
        self,
        outputs: Mapping[str, Array],
        placement: LetterboxTransform,
        config: PostprocessConfig | None,
    ) -> Found:
        """Return what is kept of the outputs, in arrays of its own."""
        self._padding.add(placement.padding(self.layout.input_size))
        config = config or self.config
        layout = self.layout
        if self._anchors is not None:
            boxes, logits = (self._quantized(outputs, role) for role in ("boxes", "classes"))
            return postprocess(boxes, logits, self._anchors, placement, config)
        check_in_graph(config, layout.built_threshold)
        if ROWS in layout.outputs:
            rows = outputs[layout.outputs[ROWS]][0, 0].astype(np.float32)
            return from_rows(rows, layout.input_size, placement, config)
        corners, classes, scores = (
            outputs[layout.outputs[role]][0].astype(np.float32)
            for role in ("boxes", "classes", "scores")
        )
        count = float(outputs[layout.outputs["count"]][0]) * layout.classes_per_box
        check_classes_together(corners, int(count), layout.classes_per_box, self.backend)
        return from_graph(corners, classes, scores, count, layout.input_size, placement, config)

    def _quantized(self, outputs: Mapping[str, Array], role: str) -> QuantizedTensor:
        spec = self._specs[self.layout.outputs[role]]
        if spec.dtype == "float32":
            return QuantizedTensor(outputs[spec.name])
        return QuantizedTensor(outputs[spec.name], spec.scale, spec.zero_point)

    def _named(self, found: Found) -> Detections:
        names = class_names(self.layout.labels, found.classes.tolist())
        return Detections(found.boxes, found.scores, found.classes, names)

    def _grid(self, name: str) -> Grid | None:
        spec = self._specs[name]
        return None if spec.scale is None else Grid(spec.scale, spec.zero_point)

    @functools.cached_property
    def _about(self) -> Mapping[str, Any]:
        return about(self.info, self.layout)
