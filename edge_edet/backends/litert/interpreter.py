"""TensorFlow Lite's interpreter: from ai-edge-litert, tflite-runtime or tensorflow."""

from __future__ import annotations

import ctypes
import importlib
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.backends.backend import BackendInfo, TensorSpec
from edge_edet.backends.litert.delegation import delegation
from edge_edet.backends.litert.fast_precisions import slow
from edge_edet.backends.litert.xnnpack import computes_in_8_bits, eight_bit_xnnpack
from edge_edet.errors import BackendError, InputError, MissingExtraError, ModelFileError
from edge_edet.formats import FORMATS
from edge_edet.formats.tflite import TfliteModel
from edge_edet.optional_packages import broken_runtime, install, missing_runtime
from edge_edet.runtimes import RUNTIMES, unknown_runtime
from edge_edet.terminal import without_runtime_logs

__all__ = ["LiteRtBackend", "find_runtime"]

NAMES = FORMATS[".tflite"].runtimes  # the first one that is installed is the default
EDGETPU_LIBRARY = "libedgetpu.so.1"
FAILED = re.compile(r"failed to delegate \w+ node #\d+")  # xnnpack_delegate.cc
# tensorflow/lite/delegates/external/external_delegate_interface.h
DELEGATE_SYMBOLS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


class LiteRtBackend:
    """A model in an interpreter, with the delegate that was asked for or not at all.

    input_shapes: input -> its shape, where that is not the one that the file stores. stored: the
    file's precision, for a note where this runtime is slow with it.

    Parameters
    ----------
    model
        The summary of the file.
    threads
        Of the CPU.
    runtime
        The runtime's name; None: the first that is installed.
    delegate
        Xnnpack, none, edgetpu, or the path of a library; None: xnnpack where the runtime has
        it.
    delegate_options
        Of a library: value by key.
    input_shapes
        Input -> its shape, where that is not the one that the file stores.
    stored
        The file's precision, for a note where this runtime is slow with it.
    """

    def __init__(
        self,
        model: TfliteModel,
        *,
        threads: int,
        runtime: str | None = None,
        delegate: str | None = None,
        delegate_options: Mapping[str, str] | None = None,
        input_shapes: Mapping[str, tuple[int, ...]] | None = None,
        stored: str = "fp32",
    ):
        self.name = find_runtime(runtime)
        options = dict(delegate_options or {})
        if options and delegate in (None, "none", "xnnpack"):
            raise InputError(
                f"delegate options {options} need a delegate that takes any: "
                "edgetpu or the path of a delegate library"
            )
        with without_runtime_logs():
            module, resolvers = _import(self.name)
        external = []
        if delegate not in (None, "none", "xnnpack"):
            external = [_load_delegate(module, delegate, options)]
        elif delegate != "none" and not input_shapes and computes_in_8_bits(model):
            # A delegate that is given takes the graph before an input can be resized.
            quick = eight_bit_xnnpack(self.name, threads)
            external = [quick] if quick else []
        plain = external or delegate == "none"
        resolver = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else resolvers.AUTO
        try:
            with without_runtime_logs(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tf.lite.Interpreter says that it moved
                self._interpreter = module.Interpreter(
                    model_path=str(model.path),
                    num_threads=threads,
                    experimental_delegates=external or None,
                    experimental_op_resolver_type=resolver,
                )
                for details in self._interpreter.get_input_details():
                    if shape := (input_shapes or {}).get(details["name"]):
                        self._interpreter.resize_tensor_input(details["index"], list(shape))
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, TypeError) as error:
            raise _refused(model, self.name, delegate, error) from None
        taken = delegation(model, self._interpreter)
        operators = taken.operators if taken else None
        if delegate not in (None, "none") and operators == 0:
            raise BackendError(
                f"delegate {delegate!r} took none of the {len(model.operators)} operators of "
                f"{str(model.path)!r} in {self.name}: choose delegate='none' to run on the CPU"
            )
        # Without a list of nodes only the resolver is known: the runtime's own default applied.
        used = delegate or ("none" if operators == 0 else "xnnpack" if operators else "default")
        version = RUNTIMES[self.name].version
        found = None
        if taken is not None and delegate in (None, "xnnpack"):
            covered = taken.operators / max(1, len(model.operators))
            found = slow(self.name, version, stored, covered)
        self.info = BackendInfo(
            runtime=self.name,
            runtime_version=version,
            delegate=used,
            delegated_operators=operators,
            total_operators=len(model.operators),
            partitions=taken.partitions if taken else None,
            threads=threads,
            notes=(f"{found.text}: {found.advice}",) if found else (),
        )
        self.inputs = tuple(_spec(d) for d in self._interpreter.get_input_details())
        self.outputs = tuple(_spec(d) for d in self._interpreter.get_output_details())
        self._input_index = _indexes(self._interpreter.get_input_details())
        self._output_index = _indexes(self._interpreter.get_output_details())

    def input_memory(self, name: str) -> npt.NDArray[Any]:
        """Return a view of the input tensor, to be dropped before `run`.

        Parameters
        ----------
        name
            The input tensor's name.

        Returns
        -------
        npt.NDArray[Any]
            Of the tensor's shape and type; filled by the caller.
        """
        memory: npt.NDArray[Any] = self._open().tensor(self._input_index[name])()
        return memory

    def run(self) -> dict[str, npt.NDArray[Any]]:
        """Run the model and return views of its outputs, to be dropped before the next `run`.

        Returns
        -------
        dict[str, npt.NDArray[Any]]
            Output by tensor name.

        Raises
        ------
        BackendError
            Where the interpreter fails.
        """
        interpreter = self._open()
        try:
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise BackendError(f"{self.name} failed to run the model: {_one_line(error)}") from None
        return {name: interpreter.tensor(index)() for name, index in self._output_index.items()}

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None

    def _open(self) -> Any:
        if self._interpreter is None:
            raise BackendError("the detector is closed: load the model again")
        return self._interpreter


def find_runtime(runtime: str | None = None) -> str:
    """Return the runtime that was asked for, else the first one that is installed.

    Parameters
    ----------
    runtime
        The name that was asked for; None: any.

    Returns
    -------
    str
        The runtime's name.

    Raises
    ------
    InputError
        For a name that is not one of LiteRT's.
    MissingExtraError
        If it, or any, is not installed.
    """
    if runtime is not None and runtime not in NAMES:
        raise unknown_runtime(runtime, NAMES)
    for name in [runtime] if runtime else NAMES:
        if RUNTIMES[name].is_installed:
            return name
    if runtime:
        raise missing_runtime(runtime)
    raise MissingExtraError(f"no runtime is installed: {install(RUNTIMES[NAMES[0]].extra)}")


def _import(runtime: str) -> tuple[Any, Any]:
    """Return the module with Interpreter and load_delegate, and its OpResolverType."""
    try:
        if runtime == "tensorflow":
            lite: Any = importlib.import_module("tensorflow").lite
            interpreter = importlib.import_module("tensorflow.lite.python.interpreter")
            return interpreter, lite.experimental.OpResolverType
        module: Any = importlib.import_module(RUNTIMES[runtime].module)
        return module, module.OpResolverType
    except (ImportError, AttributeError, OSError) as error:
        raise broken_runtime(runtime, _one_line(error)) from None


def _load_delegate(module: Any, delegate: str | None, options: dict[str, str]) -> Any:
    library = EDGETPU_LIBRARY if delegate == "edgetpu" else str(delegate)
    try:
        # The interpreter's own loader leaves a half-made object behind when one of these fails.
        with without_runtime_logs():
            symbols = ctypes.CDLL(library)
            for symbol in DELEGATE_SYMBOLS:
                if not hasattr(symbols, symbol):
                    raise OSError(f"it is no delegate library, it lacks {symbol}")
            return module.load_delegate(library, options)
    except Exception as error:  # a ctypes OSError, a missing symbol, or the library's own refusal
        hint = "; install libedgetpu1-std and connect the device" if delegate == "edgetpu" else ""
        reason = _one_line(error) or "the library gives no reason"
        raise BackendError(f"delegate {library!r} did not load: {reason}{hint}") from None


def _refused(model: TfliteModel, runtime: str, delegate: str | None, error: Exception) -> Exception:
    reason = _one_line(error)
    if delegate in (None, "xnnpack") and (failed := FAILED.match(reason)):
        # TensorFlow 2.19 with float16 weights and float32 biases, once for each such operator
        return ModelFileError(
            f"{runtime}'s XNNPACK cannot run what it takes of {str(model.path)!r} ({failed[0]}): "
            "convert the model again, or choose delegate 'none' (--delegate none)"
        )
    if delegate in (None, "none", "xnnpack"):
        return ModelFileError(f"{runtime} refuses {str(model.path)!r}: {reason}")
    return BackendError(f"delegate {delegate!r} refuses {str(model.path)!r}: {reason}")


def _spec(details: dict[str, Any]) -> TensorSpec:
    q = details["quantization_parameters"]
    per_tensor = len(q["scales"]) == 1
    return TensorSpec(
        name=details["name"],
        shape=tuple(int(n) for n in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(q["scales"][0]) if per_tensor else None,
        zero_point=int(q["zero_points"][0]) if per_tensor else 0,
    )


def _indexes(details: list[dict[str, Any]]) -> dict[str, int]:
    return {d["name"]: int(d["index"]) for d in details}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
