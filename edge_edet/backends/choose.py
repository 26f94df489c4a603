"""Choose the backend for a model file and the options of `load`; an option that does not apply is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_edet.arguments import shown
from edge_edet.backends.backend import Backend
from edge_edet.errors import InputError
from edge_edet.formats import FORMATS, ModelFile
from edge_edet.formats.tflite import EDGE_TPU, TfliteModel
from edge_edet.runtimes import RUNTIMES, unknown_runtime

__all__ = ["DELEGATES", "RunOptions", "check_options", "open_backend"]

ON_CPU_OR_GPU = ("none", "xnnpack", "gpu")
DELEGATES = (*ON_CPU_OR_GPU, "edgetpu")


@dataclass(frozen=True)
class RunOptions:
    """What `load` was given about how to run; None: not given.

    Attributes
    ----------
    runtime
        The runtime's name.
    device
        CPU, GPU, NPU or AUTO, for OpenVINO and LiteRT's GPU.
    precision
        Of what is not integer: f32, bf16, f16 or default.
    cache_dir
        Where OpenVINO keeps compiled models.
    delegate
        Xnnpack, none, gpu, edgetpu, or the path of a library.
    delegate_options
        Of a delegate: value by key.
    """

    runtime: str | None = None
    device: str | None = None
    precision: str | None = None
    cache_dir: str | Path | None = None
    delegate: str | None = None
    delegate_options: Mapping[str, str] | None = None


def check_options(model: ModelFile, options: RunOptions) -> None:
    """Refuse, with InputError, a runtime that does not take the file, or an option that it does not take.

    Parameters
    ----------
    model
        The summary of the file.
    options
        As given to `load`.

    Raises
    ------
    InputError
        For a runtime that does not take the file, and an option that the runtime does not take.
    """
    _check_types(options)
    form = FORMATS[model.format]
    known = form.runtimes
    runtime = options.runtime or known[0]
    if runtime not in RUNTIMES:
        raise unknown_runtime(runtime)
    if runtime not in known:
        raise InputError(
            f"runtime {runtime!r} does not take {str(model.path)!r}: "
            f"{form.title} runs in {', '.join(known)}{_file_instead(form.suffix, runtime)}"
        )
    taken = RUNTIMES[runtime].options
    for name in ("device", "precision", "cache_dir", "delegate", "delegate_options"):
        value = getattr(options, name)
        if value and name not in taken:
            raise InputError(
                f"{name}={value!r} is not for {str(model.path)!r}: {form.title} runs in "
                f"{runtime}, which takes threads, {', '.join(taken)}"
            )
    _check_delegate(options.delegate)


def _file_instead(suffix: str, runtime: str) -> str:
    """Say which file to give to a runtime instead of this one.

    OpenVINO reads a .tflite, but runs one of integers alone slower than the float one: docs/runtimes.md.
    """
    if (suffix, runtime) == (".tflite", "openvino"):
        return (
            "; give openvino the .xml that 'edge-edet convert --to openvino' writes: a .tflite of INT8 runs "
            "slower there than one of floats"
        )
    return ""


def _check_types(options: RunOptions) -> None:
    """Refuse options of a wrong type; an empty text is refused too: None means the default."""
    given = options.delegate_options
    if given is not None and not (
        isinstance(given, Mapping)
        and all(isinstance(text, str) for pair in given.items() for text in pair)
    ):
        raise InputError(
            f"delegate_options must be a mapping of texts to texts, but got {shown(given)}"
        )
    for name in ("runtime", "device", "precision", "delegate"):
        value = getattr(options, name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise InputError(f"{name} must be a name or None, but got {value!r}")
    folder = options.cache_dir
    if folder is not None and (not isinstance(folder, (str, Path)) or not str(folder)):
        raise InputError(f"cache_dir must be a folder or None, but got {folder!r}")


def open_backend(
    model: ModelFile,
    options: RunOptions,
    *,
    threads: int,
    stored: str = "fp32",
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Backend:
    """Load the model in its runtime; only that runtime's module is imported.

    The layers of an INT8 model that are not INT8 are computed in the device's default precision, since
    INT8 is for speed. A float16 model may be computed in float16 by LiteRT's GPU.

    Parameters
    ----------
    model
        The summary of the file.
    options
        How it runs.
    threads
        Of the CPU.
    stored
        The model's precision, as its manifest states it.
    input_shapes
        Of a .tflite: input -> its shape, where the file leaves it free.

    Returns
    -------
    Backend
        The loaded model.

    Raises
    ------
    InputError, ModelFileError, MissingExtraError, BackendError
        As `edge_edet.load` does.
    """
    if isinstance(model, TfliteModel):
        return _litert(model, options, threads, stored, input_shapes)
    device = options.device or "CPU"
    runtime = options.runtime or FORMATS[model.format].runtimes[0]
    if runtime == "onnxruntime":
        from edge_edet.backends.onnxruntime import OnnxRuntimeBackend

        return OnnxRuntimeBackend(model, threads=threads, device=device)
    from edge_edet.backends.openvino import OpenVinoBackend

    return OpenVinoBackend(
        model,
        threads=threads,
        device=device,
        precision=options.precision or ("default" if stored == "int8" else "f32"),
        cache_dir=options.cache_dir,
    )


def _litert(
    model: TfliteModel,
    options: RunOptions,
    threads: int,
    stored: str,
    input_shapes: Mapping[str, tuple[int, ...]] | None,
) -> Backend:
    if EDGE_TPU in model.custom_operators and options.delegate in (None, *ON_CPU_OR_GPU):
        raise InputError(
            f"{str(model.path)!r} is compiled for the Edge TPU: run it with delegate 'edgetpu' "
            "(--delegate edgetpu) where one is connected, else give the file that it was compiled "
            "from, the one without _edgetpu in its name"
        )
    if options.delegate == "gpu":
        if input_shapes:
            raise InputError(
                f"delegate 'gpu' is not for {str(model.path)!r}: its input has a free size, and the "
                "GPU takes fixed ones; leave the delegate out"
            )
        from edge_edet.backends.litert import LiteRtGpuBackend

        return LiteRtGpuBackend(
            model,
            half=stored == "fp16",
            runtime=options.runtime,
            delegate_options=options.delegate_options,
        )
    from edge_edet.backends.litert import LiteRtBackend

    return LiteRtBackend(
        model,
        threads=threads,
        runtime=options.runtime,
        delegate=options.delegate,
        delegate_options=options.delegate_options,
        input_shapes=input_shapes,
        stored=stored,
    )


def _check_delegate(delegate: str | None) -> None:
    if delegate is None or delegate in DELEGATES:
        return
    if "/" not in delegate and "\\" not in delegate and not Path(delegate).suffix:
        raise InputError(
            f"unknown delegate {delegate!r}: known are {', '.join(DELEGATES)}, "
            "or the path of a delegate library (.so)"
        )
