"""Checks that two files are an INT8 model and its float model: of one format, input and weights."""

from __future__ import annotations

from edge_edet.converters.inspect.facts import is_integer_file
from edge_edet.errors import InputError
from edge_edet.formats import FORMATS, ModelFile
from edge_edet.manifest import manifest_of


def check_pair(model: ModelFile, other: ModelFile) -> None:
    """Raise InputError where the files cannot be an INT8 model and its float model, in this order.

    Parameters
    ----------
    model
        The INT8 model.
    other
        The float model.

    Raises
    ------
    InputError
        Where they are not of that kind, or of different formats or networks.
    """
    if model.format != other.format:
        raise InputError(
            f"{str(other.path)!r} is {FORMATS[other.format].title} and {str(model.path)!r} is "
            f"{FORMATS[model.format].title}: --against needs the float model in the same format"
        )
    if not is_integer_file(model):
        raise InputError(
            f"{str(model.path)!r} is no INT8 model: --against compares INT8 with float"
        )
    if is_integer_file(other):
        raise InputError(f"{str(other.path)!r} is an INT8 model: --against needs the float model")
    check_same_input(model, other)
    check_same_weights(model, other)


def check_same_input(model: ModelFile, other: ModelFile) -> None:
    """Raise InputError where the two models do not take the same input."""
    left, right = ([(t.dtype, t.shape) for t in m.input_tensors] for m in (model, other))
    if left != right:
        raise InputError(
            f"{str(other.path)!r} takes {right} and {str(model.path)!r} takes {left}: it is the "
            "float model of another network"
        )


def check_same_weights(model: ModelFile, other: ModelFile) -> None:
    """Raise InputError where both manifests state a digest of their weights, and the digests differ."""
    digests = []
    for each in (model, other):
        manifest = manifest_of(each)
        weights = manifest.provenance.get("weights") if manifest else None
        digests.append(weights.get("tensors_sha256") if isinstance(weights, dict) else None)
    if all(digests) and digests[0] != digests[1]:
        raise InputError(
            f"{str(other.path)!r} and {str(model.path)!r} were converted from different weights: "
            "convert both from the same ones"
        )
