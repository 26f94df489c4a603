"""Build the model files of a study: random weights, INT8 calibrated on noise, for cost and latency only."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

from edge_edet.converters.calibrate import calibrate_on_noise, fit_swishes, noise_of
from edge_edet.converters.checkpoints import random_weights
from edge_edet.converters.quantize import (
    CHANNELWISE_RECIPES,
    DEFAULT_RECIPE,
    CalibrationRecord,
    corrected,
    get_recipe,
    quantize,
    quantize_channelwise,
)
from edge_edet.converters.weights import Source, weights_digest
from edge_edet.converters.write import ModelWriter, write_checked
from edge_edet.network import (
    Graph,
    build_network,
    count_parameters,
    node_multiply_adds,
    parameter_shapes,
)
from edge_edet.output_files import STUDY_MODEL, Outputs
from edge_edet.studies.operators import OPENVINO_OPERATORS, TFLITE_OPERATORS
from edge_edet.variants import Variant

__all__ = ["StudyModel", "feature_network_size", "size"]

NOISE_PICTURES = 1


def size(variant: Variant) -> tuple[int, int]:
    """Return trainable parameters and multiply-adds, counted in the graph."""
    return count_parameters(variant), build_network(variant).multiply_adds()


def feature_network_size(variant: Variant) -> tuple[int, int]:
    """Return `size` of what is between the backbone and the heads."""
    parameters = sum(
        math.prod(shape)
        for name, shape in parameter_shapes(variant).items()
        if name.startswith("fpn.") and not name.endswith(("running_mean", "running_var"))
    )
    nodes = build_network(variant).nodes
    return parameters, sum(node_multiply_adds(n) for n in nodes if n.name.startswith("fpn/"))


class StudyModel:
    """One network with seeded weights; graph and statistics are computed once for all its files."""

    def __init__(self, variant: Variant, seed: int, threads: int):
        self.variant, self.seed, self.threads = variant, seed, threads

    @functools.cached_property
    def source(self) -> Source:
        """The random weights and their provenance."""
        weights = random_weights(self.variant, self.seed)
        provenance = {
            "name": "random",
            "sha256": None,
            "family": None,
            "random": True,
            "seed": self.seed,
        }
        labels = tuple(f"class {index}" for index in range(self.variant.num_classes))
        return Source(self.variant, weights, labels, provenance, weights_digest(weights), ())

    @functools.cached_property
    def graph(self) -> Graph:
        """The network with its weights."""
        return build_network(self.variant, self.source.weights)

    @functools.cached_property
    def record(self) -> CalibrationRecord:
        """Statistics of activations on noise."""
        digest = self.source.digest
        return calibrate_on_noise(
            self.graph, digest, NOISE_PICTURES, self.seed, self.threads, TFLITE_OPERATORS
        )

    def write(
        self, path: Path, target: str, precision: str, outputs: Outputs | None = None
    ) -> None:
        """Write one model file.

        Parameters
        ----------
        target
            "tflite" or "openvino".
        precision
            "fp32" or "int8".
        outputs
            See `write_checked`.
        """
        record = self.record if precision == "int8" else None
        operators: dict[str, Any] = {
            "tflite": TFLITE_OPERATORS,
            "openvino": OPENVINO_OPERATORS,
        }
        file = ModelWriter(
            self.source, self.source.labels, precision, "none", (), record, operators=operators
        )
        if target == "openvino":
            files = self._ir(file)
        elif record is None:
            files = {".tflite": file.to_bytes(self.graph, None, None)}
        else:
            recipe = get_recipe(DEFAULT_RECIPE)
            graph, quantized = quantize(self.graph, record.statistics, recipe)
            quantized = corrected(graph, quantized, {})  # noise corrects nothing
            files = {".tflite": file.to_bytes(graph, quantized, recipe.to_dict())}
        write_checked(path, files, outputs, STUDY_MODEL)

    def _ir(self, file: ModelWriter) -> dict[str, bytes]:
        if file.calibration is None:
            return file.to_ir(self.graph, None, None)
        recipe = next(iter(CHANNELWISE_RECIPES.values()))
        record = file.calibration
        noise = noise_of(self.graph, self.seed)
        swishes = fit_swishes(
            self.graph, range(NOISE_PICTURES), noise, self.threads, TFLITE_OPERATORS
        )
        channels = quantize_channelwise(self.graph, record.statistics, recipe, swishes)
        return file.to_ir(self.graph, channels, recipe.to_dict() | channels.stated())
