"""Estimates for IR and ONNX files on the n100, from the `.tflite` of the same network.

    ms = estimate of the same work in TensorFlow Lite * factor of the runtime

OpenVINO's factor scales D0 on four threads to what Intel publishes for D0 on the same cores
(published/openvino_latency.csv). onnxruntime's was measured on another x86-64 (docs/decisions/0008). No
file was timed to check them: DOUBT widens the interval at both ends, and the notes say so.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

from edge_edet.benchmarks.estimate.estimate import estimate_features
from edge_edet.benchmarks.estimate.features import FLOAT, INT8
from edge_edet.benchmarks.estimate.network_work import network_features
from edge_edet.benchmarks.published import read_rows
from edge_edet.benchmarks.rows import Estimate, RequestedConfig
from edge_edet.detection import layout_of
from edge_edet.errors import InputError, ModelFileError
from edge_edet.formats import FORMATS, read_model
from edge_edet.variants import VARIANTS

__all__ = ["DOUBT", "RUNTIMES", "SOURCES", "estimate_other", "openvino_factor", "runtime_of"]

DEVICE = "n100"
THREADS = 4  # of the published figures: all cores of the CPU
DOUBT = 1.6
ORT_FACTOR = 1.04  # float32 D0, one thread, least of 14 runs taken in turns with LiteRT's
RUNTIMES = {suffix: FORMATS[suffix].runtimes for suffix in (".xml", ".onnx")}
SOURCES = {
    "openvino": (
        "as the .tflite of it, by what Intel publishes for D0 in OpenVINO 2024.1 on an Atom x7425E, which "
        "has the cores of the N100 (github.com/openvinotoolkit/openvino 16867e9e)"
    ),
    "onnxruntime": (
        f"as the .tflite of it, times {ORT_FACTOR}: float32 D0 in onnxruntime 1.32 against LiteRT 2.3.0 on "
        "an x86-64 server"
    ),
}


def runtime_of(path: Path, asked: RequestedConfig) -> str:
    """Find the runtime of a file. Raises InputError for one that does not run the format."""
    known = RUNTIMES[path.suffix.lower()]
    runtime = asked.runtime or known[0]
    if runtime not in known:
        raise InputError(
            f"no estimate for {path.name!r} in {runtime}: it runs in {' or '.join(known)}"
        )
    return runtime


def estimate_other(path: Path, device_id: str, asked: RequestedConfig) -> Estimate:
    """Estimate the latency of one inference of an IR or ONNX file.

    Raises
    ------
    InputError
        For another board than the n100.
    ModelFileError
        For a network or precision that nothing is known about.
    """
    runtime = runtime_of(path, asked)
    assert asked.threads is not None
    if device_id != DEVICE:
        raise InputError(
            f"no estimate for {path.name!r} on {device_id}: latencies of {runtime} that one can be made from "
            f"are there for {DEVICE} alone; estimate the .tflite, or measure it with --host"
        )
    layout = layout_of(read_model(path))
    if layout.variant is None:
        raise ModelFileError(f"no estimate for {path.name!r}: its network is not known")
    features = network_features(layout.variant, layout.precision)
    if runtime == "onnxruntime" and features.precision != FLOAT:
        raise ModelFileError(
            f"no estimate for {path.name!r}: {layout.precision} in onnxruntime was timed nowhere; measure it "
            "with --host"
        )
    lite = estimate_features(features, device_id, asked.threads)
    factor = openvino_factor(features.precision) if runtime == "openvino" else ORT_FACTOR
    told = (
        f"{runtime}: {factor:.2f} times the estimate of the .tflite; no IR or ONNX file was timed on a "
        f"{DEVICE}, so that the interval is wider by {DOUBT} at both ends, which is an allowance"
    )
    notes = [told, *(note for note in lite.notes if "suppress" not in note)]
    if layout.in_graph:
        notes.append("suppression inside of the file is not in it")
    return dataclasses.replace(
        lite,
        p50_ms=lite.p50_ms * factor,
        low_ms=lite.low_ms * factor / DOUBT,
        high_ms=lite.high_ms * factor * DOUBT,
        source=SOURCES[runtime],
        notes=tuple(notes),
    )


@cache
def openvino_factor(precision: str) -> float:
    """Divide the published latency of D0 by its estimate as a .tflite; precision: FLOAT or INT8.

    Where only pictures a second are published, with all cores busy, the latency is INT8's in proportion.
    """
    rows = {r["precision"]: r for r in read_rows("openvino_latency") if r["used"] == "yes"}
    alone = float(rows[INT8]["latency_ms"]) * float(
        rows[INT8]["fps"]
    )  # ms, were it all of one core
    known = alone / float(rows[precision]["fps"])
    lite = estimate_features(network_features(VARIANTS["d0"], precision), DEVICE, THREADS)
    return known / lite.p50_ms
