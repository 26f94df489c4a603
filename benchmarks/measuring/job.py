"""One row that is to be measured: known before anything runs, and sent to the measuring process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.rows import DeviceName, ModelFacts, RequestedConfig, row_key
from edge_edet.detection import PostprocessConfig
from edge_edet.errors import InputError

__all__ = ["BUNDLED_PICTURE", "PROTOCOL", "Job", "load_options"]

PROTOCOL = "edge-edet bench"
PROTOCOL_VERSION = 1
BUNDLED_PICTURE = Path(__file__).with_name("bench_picture.jpg")


@dataclass(frozen=True)
class Job:
    """model: its path. pictures: paths of JPEG or PNG files, taken in turns."""

    model: str
    facts: ModelFacts
    asked: RequestedConfig
    device: DeviceName
    rule: StopRule
    pictures: tuple[str, ...]
    pictures_sha256: str
    score_threshold: float
    sustain_s: float | None
    verify: bool = True  # hold the model against the sum in its manifest

    @property
    def name(self) -> str:
        """For people: the file and what sets it apart from its neighbours."""
        asked = self.asked
        words = [asked.runtime, asked.delegate, asked.device_type, asked.precision]
        if asked.threads is not None:
            words.append(f"{asked.threads} thread{'s' * (asked.threads != 1)}")
        if asked.streams > 1:
            words.append(f"{asked.streams} streams")
        return ", ".join([Path(self.model).name, *(word for word in words if word)])

    def postprocess(self) -> PostprocessConfig:
        return PostprocessConfig(score_threshold=self.score_threshold)

    def protocol(self) -> dict[str, Any]:
        """What must agree before two rows are compared."""
        return {
            "name": PROTOCOL,
            "version": PROTOCOL_VERSION,
            **self.rule.to_dict(),
            "pictures": len(self.pictures),
            "pictures_sha256": self.pictures_sha256,
            "postprocess": self.postprocess().to_dict(),
            "sustain_s": self.sustain_s,
        }

    @property
    def key(self) -> str:
        return row_key(self.facts.sha256, self.asked, self.device, self.protocol())


def load_options(model: str, asked: RequestedConfig) -> dict[str, Any]:
    """For `edge_edet.load`. A .tflite reaches a GPU through its delegate.

    Raises InputError for a device type that the format cannot be asked for.
    """
    options: dict[str, Any] = {
        "runtime": asked.runtime,
        "delegate": asked.delegate,
        "delegate_options": asked.delegate_options or None,
        "device": asked.device_type,
        "precision": asked.precision,
        "threads": asked.threads,
    }
    kind = (asked.device_type or "").upper()
    if not model.lower().endswith(".tflite") or not kind:
        return options
    options["device"] = None
    if kind == "GPU" and asked.delegate in (None, "gpu"):
        return {**options, "delegate": "gpu"}
    if kind == "CPU" and asked.delegate in (None, "none", "xnnpack"):
        return options
    raise InputError(
        f"--device {asked.device_type} does not go with {Path(model).name!r}"
        f"{f' and --delegate {asked.delegate}' if asked.delegate else ''}: a .tflite runs on CPU or "
        "GPU, anything else is a --delegate"
    )
