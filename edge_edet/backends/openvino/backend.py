"""OpenVINO: an IR, or an ONNX model, on the CPU, a GPU, an NPU, or the device that AUTO chooses."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.backends.backend import BackendInfo, TensorSpec
from edge_edet.backends.openvino.executed import executed_layers
from edge_edet.errors import BackendError, InputError, ModelFileError
from edge_edet.files import stamp
from edge_edet.formats import IrModel, ModelFile
from edge_edet.optional_packages import broken_runtime, missing_runtime
from edge_edet.runtimes import RUNTIMES

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "OpenVinoBackend",
    "import_openvino",
    "one_reason",
    "openvino_devices",
]

DEVICES = ("CPU", "GPU", "NPU", "AUTO")
PRECISIONS = ("f32", "bf16", "f16", "default")
_PLACE = re.compile(r"Exception from \S+:\d+:|")


class OpenVinoBackend:
    """A compiled model with one stream: one picture at a time, as soon as possible.

    precision: what is computed that is not integer. Left alone, the plugins take bf16 or f16 for
    a float32 model wherever the device has it; here only where "bf16", "f16" or "default" asks.
    A device that answers with another precision than was asked for is an error.

    Parameters
    ----------
    model
        The summary of an .xml or .onnx.
    threads
        Of the CPU.
    device
        OpenVINO's name of the device, such as CPU or GPU.0.
    precision
        What computes the layers that are not integer: f32, bf16, f16 or default.
    cache_dir
        Where compiled models are kept; None: nowhere.
    """

    name = "openvino"

    def __init__(
        self,
        model: ModelFile,
        *,
        threads: int,
        device: str = "CPU",
        precision: str = "f32",
        cache_dir: str | Path | None = None,
    ):
        if precision not in PRECISIONS:
            raise InputError(f"unknown precision {precision!r}: known are {', '.join(PRECISIONS)}")
        ov = import_openvino()
        core = ov.Core()
        candidates = _candidates(core, device)
        if cache_dir is not None:
            _make_cache(Path(cache_dir))
        settings = {one: _settings(one, threads, precision, cache_dir) for one in candidates}
        try:
            read = core.read_model(str(model.path))
        except Exception as error:  # the binding raises what it likes
            raise ModelFileError(
                f"openvino refuses {str(model.path)!r}: {one_reason(error)}"
            ) from None
        if isinstance(model, IrModel) and stamp(model.path) != model.stamp:
            raise ModelFileError(
                f"{str(model.path)!r} was replaced while it was read: load it again"
            )
        try:
            chosen = candidates[0] if len(candidates) == 1 else _auto(core, read, settings)
            self._compiled = core.compile_model(read, chosen, settings[chosen])
            self._request = self._compiled.create_infer_request()
            self.inputs = _specs(self._compiled.inputs)
            self.outputs = _specs(self._compiled.outputs)
        except Exception as error:  # as above
            raise BackendError(
                f"openvino cannot run {str(model.path)!r} on {device}: {one_reason(error)}"
            ) from None
        self.info = _info(core, self._compiled, model, precision)

    def input_memory(self, name: str) -> npt.NDArray[Any]:
        """Return a view of the request's input tensor.

        Parameters
        ----------
        name
            The input tensor's name.

        Returns
        -------
        npt.NDArray[Any]
            Of the tensor's shape and type; filled by the caller.
        """
        memory: npt.NDArray[Any] = self._open().get_tensor(name).data
        return memory

    def run(self) -> dict[str, npt.NDArray[Any]]:
        """Run the model and return views into the request, overwritten by the next `run`.

        Returns
        -------
        dict[str, npt.NDArray[Any]]
            Output by tensor name.

        Raises
        ------
        BackendError
            Where the device fails.
        """
        request = self._open()
        try:
            request.infer(share_outputs=True)
            return {spec.name: request.get_tensor(spec.name).data for spec in self.outputs}
        except RuntimeError as error:
            raise BackendError(f"openvino failed to run the model: {one_reason(error)}") from None

    def close(self) -> None:
        """Free the compiled model."""
        self._request = self._compiled = None

    def _open(self) -> Any:
        if self._request is None:
            raise BackendError("the detector is closed: load the model again")
        return self._request


def openvino_devices() -> dict[str, str]:
    """List the devices that the installed OpenVINO finds: name such as GPU.0 -> full name.

    Returns
    -------
    dict[str, str]
        Full name by name; empty where OpenVINO is not installed or finds none.
    """
    core = import_openvino().Core()
    return {name: _full_name(core, name) for name in core.available_devices}


def _full_name(core: Any, device: str) -> str:
    try:
        return str(core.get_property(device, "FULL_DEVICE_NAME")).strip()
    except RuntimeError:
        return "unknown"


def import_openvino() -> Any:
    """Import the package.

    Returns
    -------
    Any
        The module.

    Raises
    ------
    MissingExtraError
        Where it is missing or broken.
    """
    try:
        return importlib.import_module("openvino")
    except ModuleNotFoundError:
        raise missing_runtime("openvino") from None
    except (ImportError, OSError) as error:
        raise broken_runtime("openvino", one_reason(error)) from None


def _candidates(core: Any, device: str) -> list[str]:
    """List the devices that may run the model. Raises BackendError for one that does not exist."""
    here = list(core.available_devices)
    kind, _, listed = device.upper().partition(":")
    if kind.partition(".")[0] not in DEVICES or (listed and kind != "AUTO"):
        raise InputError(
            f"unknown device {device!r}: known are {', '.join(DEVICES)}, also GPU.1 or "
            f"AUTO:GPU,CPU; here are {', '.join(here)}"
        )
    wanted = listed.split(",") if listed else here if kind == "AUTO" else [kind]
    for one in wanted:
        if one not in here and f"{one}.0" not in here:
            raise BackendError(
                f"device {one!r} is not there: openvino finds {', '.join(here)}; "
                "'edge-edet doctor' shows what is missing"
            )
    return wanted


def _make_cache(folder: Path) -> None:
    """Refuse a cache folder that cannot be used: the plugin would silently go on without one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: an embedded zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot keep compiled models in {str(folder)!r}: {reason}; give a folder as cache_dir"
        ) from None


def _settings(
    device: str, threads: int, precision: str, cache_dir: str | Path | None
) -> dict[str, Any]:
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    if device == "CPU":
        settings["INFERENCE_NUM_THREADS"] = threads
    if precision != "default":
        settings["INFERENCE_PRECISION_HINT"] = precision
    if cache_dir is not None:
        settings["CACHE_DIR"] = str(cache_dir)
    return settings


def _auto(core: Any, model: Any, settings: dict[str, dict[str, Any]]) -> str:
    """Return the device that AUTO chooses of several.

    The model then runs on that one directly: under AUTO it would start on the CPU, move when another
    device is ready, move back where that fails, and not report its precision.
    """
    options = {"ENABLE_STARTUP_FALLBACK": False, "DEVICE_PROPERTIES": settings}
    compiled = core.compile_model(model, f"AUTO:{','.join(settings)}", options)
    return str(compiled.get_property("EXECUTION_DEVICES")[0]).strip("()")


def _info(core: Any, compiled: Any, model: ModelFile, precision: str) -> BackendInfo:
    """Read back what was made of the settings."""
    ran = tuple(str(one) for one in compiled.get_property("EXECUTION_DEVICES"))

    def read(key: str) -> Any:
        try:
            return compiled.get_property(key)
        except RuntimeError:
            return None

    hint = read("INFERENCE_PRECISION_HINT")
    used = hint.get_type_name() if hint is not None else None
    if precision != "default" and used is not None and used != precision:
        raise BackendError(
            f"{', '.join(ran)} computes in {used}, not in {precision}: choose "
            f"precision={used!r}, or another device"
        )
    streams, threads = read("NUM_STREAMS"), read("INFERENCE_NUM_THREADS")
    return BackendInfo(
        runtime="openvino",
        runtime_version=RUNTIMES["openvino"].version,
        delegate="none",
        delegated_operators=0,
        total_operators=len(model.operator_names),
        partitions=0,
        threads=int(threads) if threads is not None else None,
        device=", ".join(_full_name(core, one) for one in ran),
        execution_devices=ran,
        inference_precision=used,
        streams=int(streams) if streams is not None else None,
        layers=executed_layers(compiled),
    )


def _specs(ports: Any) -> tuple[TensorSpec, ...]:
    """One for each name of each input or output."""
    return tuple(
        TensorSpec(
            name, tuple(int(n) for n in port.shape), np.dtype(port.element_type.to_dtype()).name
        )
        for port in ports
        for name in sorted(port.names)
    )


def one_reason(error: Exception) -> str:
    """Return an error's reason, without the places in OpenVINO's sources that it begins with.

    Parameters
    ----------
    error
        What OpenVINO raised.

    Returns
    -------
    str
        One line.
    """
    lines = str(error).splitlines()
    told = [line for line in lines if not _PLACE.fullmatch(line.strip())]
    text = " ".join(" ".join(told or lines).split())
    return re.sub(r"Check '.*?' failed at \S+?:\d+: ?", "", text) or type(error).__name__
