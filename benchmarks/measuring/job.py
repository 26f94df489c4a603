"""One row that is to be measured: known before anything runs, and sent to the measuring process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.rows import DeviceName, ModelFacts, RequestedConfig, row_key
from edge_edet.detection import PostprocessConfig
from edge_edet.errors import InputError
from edge_edet.pictures import parse_range

__all__ = [
    "BUNDLED_PICTURE",
    "PROTOCOL",
    "Job",
    "input_load_options",
    "load_options",
]

PROTOCOL = "edge-edet bench"
PROTOCOL_VERSION = 1
BUNDLED_PICTURE = Path(__file__).with_name("bench_picture.jpg")


@dataclass(frozen=True)
class Job:
    """One row before it is measured: all that its key depends on.

    Attributes
    ----------
    model
        Path of the model file.
    facts
        What the row says of it.
    asked
        How it is to run.
    device
        The machine, as the row names it.
    rule
        When sampling ends.
    pictures
        Paths of JPEG or PNG files, taken in turns.
    pictures_sha256
        Their `pictures_digest`.
    score_threshold
        Lowest score of a detection.
    sustain_s
        Seconds of a sustained run; None for samples by the rule.
    verify
        Refuse a model of ours that was changed after it was converted.
    input
        Options of `edge_edet.load` about input and labels, as the command line has them; picture_range
        as --range takes it.
    """

    model: str
    facts: ModelFacts
    asked: RequestedConfig
    device: DeviceName
    rule: StopRule
    pictures: tuple[str, ...]
    pictures_sha256: str
    score_threshold: float
    sustain_s: float | None
    verify: bool = True
    input: dict[str, str] = field(default_factory=dict)

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
        """Make the postprocessing that is timed.

        Returns
        -------
        PostprocessConfig
            Thresholds and limits.
        """
        return PostprocessConfig(score_threshold=self.score_threshold)

    def protocol(self) -> dict[str, Any]:
        """Collect what must agree before two rows may be compared.

        Returns
        -------
        dict[str, Any]
            As rows have it.
        """
        return {
            "name": PROTOCOL,
            "version": PROTOCOL_VERSION,
            **self.rule.to_dict(),
            "pictures": len(self.pictures),
            "pictures_sha256": self.pictures_sha256,
            "postprocess": self.postprocess().to_dict(),
            "sustain_s": self.sustain_s,
            **({"input": self._input_protocol()} if self.input else {}),
        }

    def _input_protocol(self) -> dict[str, str]:
        return {k: Path(v).name if k == "labels" else v for k, v in self.input.items()}

    def load_options(self) -> dict[str, Any]:
        """Make the options of `edge_edet.load`: how the model runs, its input and labels.

        Returns
        -------
        dict[str, Any]
            Keyword arguments.

        Raises
        ------
        InputError
            For a device that the format cannot run on.
        """
        return {**load_options(self.model, self.asked), **input_load_options(self.input)}

    @property
    def key(self) -> str:
        """The key of its row."""
        return row_key(self.facts.sha256, self.asked, self.device, self.protocol())


def load_options(model: str, asked: RequestedConfig) -> dict[str, Any]:
    """Make the options of `edge_edet.load`; a .tflite reaches a GPU through its delegate.

    Parameters
    ----------
    model
        Path of the file.
    asked
        How it is to run.

    Returns
    -------
    dict[str, Any]
        Keyword arguments.

    Raises
    ------
    InputError
        For a device that the format cannot run on.
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


def input_load_options(given: Mapping[str, str]) -> dict[str, Any]:
    """Make the options of `edge_edet.load` from those of the command line about input and labels.

    Parameters
    ----------
    given
        Value by option, both as text.

    Returns
    -------
    dict[str, Any]
        Keyword arguments.
    """
    options: dict[str, Any] = dict(given)
    if "picture_range" in options:
        options["picture_range"] = parse_range(options["picture_range"])
    return options
