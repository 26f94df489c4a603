"""onnxruntime: an ONNX model on the execution provider that was asked for, and on no other."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.backends.backend import BackendInfo, TensorSpec
from edge_edet.errors import BackendError, ModelFileError
from edge_edet.formats import ModelFile, OnnxModel
from edge_edet.optional_packages import broken_runtime, missing_runtime
from edge_edet.runtimes import RUNTIMES
from edge_edet.terminal import without_runtime_logs

__all__ = ["PROVIDERS", "OnnxRuntimeBackend", "onnxruntime_providers"]

CPU = "CPUExecutionProvider"
# device -> provider; any other provider goes by its own name
PROVIDERS = {"CPU": CPU, "GPU": "CUDAExecutionProvider"}
PROVIDER_OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0"}}  # float32 stays float32
FATAL_ONLY = 4  # errors are raised, and said once
FLOATS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64"}
_KIND = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .*? failed: ?)?")
_PLACE = re.compile(
    r"/\S*onnxruntime/\S+:\d+ .*?\)(?: const)? (?=[A-Z])"
)  # file, line, C++ signature
TYPES = {"float": "float32", "double": "float64"}  # others as numpy calls them


class OnnxRuntimeBackend:
    """A session whose inputs and outputs lie in arrays of our own."""

    name = "onnxruntime"

    def __init__(
        self,
        model: ModelFile,
        *,
        threads: int,
        device: str = "CPU",
    ):
        with without_runtime_logs():
            ort = _import()
        provider = _provider(ort, device)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = FATAL_ONLY
        if provider != CPU:  # else nodes that the provider does not have go to the CPU unsaid
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            asked = (provider, PROVIDER_OPTIONS.get(provider, {}))
            with without_runtime_logs():
                session = ort.InferenceSession(
                    str(model.path), options, providers=[asked], enable_fallback=0
                )
            self.inputs = tuple(_spec(model, node) for node in session.get_inputs())
            self.outputs = tuple(_spec(model, node) for node in session.get_outputs())
        except ModelFileError:
            raise
        except Exception as error:  # its exceptions have no base but this
            reason = _one_line(error)
            if provider == CPU:
                raise ModelFileError(f"onnxruntime refuses {str(model.path)!r}: {reason}") from None
            raise BackendError(
                f"onnxruntime cannot run {str(model.path)!r} with {provider}: {reason}"
            ) from None
        if session.get_providers()[0] != provider:
            raise BackendError(
                f"onnxruntime took {session.get_providers()[0]} in place of {provider}: its "
                "libraries do not load; device='CPU' runs on the CPU"
            )
        self._session = session
        self._binding = session.io_binding()
        self._arrays = {s.name: np.zeros(s.shape, s.dtype) for s in (*self.inputs, *self.outputs)}
        values = {n: ort.OrtValue.ortvalue_from_numpy(a) for n, a in self._arrays.items()}
        for spec in self.inputs:
            self._binding.bind_ortvalue_input(spec.name, values[spec.name])
        for spec in self.outputs:
            self._binding.bind_ortvalue_output(spec.name, values[spec.name])
        self.info = BackendInfo(
            runtime="onnxruntime",
            runtime_version=RUNTIMES["onnxruntime"].version,
            delegate="none",
            delegated_operators=0,
            total_operators=len(model.operator_names),
            partitions=0,
            threads=threads if provider == CPU else None,
            execution_devices=(provider,),
            inference_precision=_float_type(model),
            streams=1,
        )

    def input_memory(self, name: str) -> npt.NDArray[Any]:
        """Return the array that the session reads."""
        self._check_open()
        return self._arrays[name]

    def run(self) -> dict[str, npt.NDArray[Any]]:
        """Run the model and return the arrays that the next `run` writes to."""
        self._check_open()
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # as above
            raise BackendError(f"onnxruntime failed to run the model: {_one_line(error)}") from None
        return {spec.name: self._arrays[spec.name] for spec in self.outputs}

    def _check_open(self) -> None:
        if self._session is None:
            raise BackendError("the detector is closed: load the model again")

    def close(self) -> None:
        """Free the session."""
        self._session = self._binding = None


def onnxruntime_providers() -> list[str]:
    """List the execution providers that the installed onnxruntime was built with."""
    return list(_import().get_available_providers())


def _provider(ort: Any, device: str) -> str:
    here = list(ort.get_available_providers())
    provider = PROVIDERS.get(device.upper(), device)
    if provider not in here:
        raise BackendError(
            f"device {device!r} is not there: this onnxruntime has {', '.join(here)} "
            f"(device='CPU' is {CPU})"
        )
    return provider


def _import() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ModuleNotFoundError:
        raise missing_runtime("onnxruntime") from None
    except (ImportError, OSError) as error:
        raise broken_runtime("onnxruntime", _one_line(error)) from None


def _spec(model: ModelFile, node: Any) -> TensorSpec:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    if not all(isinstance(n, int) and n >= 0 for n in node.shape):
        raise ModelFileError(
            f"{str(model.path)!r}: tensor {node.name!r} has shape {list(node.shape)}, known at run "
            "time only: convert the model with fixed shapes"
        )
    return TensorSpec(node.name, tuple(node.shape), TYPES.get(kind, kind))


def _float_type(model: ModelFile) -> str | None:
    """Return the float type that the file stores, in which providers compute; None for a mixture."""
    if not isinstance(model, OnnxModel):
        return None
    floats = [dtype for dtype, size in model.weight_bytes.items() if size and dtype in FLOATS]
    return FLOATS[floats[0]] if len(floats) == 1 else None


def _one_line(error: Exception) -> str:
    """Return an error's reason, without places in onnxruntime's sources and its kinds of error."""
    text = _PLACE.sub("", " ".join(str(error).split()))
    return _KIND.sub("", text) or type(error).__name__
