"""Our float network in the real interpreter, as the parity tests compare it with others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge_edet.converters.network import BOX_CODES, CLASS_LOGITS, IMAGE, build_network
from edge_edet.converters.to_tflite import write_tflite
from edge_edet.variants import Variant


def run_float(
    variant: Variant, weights: Mapping[str, np.ndarray], image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Class logits [N, classes] and box codes [N, 4] of one picture [1, S, S, 3].

    A uint8 picture is RGB; a float32 one is already normalized (mean and std applied).
    """
    floating = image.dtype == np.float32
    model = write_tflite(build_network(variant, weights), "fp32", normalized_input=floating)
    interpreter = Interpreter(model_content=model, num_threads=2)
    interpreter.allocate_tensors()
    outputs = interpreter.get_signature_runner("serving_default")(**{IMAGE: image})
    return outputs[CLASS_LOGITS][0], outputs[BOX_CODES][0]


def normal_image(size: int) -> np.ndarray:
    """The picture that every seeded golden was made with: [1, size, size, 3], normalized."""
    return np.random.default_rng(1).normal(0, 1, (1, size, size, 3)).astype(np.float32)
