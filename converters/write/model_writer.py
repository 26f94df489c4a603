"""A graph to the bytes of self-describing model files: manifest, standard metadata, labels."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_edet import __version__
from edge_edet.content_sum import PLACEHOLDER, check_content, ir_content, onnx_content
from edge_edet.converters.int8 import ChannelQuantized, Quantized
from edge_edet.converters.weights import Source
from edge_edet.converters.write.detection_postprocess import OUTPUTS, Suppression
from edge_edet.formats import read_model
from edge_edet.formats.tflite import parse_tflite
from edge_edet.manifest import MANIFEST_KEY, ROWS, Manifest, read_manifest
from edge_edet.network import BOX_CODES, CLASS_LOGITS, Graph
from edge_edet.output_files import GRAPH, MODEL, Kind, Outputs, outputs_of
from edge_edet.pictures import range_text
from edge_edet.runtimes import installed_version

if TYPE_CHECKING:
    from edge_edet.converters.quantize import CalibrationRecord

TOOLS = ("ai-edge-litert", "flatbuffers", "nncf", "numpy", "onnx", "openvino")


@dataclass(frozen=True)
class ModelArtifact:
    """A model in memory.

    Attributes
    ----------
    files
        Suffix -> bytes, in the order in which they are put in place.
    float_convolutions
        Of an INT8 OpenVINO IR: how many convolutions stay in float.
    """

    files: Mapping[str, bytes]
    float_convolutions: int | None = None


@dataclass(frozen=True)
class ModelWriter:
    """Everything about a model file but its graph.

    Attributes
    ----------
    source
        The weights.
    labels
        Name of each class; None: it has none.
    precision
        Fp32, fp16, int8, int8-dynamic.
    nms
        None or in-graph.
    command
        That writes the file, for the manifest.
    calibration
        Measurements; None: not needed.
    input_dtype
        Or "float32", of the same values, or "int8", minus 128.
    output_dtype
        Of a .tflite; None: as the graph gives them.
    operators
        Operators of a graph of its own, by format.
    """

    source: Source
    labels: tuple[str | None, ...]
    precision: str
    nms: str
    command: tuple[str, ...]
    calibration: CalibrationRecord | None = None
    input_dtype: str = "uint8"  # or "float32", of the same values, or "int8", minus 128
    output_dtype: str | None = None  # of a .tflite; None: as the graph gives them
    # format -> operator -> the function that lowers it, beside those that the format's writer knows
    operators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_ir(
        self, graph: Graph, quantized: ChannelQuantized | None, recipe: Mapping[str, Any] | None
    ) -> dict[str, bytes]:
        """Return an OpenVINO IR: suffix -> file.

        Parameters
        ----------
        graph
            The network.
        quantized
            The integers; None: in float.
        recipe
            How the integers were chosen, for the manifest.

        Returns
        -------
        dict[str, bytes]
            Content by suffix.
        """
        from edge_edet.converters.write.openvino import (
            OpenVinoLowering,
            SuppressingOpenVinoLowering,
        )

        extra = self.operators.get("openvino")
        kind = SuppressingOpenVinoLowering if self.nms == "in-graph" else OpenVinoLowering
        lowering = kind(graph, self.precision, quantized, operators=extra)
        return self.ir_of(lowering.lower(), recipe)

    def ir_of(self, model: Any, recipe: Mapping[str, Any] | None) -> dict[str, bytes]:
        """Return an openvino.Model with its manifest: suffix -> file.

        Parameters
        ----------
        model
            An openvino.Model.
        recipe
            How the integers were chosen, for the manifest.

        Returns
        -------
        dict[str, bytes]
            Content by suffix.
        """
        from edge_edet.converters.write.openvino import (
            serialize,
            with_float_input,
            with_int8_input,
        )

        manifest = self._manifest(recipe, {ROWS: ROWS})
        if self.input_dtype == "float32":
            model = with_float_input(model, whole_levels=self.precision == "int8")
        elif self.input_dtype == "int8":
            model = with_int8_input(model)
        files = serialize(model, {MANIFEST_KEY: manifest.to_json(), **_model_api(manifest)})
        found = ir_content(files.xml, hashlib.sha256(files.bin).hexdigest())
        return {".bin": files.bin, ".xml": _sealed(files.xml, found)}

    def to_onnx(self, graph: Graph) -> dict[str, bytes]:
        """Return an ONNX model: suffix -> file.

        Parameters
        ----------
        graph
            The network.

        Returns
        -------
        dict[str, bytes]
            Content by suffix.
        """
        from edge_edet.converters.write.onnx import write_onnx

        nms = Suppression() if self.nms == "in-graph" else None
        metadata = {MANIFEST_KEY: self._manifest(None).to_json()}
        data = write_onnx(graph, metadata, nms, self.input_dtype)
        return {".onnx": _sealed(data, onnx_content(data))}

    def to_bytes(
        self, graph: Graph, quantized: Quantized | None, recipe: Mapping[str, Any] | None
    ) -> bytes:
        """Return the `.tflite`. recipe: how the integers were chosen, for the manifest.

        Parameters
        ----------
        graph
            The network.
        quantized
            The integers; None: in float.
        recipe
            How the integers were chosen, for the manifest.

        Returns
        -------
        bytes
            The content of the file.
        """
        from edge_edet.converters.write.tflite import (
            append_files,
            standard_metadata,
            write_tflite,
            write_tflite_with_nms,
        )

        if recipe and quantized:
            from edge_edet.converters.quantize import changes

            if corrected := changes(graph, quantized):
                recipe = {**recipe, "corrected": corrected}
            if quantized.groups:
                groups = {name: one.to_dict() for name, one in quantized.groups.items()}
                recipe = {**recipe, "channel_groups": groups}
        manifest = self._manifest(recipe)
        standard, files = standard_metadata(manifest)
        metadata = {MANIFEST_KEY: manifest.to_json().encode(), "TFLITE_METADATA": standard}
        if self.nms == "in-graph":
            limits = Suppression()
            data = write_tflite_with_nms(
                graph,
                self.precision,
                quantized,
                score_threshold=limits.score_threshold,
                iou_threshold=limits.iou_threshold,
                max_detections=limits.max_detections,
                input_dtype=self.input_dtype,
                metadata=metadata,
            )
        else:
            data = write_tflite(
                graph,
                self.precision,
                quantized,
                metadata,
                input_dtype=self.input_dtype,
                output_dtype=self.output_dtype,
                operators=self.operators.get("tflite"),
            )
        content = parse_tflite(data, f"{self.source.variant.name}.tflite").content
        return append_files(_sealed(data, content.sha256(data)), files)

    def _manifest(
        self, recipe: Mapping[str, Any] | None, suppressed: Mapping[str, str] = OUTPUTS
    ) -> Manifest:
        """Return the manifest; suppressed: role -> tensor where the graph suppresses."""
        in_graph, limits, record = self.nms == "in-graph", Suppression(), self.calibration
        stated = range_text(record.picture_range) if record else None
        return Manifest(
            generator=f"edge-edet {__version__}",
            precision=self.precision,
            variant=self.source.variant,
            outputs=suppressed if in_graph else {"boxes": BOX_CODES, "classes": CLASS_LOGITS},
            labels=self.labels,
            nms=self.nms,
            input_dtype=self.input_dtype,
            score_threshold=limits.score_threshold if in_graph else None,
            iou_threshold=limits.iou_threshold if in_graph else None,
            max_detections=limits.max_detections if in_graph else None,
            content_sha256=PLACEHOLDER,
            provenance={
                "weights": self.source.provenance | {"tensors_sha256": self.source.digest},
                "calibration": record
                and {
                    "digest": record.digest,
                    "images": record.pictures,
                    "source": record.source,
                    **({"range": stated} if stated else {}),
                },
                "recipe": recipe and dict(recipe),
                "tools": _tool_versions(),
                "command": shlex.join(self.command),
            },
        )


def _sealed(data: bytes, content_sha256: str) -> bytes:
    """Return the file with the sum in its manifest, in place: the manifest is not part of the sum."""
    key = data.index(b"content_sha256")
    at = data.index(PLACEHOLDER.encode(), key)
    assert at - key < 40  # quotes and a colon, which XML spells out
    return data[:at] + content_sha256.encode() + data[at + len(PLACEHOLDER) :]


def _tool_versions() -> dict[str, str]:
    found = {name: installed_version(name) for name in TOOLS}
    return {name: version for name, version in found.items() if version}


def _model_api(manifest: Manifest) -> dict[str, str]:
    """Return what OpenVINO's Model API and DL Streamer read: labels and the picture's preparation.

    The model_type of rows of detections is ssd; they have none for box codes and logits over anchors.
    """
    labels = " ".join(
        "_".join((label or "").split()) or f"unused_{number}"
        for number, label in enumerate(manifest.labels)
    )
    entries = {
        "labels": labels,
        "resize_type": "fit_to_window",  # top left; "..._letterbox" is centred
        "pad_value": str(manifest.variant.pad_rgb[0]),
        "reverse_input_channels": "False",
        "embedded_processing": "False",
    }
    if manifest.nms == "in-graph":
        entries["model_type"] = "ssd"
    return {f"model_info/{key}": text for key, text in entries.items()}


def write_checked(
    path: Path, files: Mapping[str, bytes], outputs: Outputs | None = None, kind: Kind = MODEL
) -> None:
    """Write a model, suffix -> file, reads it back, and only then gives it its name.

    Of an IR's two files, whoever reads by `edge_edet.formats.read` finds the old ones or the new ones.
    outputs: what else the command writes, and its inputs; kind: what of it may be replaced. Raises
    InputError where another file is there, see `edge_edet.output_files.outputs`.

    Parameters
    ----------
    path
        Of the model.
    files
        Content by suffix.
    outputs
        What else the command writes, and its inputs; None: nothing.
    kind
        What may be replaced.

    Raises
    ------
    InputError
        Where another file is there, see `edge_edet.output_files.outputs`.
    """
    with outputs_of(outputs) as writing:
        if len(files) == 1:
            writing.write(path, next(iter(files.values())), kind, _check)
        else:
            writing.write_pair(path, files, GRAPH if kind is MODEL else kind, _check)


def _check(path: Path) -> Manifest:
    manifest = read_manifest(path)
    check_content(read_model(path), manifest)
    return manifest
