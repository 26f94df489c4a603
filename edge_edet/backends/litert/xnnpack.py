"""XNNPACK with its 8-bit kernels, for a runtime that has them and leaves them off.

tflite-runtime 2.14.0 gives XNNPACK only what is float: an INT8 model runs in the runtime's own kernels, nine
times slower than the float model. But its library exports TfLiteXNNPackDelegateCreate, whose options turn
the 8-bit kernels on (tensorflow/lite/delegates/xnnpack/xnnpack_delegate.h of TensorFlow 2.14).
"""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

from edge_edet.formats.tflite import TfliteModel

__all__ = ["EightBitXnnpack", "computes_in_8_bits", "eight_bit_xnnpack"]

QS8, QU8 = 0x1, 0x2  # TFLITE_XNNPACK_DELEGATE_FLAG_*: signed and unsigned 8-bit operators
# runtime -> the extension module whose library exports the delegate
_LIBRARIES = {"tflite-runtime": "tflite_runtime._pywrap_tensorflow_interpreter_wrapper"}


class _Options(ctypes.Structure):
    """TfLiteXNNPackDelegateOptions: two fields that stay where they are, and room for later ones."""

    _fields_ = (
        ("num_threads", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("later", ctypes.c_byte * 248),
    )


class EightBitXnnpack:
    """A delegate for the interpreter's `experimental_delegates`, which must not outlive it."""

    def __init__(self, library: ctypes.CDLL, threads: int):
        library.TfLiteXNNPackDelegateCreate.argtypes = [ctypes.POINTER(_Options)]
        library.TfLiteXNNPackDelegateCreate.restype = ctypes.c_void_p
        library.TfLiteXNNPackDelegateDelete.argtypes = [ctypes.c_void_p]
        library.TfLiteXNNPackDelegateDelete.restype = None
        self._delete = library.TfLiteXNNPackDelegateDelete
        options = _Options(num_threads=threads, flags=QS8 | QU8)
        self._pointer: int | None = library.TfLiteXNNPackDelegateCreate(ctypes.byref(options))
        if not self._pointer:
            raise OSError("XNNPACK could not be initialized")

    def _get_native_delegate_pointer(self) -> int | None:
        """Return the pointer; the interpreter calls this (tflite_runtime/interpreter.py)."""
        return self._pointer

    def __del__(self) -> None:
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            self._delete(pointer)


def eight_bit_xnnpack(runtime: str, threads: int) -> EightBitXnnpack | None:
    """Create the delegate; None where this runtime's library does not export it."""
    if runtime not in _LIBRARIES:
        return None
    try:
        library: Any = importlib.import_module(_LIBRARIES[runtime])
        return EightBitXnnpack(ctypes.CDLL(library.__file__), threads)
    except (ImportError, OSError, AttributeError):
        return None


def computes_in_8_bits(model: TfliteModel) -> bool:
    """Whether a convolution reads 8-bit values, rather than float ones and 8-bit weights."""
    return any(
        op.name in ("CONV_2D", "DEPTHWISE_CONV_2D")
        and model.tensors[op.inputs[0]].dtype in ("int8", "uint8")
        for op in model.operators
        if op.inputs and op.inputs[0] >= 0
    )
