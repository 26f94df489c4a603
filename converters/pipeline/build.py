"""Build: from a variant or a checkpoint to a float network with class names."""

from __future__ import annotations

from dataclasses import dataclass

from edge_edet.converters.pipeline.plan import Plan
from edge_edet.converters.weights import Source, find_weights, read_labels
from edge_edet.labels import check_names
from edge_edet.network import Graph, build_network

__all__ = ["Network", "build", "find_source"]


@dataclass(frozen=True)
class Network:
    """A float network, ready to be written or quantized.

    Attributes
    ----------
    source
        Its weights, and where they are from.
    labels
        Class names; None for a class without one.
    graph
        Batch norm is folded into the convolutions.
    notes
        What to report.
    """

    source: Source
    labels: tuple[str | None, ...]
    graph: Graph
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.source.variant.name


def find_source(planned: Plan, given: str) -> Source:
    """Find the weights of a variant, or of the checkpoint that was given in its place."""
    request = planned.request
    return find_weights(
        given,
        request.weights,
        request.seed,
        request.num_classes,
        request.image_size,
        request.training,
    )


def build(planned: Plan, given: str, source: Source) -> Network:
    """Build the float network of these weights.

    Raises
    ------
    InputError
        For class names that cannot be, or that none of the labelled pictures has.
    """
    request, notes, labels = planned.request, list(source.notes), source.labels
    if request.labels is not None:
        labels, note = read_labels(request.labels, source.variant.num_classes)
        if note:
            notes.append(f"{str(request.labels)!r}: {note}")
    elif source.labels_note:
        notes.append(source.labels_note)
    check_names(labels, f"the labels of {given}")
    measured = request.parity_report or request.max_drop is not None
    if request.data is not None and "int8" in planned.formats and not source.random and measured:
        from edge_edet.converters.inspect import check_classes

        check_classes(labels, request.data, request.split)
    return Network(source, labels, build_network(source.variant, source.weights), tuple(notes))
