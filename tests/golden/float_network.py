"""Our float network in the real interpreter, as the parity tests compare it with others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge_edet.converters.write.tflite.lower import write_tflite
from edge_edet.network.build import BOX_CODES, CLASS_LOGITS, IMAGE, build_network
from edge_edet.variants import Variant


class FloatNetwork:
    """normalized: whether pictures are float32 with mean and std applied, else uint8 RGB."""

    def __init__(
        self, variant: Variant, weights: Mapping[str, np.ndarray], *, normalized: bool = False
    ) -> None:
        graph = build_network(variant, weights)
        model = write_tflite(graph, "fp32", normalized_input=normalized)
        self._interpreter = Interpreter(model_content=model, num_threads=2)
        self._interpreter.allocate_tensors()
        self._run = self._interpreter.get_signature_runner("serving_default")

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Class logits [N, classes] and box codes [N, 4] of one picture [1, S, S, 3]."""
        outputs = self._run(**{IMAGE: image})
        return outputs[CLASS_LOGITS][0].copy(), outputs[BOX_CODES][0].copy()


def run_float(
    variant: Variant, weights: Mapping[str, np.ndarray], image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of one picture; a float32 one is already normalized."""
    return FloatNetwork(variant, weights, normalized=image.dtype == np.float32)(image)


def normal_image(size: int | tuple[int, int]) -> np.ndarray:
    """The picture that every seeded golden was made with: [1, height, width, 3], normalized."""
    height, width = (size, size) if isinstance(size, int) else size
    return np.random.default_rng(1).normal(0, 1, (1, height, width, 3)).astype(np.float32)
