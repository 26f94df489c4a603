"""Build the model files of a search's candidate, for each format that can be searched."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge_edet.converters.calibrate import NNCF_RECIPES, NncfRecipe, check_nncf, quantize_by_nncf
from edge_edet.converters.quantize import (
    CHANNELWISE_RECIPES,
    CalibrationRecord,
    ChannelwiseRecipe,
    CorrectionRecord,
    quantize_channelwise,
)
from edge_edet.converters.search.candidates import INTEGER_RECIPES, Candidate, build, float_part_of
from edge_edet.converters.write import ModelArtifact, ModelWriter
from edge_edet.errors import InputError
from edge_edet.network import Graph

# From most integer to least. A margin is how far a channel may go beyond its calibrated range.
CHANNELWISE = (
    CHANNELWISE_RECIPES["channelwise-all"],
    ChannelwiseRecipe("channelwise-fastest", least_swish_db=0.0),
    CHANNELWISE_RECIPES["channelwise-fast"],
    CHANNELWISE_RECIPES["channelwise"],
    ChannelwiseRecipe("channelwise-1.5", margin=1.5),
    ChannelwiseRecipe("channelwise-3", margin=3.0),
    CHANNELWISE_RECIPES["channelwise-exact"],
    ChannelwiseRecipe("channelwise-pointwise", float_depthwise="all", least_swish_db=None),
    ChannelwiseRecipe("channelwise-pointwise-3", 3.0, float_depthwise="all", least_swish_db=None),
)


class ModelBuilder(Protocol):
    """Makes models of one format for the search."""

    @property
    def suffix(self) -> str:
        """Suffix of the file that is loaded, with its dot."""
        ...

    @property
    def graph(self) -> Graph:
        """The float network that the models are built from."""
        ...

    def candidates(self) -> tuple[Candidate, ...]:
        """Return the candidates without float parts, in the order in which they are tried.

        Returns
        -------
        tuple[Candidate, ...]
            In the order in which they are tried.
        """
        ...

    def notes(self) -> Sequence[str]:
        """Return a line for each thing that is not tried, with the reason.

        Returns
        -------
        Sequence[str]
            Lines.
        """
        ...

    def make(
        self, candidate: Candidate | None, recipe: Mapping[str, Any] | None = None
    ) -> ModelArtifact:
        """Build the model files of a candidate.

        Parameters
        ----------
        candidate
            None for the float model.
        recipe
            The recipe to write into the manifest, for the model that was chosen. None for a model that is
            only measured: it has no suppression inside, because the score threshold of suppression would
            lower AP.

        Returns
        -------
        ModelArtifact
            The bytes of each file by suffix, and the number of convolutions in float where it is known.
        """
        ...


@dataclass(frozen=True)
class TfliteBuilder:
    """Builds `.tflite` candidates.

    Attributes
    ----------
    described
        Writer of the requested model.
    graph
        The float network.
    record
        Calibration statistics of its activations.
    corrections
        Corrections of weights and biases, for the recipes that use them.
    suffix
        Suffix of the file.
    """

    described: ModelWriter
    graph: Graph
    record: CalibrationRecord
    corrections: CorrectionRecord
    suffix: str = ".tflite"

    def candidates(self) -> tuple[Candidate, ...]:
        """Return one candidate for each integer recipe.

        Returns
        -------
        tuple[Candidate, ...]
            In the order in which they are tried.
        """
        return tuple(Candidate(recipe) for recipe in INTEGER_RECIPES)

    def notes(self) -> Sequence[str]:
        """Return nothing: every recipe is tried.

        Returns
        -------
        Sequence[str]
            No line.
        """
        return ()

    def make(
        self, candidate: Candidate | None, recipe: Mapping[str, Any] | None = None
    ) -> ModelArtifact:
        """Build the `.tflite` of a candidate; see `ModelBuilder.make`.

        Parameters
        ----------
        candidate
            What to build; None: the float model.
        recipe
            For the manifest.

        Returns
        -------
        ModelArtifact
            Its file.
        """
        described = _described(self.described, candidate, recipe)
        if candidate is None:
            return ModelArtifact({".tflite": described.to_bytes(self.graph, None, None)})
        layers = self.corrections.layers
        graph, quantized = build(candidate, self.graph, self.record.statistics, layers)
        return ModelArtifact({".tflite": described.to_bytes(graph, quantized, recipe)})


@dataclass(frozen=True)
class IrBuilder:
    """Builds OpenVINO IR candidates.

    Attributes
    ----------
    described
        Writer of the requested model.
    graph
        The float network.
    record
        Calibration statistics of its activations.
    corrections
        Corrections; OpenVINO models use the fitted swishes.
    pictures
        Calibration pictures for NNCF. If empty, NNCF's presets are not tried.
    suffix
        Suffix of the file that is loaded.
    """

    described: ModelWriter
    graph: Graph
    record: CalibrationRecord
    corrections: CorrectionRecord
    pictures: Sequence[Path] = ()
    suffix: str = ".xml"

    def candidates(self) -> tuple[Candidate, ...]:
        """Return the channelwise recipes, then NNCF's presets where NNCF can run.

        Returns
        -------
        tuple[Candidate, ...]
            In the order in which they are tried.
        """
        presets = () if self.notes() else NNCF_RECIPES.values()
        return (*map(Candidate, CHANNELWISE), *map(Candidate, presets))

    def notes(self) -> Sequence[str]:
        """Return why NNCF's presets are not tried, if so.

        Returns
        -------
        Sequence[str]
            Lines.
        """
        folder = self.pictures[0].parent if self.pictures else None
        try:
            check_nncf(next(iter(NNCF_RECIPES.values())), folder)
        except InputError:
            return ("nncf's presets are not tried: they need pictures, with --calibration DIR",)
        except ImportError as error:
            return (f"nncf's presets are not tried: {error}",)
        return ()

    def make(
        self, candidate: Candidate | None, recipe: Mapping[str, Any] | None = None
    ) -> ModelArtifact:
        """Build the `.xml` and `.bin` of a candidate; see `ModelBuilder.make`.

        Parameters
        ----------
        candidate
            What to build; None: the float model.
        recipe
            For the manifest.

        Returns
        -------
        ModelArtifact
            Its files.
        """
        described = _described(self.described, candidate, recipe)
        if candidate is None:
            return ModelArtifact(described.to_ir(self.graph, None, None))
        chosen = candidate.recipe
        if isinstance(chosen, NncfRecipe):
            picture_range = self.record.picture_range
            model, floats = quantize_by_nncf(self.graph, self.pictures, chosen, picture_range)
            stated = recipe and {**recipe, "float_convolutions": floats}
            return ModelArtifact(described.ir_of(model, stated), len(floats))
        assert isinstance(chosen, ChannelwiseRecipe)
        chosen = dataclasses.replace(chosen, float_scope=_scope(self.graph, candidate.float_parts))
        statistics, swishes = self.record.statistics, self.corrections.swishes
        channels = quantize_channelwise(self.graph, statistics, chosen, swishes)
        stated = recipe and {**recipe, **channels.stated()}
        return ModelArtifact(described.to_ir(self.graph, channels, stated), len(channels.floats))


def _described(
    asked: ModelWriter, candidate: Candidate | None, recipe: Mapping[str, Any] | None
) -> ModelWriter:
    if recipe is not None:
        return asked
    precision = "int8" if candidate else "fp32"
    return dataclasses.replace(asked, precision=precision, nms="none", command=())


def _scope(graph: Graph, parts: Sequence[str]) -> tuple[str, ...]:
    """Return the full names of the convolutions in these parts: one part's name may start another's."""
    return tuple(
        n.name for n in graph.nodes if n.weight is not None and float_part_of(n.name) in parts
    )
