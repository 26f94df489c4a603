"""What of a model file its consumers look at."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.detection import layout_of
from edge_edet.errors import EdgeEdetError
from edge_edet.formats import ModelFile, TensorInfo
from edge_edet.formats.tflite import TfliteModel

__all__ = ["ModelFacts", "facts_of"]

RAW = {"boxes": "box codes", "classes": "class logits"}  # of the anchors, before suppression


@dataclass(frozen=True)
class ModelFacts:
    """What a model file shows.

    Attributes
    ----------
    format
        Its suffix.
    inputs, outputs
        By index.
    roles
        What each output means, by index; None where that is not known.
    operators
        In their order, constants left out.
    float_operators
        Places in `operators` of those that compute in float; None where the format does not show it.
    channel_weights
        How many stored tensors have a scale for each channel; None where the format does not show it.
    metadata
        Keys of what the file says about itself.
    """

    format: str
    size_bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    roles: tuple[str | None, ...]
    operators: tuple[str, ...]
    float_operators: tuple[int, ...] | None
    channel_weights: int | None
    metadata: frozenset[str]


def facts_of(model: ModelFile) -> ModelFacts:
    """Collect the facts of a model file, one of ours or a foreign one."""
    named = {name: role for role, name in _roles(model).items()}
    tflite = model if isinstance(model, TfliteModel) else None
    return ModelFacts(
        format=model.format,
        size_bytes=model.size_bytes,
        inputs=model.input_tensors,
        outputs=model.output_tensors,
        roles=tuple(named.get(tensor.name) for tensor in model.output_tensors),
        operators=model.operator_names,
        float_operators=tuple(op.index for op in tflite.non_integer_operators) if tflite else None,
        channel_weights=_channel_weights(tflite) if tflite else None,
        metadata=frozenset(model.metadata),
    )


def _roles(model: ModelFile) -> dict[str, str]:
    """Role -> output, empty where the file does not show it."""
    try:
        layout = layout_of(model)
    except EdgeEdetError:
        return {}
    if layout.in_graph:
        return layout.outputs
    return {RAW[role]: name for role, name in layout.outputs.items()}


def _channel_weights(model: TfliteModel) -> int:
    return sum(tensor.is_constant and len(tensor.scales) > 1 for tensor in model.tensors)
