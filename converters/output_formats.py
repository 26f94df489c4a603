"""The file formats of one `convert`: which were asked for, and which of them hold a precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_edet.errors import InputError, MissingExtraError
from edge_edet.formats import NAMED_FORMATS
from edge_edet.runtimes import RUNTIMES

SUFFIXES = {name: form.suffix for name, form in NAMED_FORMATS.items()}
DEFAULT_FORMATS = ("tflite", "openvino")
# precision -> what it means
PRECISIONS = {
    "int8": "every operator integer (needs calibration)",
    "fp16": "weights and biases stored as float16",
    "fp32": "float",
    "int8-dynamic": "int8 weights in all but depthwise convolutions, float activations",
}
# format -> the packages that its writer needs
PACKAGES = {
    "tflite": ("ai_edge_litert", "flatbuffers"),
    "openvino": ("openvino",),
    "onnx": ("onnx",),
}
NMS = ("none", "in-graph")


def parse_formats(text: str) -> tuple[str, ...]:
    """`tflite,openvino` to names. Raises InputError for an unknown or missing one."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in SUFFIXES]
    if unknown or not names:
        raise InputError(
            f"unknown format {unknown[0] if unknown else text!r}: known are {', '.join(SUFFIXES)}; "
            "separate several by commas, as in --to tflite,openvino"
        )
    return names


def beside(model: Path, what: str) -> Path:
    """Return the path of what belongs to a model, such as "-parity" or ".pareto.json".

    Both formats of a model have the same stem: what belongs to an IR has `-openvino` in its name.
    """
    kind = "-openvino" if model.suffix == SUFFIXES["openvino"] else ""
    return model.with_name(f"{model.stem}{kind}{what}")


def formats_by_precision(
    precisions: Sequence[str], formats: Sequence[str] | None, nms: str, budget: bool
) -> dict[str, tuple[str, ...]]:
    """Precision -> the formats to write it in. formats: None is the default, as far as it goes.

    Raises InputError where a format that was asked for by name cannot hold what was asked for.
    """
    default = DEFAULT_FORMATS[:1] if nms == "in-graph" else DEFAULT_FORMATS
    wanted = tuple(formats or default)
    if budget:
        wanted = _limit(wanted, ("tflite", "openvino"), formats, "search within --max-drop")
    planned = {}
    for precision in precisions:
        fitting = tuple(name for name in wanted if precision in NAMED_FORMATS[name].precisions)
        if not fitting:
            raise InputError(
                f"no {NAMED_FORMATS[wanted[0]].title} in {precision}: it is written in "
                f"{', '.join(NAMED_FORMATS[wanted[0]].precisions)}"
            )
        planned[precision] = fitting
    for name in formats or ():
        if not any(name in fitting for fitting in planned.values()):
            raise InputError(
                f"no {NAMED_FORMATS[name].title} in {', '.join(precisions)}: it is written in "
                f"{', '.join(NAMED_FORMATS[name].precisions)}"
            )
    return planned


def leave_out_openvino(
    planned: dict[str, tuple[str, ...]], formats: Sequence[str] | None
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the plan without OpenVINO where the package is not installed, and the sentence that says so.

    formats: what was asked for by name, None for the default. Raises MissingExtraError where an IR was
    asked for, or nothing else is left.
    """
    if RUNTIMES["openvino"].is_installed or not any("openvino" in f for f in planned.values()):
        return planned, ""
    advice = "pip install 'edge-edet[convert]'"
    left = {p: tuple(f for f in fitting if f != "openvino") for p, fitting in planned.items()}
    if "openvino" in (formats or ()) or not all(left.values()):
        raise MissingExtraError(f"writing OpenVINO IR needs the package openvino: {advice}")
    return left, f"no OpenVINO IR is written, the package openvino is not installed: {advice}"


def _limit(
    wanted: Sequence[str], able: Sequence[str], formats: Sequence[str] | None, what: str
) -> tuple[str, ...]:
    for name in formats or ():
        if name not in able:
            raise InputError(
                f"{NAMED_FORMATS[name].title} has no {what} here: that is for {', '.join(able)}; "
                f"say --to {able[0]}"
            )
    return tuple(name for name in wanted if name in able)
