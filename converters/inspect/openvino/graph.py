"""An OpenVINO IR opened for a look inside: operators by place, fake quantizers, changed copies.

Tensors are the real-valued ones: what an integer convolution reads is a fake quantizer's output, whose
source is the tensor that has a name in the network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.backends.openvino import import_openvino, one_reason
from edge_edet.converters.inspect.network_parts import block_of
from edge_edet.errors import BackendError, ModelFileError
from edge_edet.formats import IrModel

Doubles = npt.NDArray[np.float64]
CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
NO_VALUES = ("Constant", "Parameter", "Result")
Op = Any  # an openvino.Node


@dataclass(frozen=True)
class FakeQuantizer:
    """Real values in [low, high] to `levels` steps, and on to [out_low, out_high].

    source: the tensor that it reads; low, high, out_low, out_high: [channels], or [1] for all.
    """

    name: str
    source: str
    levels: int
    low: Doubles
    high: Doubles
    out_low: Doubles
    out_high: Doubles

    @property
    def step(self) -> Doubles:
        return np.asarray((self.high - self.low) / (self.levels - 1))

    @property
    def zero_point(self) -> Doubles:
        """In steps from the lowest; not always a whole number."""
        return np.asarray(-self.low / np.where(self.step > 0, self.step, 1.0))

    @property
    def gain(self) -> Doubles:
        """What a real value is multiplied by on its way to the reader."""
        return np.asarray((self.out_high - self.out_low) / np.maximum(self.high - self.low, 1e-30))

    @property
    def offset(self) -> Doubles:
        """... and what is added to it then."""
        return np.asarray(self.out_low - self.gain * self.low)


class IrGraph:
    """The operators that compute on the picture, in execution order, by name."""

    def __init__(self, file: IrModel):
        self.file, self.ov = file, import_openvino()
        self.core = self.ov.Core()
        try:
            self.model = self.core.read_model(str(file.path))
        except Exception as error:  # the binding raises what it likes
            raise ModelFileError(
                f"openvino refuses {str(file.path)!r}: {one_reason(error)}"
            ) from None
        self.running: dict[str, Op] = {}
        for op in self.model.get_ordered_ops():
            kind = op.get_type_name()
            if kind == "Parameter" or any(name_of(i) in self.running for i in sources(op)):
                self.running[op.get_friendly_name()] = op
        self._exposed: IrRunner | None = None
        self.quantizers = {q.source: q for q in self._quantizers()}

    @cached_property
    def tensors(self) -> dict[str, Op]:
        """Those that have a name in the network: no fake quantizers, no sums before their bias."""
        return {
            name: op
            for name, op in self.running.items()
            if op.get_type_name() not in (*NO_VALUES, "FakeQuantize", "Convert")
            and op.output(0).get_partial_shape().is_static
            and not self.lacks_bias(op)
        }

    @cached_property
    def convolutions(self) -> dict[str, Op]:
        return {name: op for name, op in self.running.items() if op.get_type_name() in CONVOLUTIONS}

    def lacks_bias(self, op: Op) -> bool:
        """Whether it is a convolution whose bias is added behind it."""
        after = readers(op)
        return op.get_type_name() in CONVOLUTIONS and [r.get_type_name() for r in after] == ["Add"]

    @cached_property
    def before_convolutions(self) -> set[str]:
        """What the picture goes through before the first layer: INT8 does it in another way."""
        inside: set[str] = set()
        for name, op in self.running.items():
            if op.get_type_name() in CONVOLUTIONS:
                continue
            if all(name_of(i) in inside for i in sources(op) if name_of(i) in self.running):
                inside.add(name)
        return inside

    def constants(self, outputs: Sequence[Any]) -> list[npt.NDArray[Any]]:
        """The values of outputs that depend on no picture, such as weights widened from int8."""
        ov = self.ov
        done: list[npt.NDArray[Any] | None] = []
        pending = []
        for output in outputs:
            op = output.get_node()
            is_stored = op.get_type_name() == "Constant"
            done.append(np.array(op.get_data()) if is_stored else None)
            if not is_stored:
                pending.append(output)
        if pending:
            # of a clone: a Result would be one more reader of the model's own tensors
            clones = {op.get_friendly_name(): op for op in self.model.clone().get_ops()}
            results = [
                ov.opset13.result(clones[name_of_output(o)].output(o.get_index())) for o in pending
            ]
            compiled = self.compiled(ov.Model(results, [], "constants"), EXACT)
            request = compiled.create_infer_request()
            request.infer()
            found = iter([np.array(request.get_output_tensor(i).data) for i in range(len(pending))])
            return [next(found) if values is None else values for values in done]
        return [values for values in done if values is not None]

    def _quantizers(self) -> list[FakeQuantizer]:
        ops = [op for op in self.running.values() if op.get_type_name() == "FakeQuantize"]
        ends = self.constants([op.input_value(i) for op in ops for i in range(1, 5)])
        flat = [np.asarray(values, np.float64).reshape(-1) for values in ends]
        return [
            FakeQuantizer(
                op.get_friendly_name(),
                name_of(op.input_value(0).get_node()),
                int(op.get_attributes()["levels"]),
                *flat[4 * i : 4 * i + 4],
            )
            for i, op in enumerate(ops)
        ]

    # --- changed copies -----------------------------------------------------------------------

    def exposing(self, names: Sequence[str], threads: int) -> IrRunner:
        """A runner that gives these tensors; the last one where it does already."""
        if self._exposed is not None and set(names) <= set(self._exposed.names):
            return self._exposed
        clones = {op.get_friendly_name(): op for op in self.model.clone().get_ordered_ops()}
        parameters = [op for op in clones.values() if op.get_type_name() == "Parameter"]
        self._exposed = self._runner(clones, names, parameters, threads)
        return self._exposed

    def cut(self, names: Collection[str], threads: int) -> IrRunner:
        """The model taken apart at these tensors; it gives them, and is fed those of `fed`.

        Operators of another block than the one that writes a tensor read what is fed instead, after
        the picture. A fake quantizer belongs to the block that reads it.
        """
        clones = {op.get_friendly_name(): op for op in self.model.clone().get_ordered_ops()}
        parameters = [op for op in clones.values() if op.get_type_name() == "Parameter"]
        fed = []
        for name in names:
            output = clones[name].output(0)
            others = [
                target
                for target in output.get_target_inputs()
                if reading_block(target.get_node()) not in (block_of(name), "")
            ]
            if others:
                stand_in = self.ov.opset13.parameter(list(output.get_shape()), np.float32)
                for target in others:
                    target.replace_source_output(stand_in.output(0))
                parameters.append(stand_in)
                fed.append(name)
        return self._runner(clones, list(names), parameters, threads, fed)

    def _runner(
        self,
        clones: Mapping[str, Op],
        names: Sequence[str],
        parameters: Sequence[Op],
        threads: int,
        fed: Sequence[str] = (),
    ) -> IrRunner:
        results = [self.ov.opset13.result(clones[name].output(0)) for name in names]
        model = self.ov.Model(results, list(parameters), "exposing")
        settings = EXACT | {"INFERENCE_NUM_THREADS": threads}
        return IrRunner(self.compiled(model, settings), names, fed)

    @cached_property
    def as_run(self) -> Any:
        """Compiled as the runtime does it, on one thread: of INT8 the rest in what the CPU likes."""
        settings = {"INFERENCE_NUM_THREADS": 1, "PERF_COUNT": True}
        return self.compiled(self.model, settings if self.quantizers else settings | EXACT)

    def compiled(self, model: Any, settings: Mapping[str, Any]) -> Any:
        """On the CPU. Raises BackendError."""
        try:
            return self.core.compile_model(model, "CPU", dict(settings))
        except Exception as error:  # as above
            raise BackendError(
                f"openvino cannot run {str(self.file.path)!r} on CPU: {one_reason(error)}"
            ) from None


class IrRunner:
    """A compiled model. names: the tensors that it gives; fed: those that it takes after the picture."""

    def __init__(self, compiled: Any, names: Sequence[str], fed: Sequence[str] = ()):
        self.names, self.fed = tuple(names), tuple(fed)
        self._positions = {name: position for position, name in enumerate(names)}
        self._request = compiled.create_infer_request()

    def run(self, fed: Sequence[npt.NDArray[Any]]) -> None:
        try:
            self._request.infer(list(fed), share_inputs=True)
        except RuntimeError as error:
            raise BackendError(f"openvino fails: {one_reason(error)}") from None

    def get(self, name: str) -> npt.NDArray[Any]:
        """A view of that tensor, as it is inside."""
        return np.asarray(self._request.get_output_tensor(self._positions[name]).data)


def sources(op: Op) -> list[Op]:
    return [value.get_node() for value in op.input_values()]


def readers(op: Op) -> list[Op]:
    """Those that compute; results are none."""
    found = [target.get_node() for output in op.outputs() for target in output.get_target_inputs()]
    return [reader for reader in found if reader.get_type_name() != "Result"]


def name_of(op: Op) -> str:
    return str(op.get_friendly_name())


def name_of_output(output: Any) -> str:
    return name_of(output.get_node())


def reading_block(op: Op) -> str:
    """The block of an operator, of a fake quantizer that of what reads it first; "" of a Result."""
    if op.get_type_name() == "Result":
        return ""
    while op.get_type_name() in ("FakeQuantize", "Convert"):
        after = readers(op)
        if not after:
            break
        op = after[0]
    return block_of(name_of(op))


def channels_last(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[n, channels, h, w] to [n, h, w, channels]; rows of anchors stay."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
