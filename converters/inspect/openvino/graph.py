"""The graph of an OpenVINO model: operators by name, fake quantizers, and changed copies that can be run.

Tensors are the real-valued ones: an integer convolution reads the output of a fake quantizer, whose
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
from edge_edet.converters.write.openvino import is_suppression
from edge_edet.errors import BackendError, ModelFileError
from edge_edet.formats import IrModel

Doubles = npt.NDArray[np.float64]
CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
NO_VALUES = ("Constant", "Parameter", "Result")
Op = Any  # an openvino.Node


@dataclass(frozen=True)
class FakeQuantizer:
    """OpenVINO's FakeQuantize: real values in [low, high] to `levels` steps, and on to [out_low, out_high].

    Attributes
    ----------
    name, source
        The operator, and the tensor that it reads.
    levels
        Number of steps.
    low, high, out_low, out_high
        [channels], or [1] for all channels.
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
        """Width of a step of the input range."""
        return np.asarray((self.high - self.low) / (self.levels - 1))

    @property
    def zero_point(self) -> Doubles:
        """Position of 0, in steps from the lowest; not always a whole number."""
        return np.asarray(-self.low / np.where(self.step > 0, self.step, 1.0))

    @property
    def gain(self) -> Doubles:
        """Factor between a real value and the output."""
        return np.asarray((self.out_high - self.out_low) / np.maximum(self.high - self.low, 1e-30))

    @property
    def offset(self) -> Doubles:
        """Offset that is added to the real value times the gain."""
        return np.asarray(self.out_low - self.gain * self.low)


class IrGraph:
    """The operators that compute on the picture, in execution order, by name.

    Attributes
    ----------
    file
        The model file.
    running
        Name -> operator, of all that depend on the picture.
    quantizers
        Name of the tensor that it reads -> fake quantizer.

    Raises
    ------
    ModelFileError
        Where OpenVINO refuses the file.
    """

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
        """Tensors that have a name in the network: no fake quantizers, no sums before their bias.

        Nothing of the suppression either: its rows are in the order of scores, which no grid keeps.
        """
        return {
            name: op
            for name, op in self.running.items()
            if op.get_type_name() not in (*NO_VALUES, "FakeQuantize", "Convert")
            and op.output(0).get_partial_shape().is_static
            and not self.lacks_bias(op)
            and not is_suppression(name)
        }

    @cached_property
    def convolutions(self) -> dict[str, Op]:
        """Convolutions and matrix products, by name."""
        return {name: op for name, op in self.running.items() if op.get_type_name() in CONVOLUTIONS}

    def lacks_bias(self, op: Op) -> bool:
        """Check whether an operator is a convolution whose bias is added after it."""
        after = readers(op)
        return op.get_type_name() in CONVOLUTIONS and [r.get_type_name() for r in after] == ["Add"]

    @cached_property
    def before_convolutions(self) -> set[str]:
        """Names of the operators before the first layer, which INT8 models have in another form."""
        inside: set[str] = set()
        for name, op in self.running.items():
            if op.get_type_name() in CONVOLUTIONS:
                continue
            if all(name_of(i) in inside for i in sources(op) if name_of(i) in self.running):
                inside.add(name)
        return inside

    def constants(self, outputs: Sequence[Any]) -> list[npt.NDArray[Any]]:
        """Compute outputs that do not depend on the picture, such as weights widened from int8."""
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

    def exposing(self, names: Sequence[str], threads: int) -> IrRunner:
        """Return a runner whose outputs include these tensors; the last one where its do."""
        if self._exposed is not None and set(names) <= set(self._exposed.names):
            return self._exposed
        clones = {op.get_friendly_name(): op for op in self.model.clone().get_ordered_ops()}
        parameters = [op for op in clones.values() if op.get_type_name() == "Parameter"]
        self._exposed = self._runner(clones, names, parameters, threads)
        return self._exposed

    def cut(self, names: Collection[str], threads: int) -> IrRunner:
        """Return a runner of the model cut at these tensors, so that no block sees another one's error.

        Its outputs are the tensors. Operators of another block than the one that writes a tensor read an
        input instead; these are the runner's `fed`, after the picture. A fake quantizer belongs to the
        block that reads it.
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
        """The model compiled as the runtime does, on one thread; INT8 with the plugin's own precision."""
        settings = {"INFERENCE_NUM_THREADS": 1, "PERF_COUNT": True}
        return self.compiled(self.model, settings if self.quantizers else settings | EXACT)

    def compiled(self, model: Any, settings: Mapping[str, Any]) -> Any:
        """Compile a model for the CPU. Raises BackendError."""
        try:
            return self.core.compile_model(model, "CPU", dict(settings))
        except Exception as error:  # as above
            raise BackendError(
                f"openvino cannot run {str(self.file.path)!r} on CPU: {one_reason(error)}"
            ) from None


class IrRunner:
    """A compiled model.

    Attributes
    ----------
    names
        Its outputs.
    fed
        Its inputs after the picture.
    """

    def __init__(self, compiled: Any, names: Sequence[str], fed: Sequence[str] = ()):
        self.names, self.fed = tuple(names), tuple(fed)
        self._positions = {name: position for position, name in enumerate(names)}
        self._request = compiled.create_infer_request()

    def run(self, fed: Sequence[npt.NDArray[Any]]) -> None:
        """Run on the picture and the tensors of `fed`. Raises BackendError."""
        try:
            self._request.infer(list(fed), share_inputs=True)
        except RuntimeError as error:
            raise BackendError(f"openvino fails: {one_reason(error)}") from None

    def get(self, name: str) -> npt.NDArray[Any]:
        """Return a view of an output, in the layout of the model."""
        return np.asarray(self._request.get_output_tensor(self._positions[name]).data)


def sources(op: Op) -> list[Op]:
    """Return the operators whose outputs an operator reads."""
    return [value.get_node() for value in op.input_values()]


def readers(op: Op) -> list[Op]:
    """Return the operators that read an operator's outputs, without results."""
    found = [target.get_node() for output in op.outputs() for target in output.get_target_inputs()]
    return [reader for reader in found if reader.get_type_name() != "Result"]


def name_of(op: Op) -> str:
    """Return an operator's name, which is its tensor's name in the network."""
    return str(op.get_friendly_name())


def name_of_output(output: Any) -> str:
    """Return the name of the operator that has this output."""
    return name_of(output.get_node())


def reading_block(op: Op) -> str:
    """Return the block of an operator; of a fake quantizer, its first reader's; of a Result, ""."""
    if op.get_type_name() == "Result":
        return ""
    while op.get_type_name() in ("FakeQuantize", "Convert"):
        after = readers(op)
        if not after:
            break
        op = after[0]
    return block_of(name_of(op))


def channels_last(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Transpose [n, channels, h, w] to [n, h, w, channels]; other ranks, such as anchors, stay."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
