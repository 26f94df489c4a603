"""Write: one model to its files, read back before they get their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet.converters.pipeline.build import Network
from edge_edet.converters.pipeline.plan import FileJob, Plan
from edge_edet.converters.pipeline.result import ConvertedFile
from edge_edet.converters.weights import Source
from edge_edet.converters.write import ModelArtifact, ModelWriter, write_checked
from edge_edet.errors import EdgeEdetError
from edge_edet.formats import read_model
from edge_edet.formats.tflite import TfliteModel
from edge_edet.manifest import manifest_of
from edge_edet.output_files import Outputs

if TYPE_CHECKING:
    from edge_edet.converters.pipeline.quantize import Integers
    from edge_edet.converters.quantize import CalibrationRecord

__all__ = ["Written", "float_artifact", "integer_artifact", "write", "writer_of"]


@dataclass(frozen=True)
class Written:
    """A model that stands in its place, and what to report about it."""

    file: ConvertedFile
    notes: tuple[str, ...]


def writer_of(
    planned: Plan, network: Network, precision: str, record: CalibrationRecord | None
) -> ModelWriter:
    """Return the writer of a network's models in one precision; record: of an INT8 model."""
    request = planned.request
    return ModelWriter(
        network.source,
        network.labels,
        precision,
        request.nms,
        tuple(request.command),
        record,
        request.input_dtype,
        request.output_dtype,
    )


def float_artifact(writer: ModelWriter, network: Network, format: str) -> ModelArtifact:
    """Return the files of a model that needs no calibration."""
    if format == "onnx":
        return ModelArtifact(writer.to_onnx(network.graph))
    if format == "openvino":
        return ModelArtifact(writer.to_ir(network.graph, None, None))
    return ModelArtifact({".tflite": writer.to_bytes(network.graph, None, None)})


def integer_artifact(writer: ModelWriter, integers: Integers) -> ModelArtifact:
    """Return the files of an INT8 model."""
    from edge_edet.converters.pipeline.quantize import ChannelIntegers, NncfModel

    recipe = integers.recipe
    if isinstance(integers, NncfModel):
        return ModelArtifact(writer.ir_of(integers.model, recipe), _count_floats(recipe))
    if isinstance(integers, ChannelIntegers):
        files = writer.to_ir(integers.graph, integers.quantized, recipe)
        return ModelArtifact(files, _count_floats(recipe))
    return ModelArtifact({".tflite": writer.to_bytes(integers.graph, integers.quantized, recipe)})


def write(
    job: FileJob, artifact: ModelArtifact, source: Source, seconds: float, outputs: Outputs
) -> Written:
    """Write the files of a model, read them back, and only then name them.

    Raises
    ------
    InputError
        Where another file is there.
    """
    notes = _replaced(job.path, source)
    write_checked(job.path, artifact.files, outputs)
    model = read_model(job.path)
    integer = isinstance(model, TfliteModel)
    file = ConvertedFile(
        job.path,
        job.variant,
        job.format,
        job.precision,
        model.size_bytes,
        len(model.operator_names),
        len(model.non_integer_operators) if isinstance(model, TfliteModel) else None,
        None if integer else artifact.float_convolutions,
        round(seconds, 3),
    )
    return Written(file, notes)


def _count_floats(recipe: Mapping[str, Any]) -> int:
    return len(recipe["float_convolutions"])


def _replaced(path: Path, source: Source) -> tuple[str, ...]:
    """Return a sentence where the present file was made of other weights: a name states only the variant."""
    try:
        found = manifest_of(read_model(path)) if path.exists() else None
    except EdgeEdetError:
        return ()
    weights = found.provenance.get("weights") if found is not None else None
    if isinstance(weights, dict) and weights.get("sha256") != source.provenance["sha256"]:
        return (
            f"{path} replaces one that was made of {weights.get('name')}: give -o DIR to keep both",
        )
    return ()
