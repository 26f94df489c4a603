"""The time of each stage of one `Detector.detect`, taken from outside while it runs as it always does."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from PIL import Image

from edge_edet.backends import Backend, BackendInfo, Tensors, TensorSpec
from edge_edet.pictures import read_picture

if TYPE_CHECKING:
    from edge_edet.detection import Detector

__all__ = ["Clock", "StageTimer"]

Clock = Callable[[], float]  # seconds


class StageTimer:
    """Times a detector's stages. It stands between the detector and its backend until `remove`."""

    def __init__(self, detector: Detector, clock: Clock = time.perf_counter):
        self._detector = detector
        self._clock = clock
        self._backend = _TimedBackend(detector.backend, clock)
        detector.backend = self._backend

    def __call__(self, encoded: bytes) -> dict[str, float]:
        """Stage -> ms of one picture, a JPEG or PNG. Raises as `detect` does."""
        start = self._clock()
        image = read_picture(Image.open(io.BytesIO(encoded))).image
        decoded = self._clock()
        self._detector.detect(image)
        end = self._clock()
        ran = self._backend
        seconds = {
            "decode": decoded - start,
            "preprocess": ran.entered - decoded + ran.filling,
            "inference": ran.left - ran.entered - ran.filling,
            "postprocess": end - ran.left,
            "end_to_end": end - start,
        }
        return {stage: value * 1e3 for stage, value in seconds.items()}

    def remove(self) -> None:
        self._detector.backend = self._backend.inner


class _TimedBackend:
    """A backend that notes when `run` was entered and left, and how long its input took to fill.

    The last step of preprocessing writes into the runtime's memory, within `run`.
    """

    def __init__(self, inner: Backend, clock: Clock):
        self.inner = inner
        self._clock = clock
        self.entered = self.left = self.filling = 0.0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.inner.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self.inner.outputs

    @property
    def info(self) -> BackendInfo:
        return self.inner.info

    def run(self, tensors: Tensors, *, copy: bool = True) -> dict[str, npt.NDArray[Any]]:
        self.filling = 0.0
        timed = {name: self._timed(given) for name, given in tensors.items()}
        self.entered = self._clock()
        outputs = self.inner.run(timed, copy=copy)
        self.left = self._clock()
        return outputs

    def _timed(self, given: Any) -> Any:
        if not callable(given):
            return given

        def fill(target: npt.NDArray[Any]) -> None:
            start = self._clock()
            given(target)
            self.filling += self._clock() - start

        return fill

    def close(self) -> None:
        self.inner.close()
