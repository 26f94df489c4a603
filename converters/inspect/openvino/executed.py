"""What OpenVINO's CPU plugin executes of a model: kernels, their precision, and their time."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_edet.backends.openvino import executed_layers
from edge_edet.converters.inspect.openvino.graph import IrGraph, Op
from edge_edet.errors import BackendError

RUNS = 4
NOT_RUN = "not_executed"
EIGHT_BIT = ("int8", "uint8")


@dataclass(frozen=True)
class Executed:
    """What ran on one thread of this machine's CPU, in the precision that the plugin chooses.

    Attributes
    ----------
    device
        Full name of the CPU.
    precision
        Of the layers that are not INT8, such as "f32" or "bf16".
    layers
        Precision -> number of layers, as in `detector.info`.
    kernels
        (kind of layer, kernel, count, milliseconds), the longest first, reorders included.
    in_float
        Convolutions whose weights are int8 in the file and whose kernel computes in float here.
    """

    device: str
    precision: str
    layers: dict[str, int]
    kernels: list[tuple[str, str, int, float]]
    in_float: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, ready for JSON."""
        return asdict(self)


def executed(graph: IrGraph) -> Executed | None:
    """Run a model on a grey picture and list what was executed; None where it does not run."""
    try:
        compiled = graph.as_run
        request = compiled.create_infer_request()
        for tensor in request.input_tensors:
            tensor.data[...] = 128
        for _ in range(RUNS):
            request.infer()
    except (BackendError, RuntimeError):
        return None
    layers = [op.get_rt_info() for op in compiled.get_runtime_model().get_ordered_ops()]
    integer = {name for name, op in graph.convolutions.items() if integer_weights(op)}
    counts: Counter[tuple[str, str]] = Counter()
    times: Counter[tuple[str, str]] = Counter()
    in_float: list[str] = []
    for info in layers:
        kind, kernel, micros = (
            info[key].astype(str) for key in ("layerType", "primitiveType", "execTimeMcs")
        )
        if micros == NOT_RUN:
            continue
        counts[kind, kernel] += 1
        times[kind, kernel] += int(micros)
        if not kernel.lower().endswith(("_i8", "_u8")):
            names = info["originalLayersNames"].astype(str).split(",")
            in_float += [name.removesuffix("/convolution") for name in names if name in integer]
    return Executed(
        device=str(graph.core.get_property("CPU", "FULL_DEVICE_NAME")).strip(),
        precision=compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name(),
        layers=executed_layers(compiled) or {},
        kernels=[(*key, counts[key], micros / 1e3) for key, micros in times.most_common()],
        in_float=in_float,
    )


def integer_weights(op: Op) -> bool:
    """Check whether a convolution's weights are stored in 8 bits, or rounded to 8 bits."""
    source = op.input_value(1).get_node()
    pending = [source]
    while pending:
        node = pending.pop()
        kind = node.get_type_name()
        if kind == "FakeQuantize":
            return True
        if kind == "Constant" and node.get_element_type().to_dtype() in map(np.dtype, EIGHT_BIT):
            return True
        pending += [value.get_node() for value in node.input_values()[:1]]
    return False
