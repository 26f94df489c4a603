"""What is loaded, and what it really runs on."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_edet.backends import BackendInfo
from edge_edet.detection.model_layout import ModelLayout
from edge_edet.detection.postprocess import PostprocessConfig
from edge_edet.formats import ModelFile, sha256_of

__all__ = ["DetectorInfo", "PaddingAverage", "about", "info_of", "padding_note"]

MUCH_PADDING = 0.2  # share of the input, from which on it is worth a word


class PaddingAverage:
    """The mean share of the input that lay beside the picture; threads may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum, self._count = 0.0, 0

    def add(self, share: float) -> None:
        """Add the share of one picture, 0 to 1."""
        with self._lock:
            self._sum, self._count = self._sum + share, self._count + 1

    @property
    def mean(self) -> float | None:
        """The mean; None before the first picture."""
        with self._lock:
            return self._sum / self._count if self._count else None


def padding_note(mean: float | None, variant: str | None) -> str:
    """Return what to say of a mean share of padding; empty up to a fifth, and where it is unknown.

    Nothing is said of a foreign detector: its input cannot be converted to another size here.

    Parameters
    ----------
    mean
        Share of the input, 0 to 1; None: unknown.
    variant
        Of the model; None: a foreign detector.

    Returns
    -------
    str
        The note.
    """
    if variant is None or mean is None or mean <= MUCH_PADDING:
        return ""
    return (
        f"on average {mean:.0%} of the input is padding: 'edge-edet convert --image-size auto "
        "--calibration PICTURES' makes an input of the pictures' shape, which is faster"
    )


@dataclass(frozen=True)
class DetectorInfo:
    """What is loaded and what it really runs on, read back from the runtime.

    Attributes
    ----------
    model_path
        The file that was given.
    model_bytes
        Of all its files.
    variant
        None: a foreign detector.
    precision
        Of the file: fp32, fp16, int8, int8-dynamic.
    image_size
        Height, width of the input.
    fit
        "letterbox": aspect kept, padded right and below; "stretch".
    fit_reason
        Where `fit` comes from.
    pad_rgb
        Beside a letterboxed picture.
    mean
        Of the pictures that the input takes; (): the graph normalizes.
    std
        Of the pictures, as `mean`.
    labels_count
        Number of named classes.
    verified
        Its sum was right; None: it states none; False: not looked at.
    notes
        What was assumed or read otherwise, or runs slower than it could.
    nms
        "none": suppressed here; "in-graph": in the model.
    runtime
        Its name.
    runtime_version
        The installed version.
    delegate
        "none", "xnnpack", "gpu", "edgetpu" or the library's path.
    delegated_operators
        None: the runtime does not report it.
    total_operators
        Operators of the model file.
    partitions
        Parts of the graph that the delegate took; None: not reported.
    threads
        Of the CPU; None: the delegate or the device decides.
    device
        Its own name; None: the CPU, or unknown.
    execution_devices
        As the runtime calls them.
    inference_precision
        "f32", "bf16", "f16": of what is not integer.
    streams
        Inferences that may run at a time; None: not reported.
    layers
        Precision -> layers that ran in it, as OpenVINO reports.
    postprocess
        Thresholds and limits of the detections.
    """

    model_path: str
    model_bytes: int  # of all its files
    variant: str | None  # None: a foreign detector
    precision: str
    image_size: tuple[int, int]  # height, width of the input
    fit: str  # "letterbox": aspect kept, padded right and below; "stretch"
    fit_reason: str
    pad_rgb: tuple[int, int, int]  # beside a letterboxed picture
    mean: tuple[float, ...]  # of the pictures that the input takes; (): the graph normalizes
    std: tuple[float, ...]
    labels_count: int
    verified: bool | None  # its sum was right; None: it states none; False: not looked at
    notes: tuple[str, ...]  # what was assumed or read otherwise, or runs slower than it could
    padding: (
        float | None
    )  # share of the input beside the pictures so far, mean; None: no picture yet
    nms: str  # "none": suppressed here; "in-graph": in the model
    runtime: str
    runtime_version: str
    delegate: str
    delegated_operators: int | None  # None: the runtime does not report it
    total_operators: int
    partitions: int | None
    threads: int | None
    device: str | None  # its own name; None: the CPU, or unknown
    execution_devices: tuple[str, ...]  # as the runtime calls them
    inference_precision: str | None  # "f32", "bf16", "f16": of what is not integer
    streams: int | None
    layers: Mapping[str, int] | None  # precision -> layers that ran in it, as OpenVINO reports
    postprocess: PostprocessConfig

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict, keys as the fields.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        return dataclasses.asdict(self) | {"postprocess": self.postprocess.to_dict()}


def info_of(
    model: ModelFile,
    layout: ModelLayout,
    ran: BackendInfo,
    config: PostprocessConfig,
    verified: bool | None,
    padding: float | None,
) -> DetectorInfo:
    """Put together what the file states, what was assumed, what the runtime reports, and the padding."""
    variant = layout.variant
    notes = (*layout.notes, *ran.notes, padding_note(padding, variant.name if variant else None))
    return DetectorInfo(
        model_path=str(model.path),
        model_bytes=model.size_bytes,
        variant=variant.name if variant else None,
        precision=layout.precision,
        image_size=layout.input_size,
        fit=layout.fit,
        fit_reason=layout.fit_reason,
        pad_rgb=layout.pad_rgb,
        mean=layout.mean,
        std=layout.std,
        verified=verified,
        labels_count=len(layout.labels),
        nms="in-graph" if layout.in_graph else "none",
        postprocess=config,
        padding=padding,
        **ran.to_dict() | {"notes": tuple(filter(None, notes))},
    )


def about(info: DetectorInfo, layout: ModelLayout) -> dict[str, Any]:
    """Describe the model, its runtime and how its input is made, JSON-ready, as docs/raw.md specifies."""
    mean, std = layout.mean, layout.std
    if layout.variant is not None and not mean:  # its graph normalizes
        mean, std = layout.variant.mean, layout.variant.std
    return {
        "model": {
            "path": info.model_path,
            "sha256": sha256_of(info.model_path),
            "variant": info.variant,
            "precision": info.precision,
        },
        "runtime": {
            "name": info.runtime,
            "version": info.runtime_version,
            "delegate": info.delegate,
            "execution_devices": list(info.execution_devices),
            "inference_precision": info.inference_precision,
            "threads": info.threads,
        },
        "input": {
            "normalized": bool(layout.mean),
            "mean": list(mean) or None,
            "std": list(std) or None,
            "fit": info.fit,
            "pad_rgb": list(info.pad_rgb),
        },
    }
