"""The facts of a model file that stand in a row, read from the file itself."""

from __future__ import annotations

from pathlib import Path

from edge_edet.benchmarks.rows.parts import ModelFacts
from edge_edet.detection import ModelLayout, layout_of
from edge_edet.errors import InputError
from edge_edet.formats import FORMATS, read_model, sha256_of

__all__ = ["has_random_weights", "model_facts"]


def model_facts(path: Path) -> ModelFacts:
    """Read the facts of a model file.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    ModelFacts
        As rows have them.

    Raises
    ------
    ModelFileError
        Where it is no intact detector.
    """
    model = read_model(path)
    layout = layout_of(model)
    parameters, multiply_adds = _size_of(layout)
    return ModelFacts(
        file=path.name,
        sha256=sha256_of(path),
        size_bytes=model.size_bytes,
        variant=layout.variant.name if layout.variant else None,
        image_size=layout.input_size,
        precision=layout.precision,
        format=FORMATS[model.format].name,
        parameters=parameters,
        multiply_adds=multiply_adds,
    )


def has_random_weights(path: Path) -> bool:
    """Whether the manifest says that the weights are random.

    Parameters
    ----------
    path
        Of the model.

    Returns
    -------
    bool
        False where it has no manifest.
    """
    manifest = layout_of(read_model(path)).manifest
    return manifest is not None and manifest.has_random_weights


def _size_of(layout: ModelLayout) -> tuple[int | None, int | None]:
    """Trainable parameters and multiply-adds of the network that the manifest describes."""
    if layout.variant is None:
        return None, None
    from edge_edet.network import build_network, count_parameters

    variant = layout.variant
    try:
        return count_parameters(variant), build_network(variant).multiply_adds()
    except InputError:  # a feature network that is not known here
        return None, None
