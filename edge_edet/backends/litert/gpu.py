"""The GPU through ai-edge-litert's CompiledModel: WebGPU over Vulkan, Metal or Direct3D."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.backends.backend import BackendInfo, TensorSpec
from edge_edet.backends.litert.interpreter import find_runtime
from edge_edet.backends.native_output import captured_output
from edge_edet.errors import BackendError, InputError, MissingExtraError
from edge_edet.formats import TensorInfo
from edge_edet.formats.tflite import TfliteModel
from edge_edet.runtimes import RUNTIMES

__all__ = ["LiteRtGpuBackend"]

RUNTIME = "ai-edge-litert"
OPTIONS = (
    "enforce_f32",
    "constant_tensor_sharing",
    "infinite_float_capping",
    "allow_src_quantized_fc_conv_ops",
)
SIGNATURE = 0
ADAPTER = re.compile(r"Selected adapter: ([^,\n]+).*?(?:adapterType=([^,\n]+))?$", re.MULTILINE)
UNSUPPORTED = re.compile(
    r"not supported by GPU delegate:\n(.*?)\n\d+ operations will run", re.DOTALL
)


class LiteRtGpuBackend:
    """A model compiled for the GPU as a whole: one that does not fit there is refused.

    CompiledModel says whether everything is accelerated, not how much of it is, so a part on the
    CPU could not be reported. `run` returns when the outputs are read, which waits for the GPU.

    Left alone, the GPU computes every model in float16 if it can. Here only with `half`: float32
    is not taken from a model that has it.

    Parameters
    ----------
    model
        The summary of the file.
    half
        Let the GPU compute in float16.
    runtime
        A runtime of LiteRT that has a GPU; None: the one that is installed.
    delegate_options
        Options of the GPU; value by key.
    """

    def __init__(
        self,
        model: TfliteModel,
        *,
        half: bool = False,
        runtime: str | None = None,
        delegate_options: Mapping[str, str] | None = None,
    ):
        if runtime not in (None, RUNTIME):
            raise BackendError(f"the GPU is reached through {RUNTIME}, not through {runtime!r}")
        self.name = find_runtime(RUNTIME)
        options = _options(delegate_options or {}, half)
        module, _ = _import()
        with captured_output() as output:
            try:
                self._compiled = module.CompiledModel.from_file(str(model.path), options=options)
                whole = bool(self._compiled.is_fully_accelerated())
                self._in = self._compiled.create_input_buffers(SIGNATURE)
                self._out = self._compiled.create_output_buffers(SIGNATURE)
                key = self._compiled.get_signature_by_index(SIGNATURE)["key"]
                self.inputs = _specs(model, self._compiled.get_input_tensor_details(key))
                self.outputs = _specs(model, self._compiled.get_output_tensor_details(key))
                self._memory = {s.name: np.zeros(s.shape, s.dtype) for s in self.inputs}
                self._write()
            except (RuntimeError, ValueError, OSError) as error:
                raise _refused(model, output(), error) from None
            device = _device(output())
        if not whole:
            raise BackendError(
                f"the GPU took only a part of {str(model.path)!r}, and the runtime does not say "
                "how much: delegate='none' runs on the CPU"
            )
        count = len(model.operators)
        self.info = BackendInfo(
            runtime=self.name,
            runtime_version=RUNTIMES[self.name].version,
            delegate="gpu",
            delegated_operators=count,
            total_operators=count,
            partitions=1,
            threads=None,
            device=device,
        )

    def input_memory(self, name: str) -> npt.NDArray[Any]:
        """Return the array that `run` uploads to the GPU.

        Parameters
        ----------
        name
            The input tensor's name.

        Returns
        -------
        npt.NDArray[Any]
            Of the tensor's shape and type; filled by the caller.
        """
        self._check_open()
        return self._memory[name]

    def run(self) -> dict[str, npt.NDArray[Any]]:
        """Upload the inputs, run the model and return its outputs, read back from the GPU.

        Returns
        -------
        dict[str, npt.NDArray[Any]]
            Output by tensor name.

        Raises
        ------
        BackendError
            Where the GPU fails.
        """
        self._check_open()
        try:
            self._write()
            self._compiled.run_by_index(SIGNATURE, self._in, self._out)
            outputs = {}
            for spec, buffer in zip(self.outputs, self._out, strict=True):
                flat = buffer.read(int(np.prod(spec.shape)), np.dtype(spec.dtype).type)
                outputs[spec.name] = np.asarray(flat).reshape(spec.shape)
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise BackendError(f"the GPU failed to run the model: {reason}") from None
        return outputs

    def _write(self) -> None:
        for spec, buffer in zip(self.inputs, self._in, strict=True):
            buffer.write(self._memory[spec.name])

    def _check_open(self) -> None:
        if self._compiled is None:
            raise BackendError("the detector is closed: load the model again")

    def close(self) -> None:
        """Free the GPU's buffers and the compiled model."""
        with captured_output():  # it prints every accelerator that it releases
            self._in = self._out = []
            if self._compiled is not None:
                self._compiled.close()
            self._compiled = None


def _options(given: Mapping[str, str], half: bool) -> Any:
    values = {"enforce_f32": not half}
    for key, value in given.items():
        if key not in OPTIONS or str(value).lower() not in ("true", "false", "0", "1"):
            raise InputError(
                f"unknown GPU option {key}={value}: known are {', '.join(OPTIONS)} (true, false)"
            )
        values[key] = str(value).lower() in ("true", "1")
    _, gpu = _import()
    options: Any = importlib.import_module("ai_edge_litert.options")
    return options.Options(
        hardware_accelerators=options.HardwareAccelerator.GPU, gpu_options=gpu(**values)
    )


def _import() -> tuple[Any, Any]:
    """Return the module of CompiledModel, and GpuOptions."""
    try:
        module: Any = importlib.import_module("ai_edge_litert.compiled_model")
        return module, module.GpuOptions
    except (ImportError, AttributeError, OSError) as error:
        runtime = RUNTIMES[RUNTIME]
        raise MissingExtraError(
            f"{RUNTIME} {runtime.version} has no CompiledModel with GPU options ({error}): "
            f"pip install --upgrade 'edge-edet[{runtime.extra}]'"
        ) from None


def _specs(model: TfliteModel, details: Mapping[str, Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    # Signatures may rename tensors; the index leads back to the name in the graph.
    return tuple(_spec(model.tensors[entry["index"]], entry) for entry in details.values())


def _spec(tensor: TensorInfo, entry: Mapping[str, Any]) -> TensorSpec:
    scale, zero = (tensor.scales[0], tensor.zero_points[0]) if tensor.scales else (None, 0)
    return TensorSpec(tensor.name, tuple(entry["shape"]), str(entry["dtype"]), scale, zero)


def _device(output: str) -> str | None:
    """Return name and kind of the device, which may be a software one; None where it was not printed."""
    found = ADAPTER.search(output)
    return f"{found[1].strip()} ({(found[2] or 'unknown kind').strip()})" if found else None


def _refused(model: TfliteModel, output: str, error: Exception) -> BackendError:
    named = f"the GPU did not take {str(model.path)!r}"
    if unsupported := UNSUPPORTED.search(output):
        operators = "; ".join(line.strip() for line in unsupported[1].splitlines())
        return BackendError(
            f"{named}: it does not support {operators}; delegate='none' runs on the CPU"
        )
    lines = output.splitlines()
    reasons = [
        re.sub(r"^\w+: (\[[^]]*\] )?", "", s).strip() for s in lines if s.startswith("ERROR")
    ]
    reasons += [line.strip() for line in lines if "ouldn't load Vulkan" in line]
    reason = "; ".join(dict.fromkeys(reasons)) or " ".join(str(error).split())
    return BackendError(
        f"{named}: {reason}; "
        "a GPU driver (on Linux: Vulkan) is needed, delegate='none' runs on the CPU"
    )
