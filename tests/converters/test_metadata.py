"""Standard TFLite Metadata: what other tools read out of our files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edge_edet.converters.int8.stem import input_zero_point
from edge_edet.converters.write.tflite.flatbuffer import TfliteWriter, schema
from edge_edet.converters.write.tflite.metadata import METADATA_KEY, append_files, standard_metadata
from edge_edet.converters.write.tflite.nms import OUTPUTS
from edge_edet.errors import InputError
from edge_edet.formats.tflite.file import read_tflite
from edge_edet.formats.tflite.metadata import read_metadata
from edge_edet.labels.coco import COCO_LABELS
from edge_edet.manifest import Manifest
from edge_edet.network.graph import Graph
from edge_edet.variants import VARIANTS

D0 = VARIANTS["d0"]
LIMITS: dict[str, Any] = {"score_threshold": 0.05, "iou_threshold": 0.5, "max_detections": 100}
RAW = {"boxes": "box_codes", "classes": "class_logits"}


def manifest(nms: str = "none", precision: str = "fp32", labels: Any = COCO_LABELS) -> Manifest:
    in_graph = nms == "in-graph"
    return Manifest(
        "edge-edet 9",
        precision,
        D0.replace(num_classes=len(labels)),
        OUTPUTS if in_graph else RAW,
        tuple(labels),
        {},
        nms,
        **(LIMITS if in_graph else {}),
    )


def model_with(metadata: bytes, files: dict[str, bytes]) -> bytes:
    """A model that doubles one number, with the metadata and the files."""
    writer = TfliteWriter("doubles")
    x, y = (writer.tensor(name, (1,), "float32") for name in ("x", "y"))
    writer.operator(schema.BuiltinOperator.ADD, 1, [x, x], [y], schema.AddOptionsT())
    writer.interface({"x": x}, {"y": y})
    writer.metadata(METADATA_KEY, metadata)
    return append_files(writer.to_bytes(), files)


def written(path: Path, **kind: Any) -> Path:
    path.write_bytes(model_with(*standard_metadata(manifest(**kind))))
    return path


@pytest.fixture(scope="module")
def official() -> Any:
    """The schema's own reader, as MediaPipe ships it."""
    try:
        from mediapipe.tasks.metadata import metadata_schema_py_generated as generated
    except (ImportError, OSError) as error:
        reason = f"MediaPipe cannot be imported: {error}"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return generated


def parsed(official: Any, **kind: Any) -> Any:
    data, _ = standard_metadata(manifest(**kind))
    assert official.ModelMetadata.ModelMetadataBufferHasIdentifier(data, 0)
    return official.ModelMetadataT.InitFromObj(official.ModelMetadata.GetRootAs(data, 0))


@pytest.mark.parametrize(
    ("nms", "names"),
    [
        ("none", ("box_codes", "class_logits")),
        ("in-graph", ("location", "category", "score", "number of detections")),
    ],
)
def test_our_reader_finds_names_labels_and_normalization(
    nms: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    read = read_metadata(read_tflite(written(tmp_path / "m.tflite", nms=nms)))
    assert read is not None
    assert read.output_names == names
    assert read.label_files == ("labels.txt",)
    assert read.labels == COCO_LABELS
    assert (read.mean, read.std) == ((0.0,), (1.0,))


@pytest.mark.parametrize("nms", ["none", "in-graph"])
def test_the_model_runs_and_the_zip_opens(nms: str, tmp_path: Path) -> None:
    path = written(tmp_path / "m.tflite", nms=nms)
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.float32([21]))
    interpreter.invoke()
    assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0] == 42
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        (entry,) = archive.infolist()
        assert entry.filename == "labels.txt"
        assert entry.compress_type == zipfile.ZIP_STORED
        lines = archive.read(entry).decode().splitlines()
    assert len(lines) == 90
    assert lines[0] == "person"
    assert lines[11] == "???"  # COCO has no category 12


def test_same_manifest_gives_the_same_bytes() -> None:
    first, second = (model_with(*standard_metadata(manifest("in-graph"))) for _ in range(2))
    assert first == second
    files = {"b": b"2", "a": b"1"}
    assert append_files(b"model", files) == append_files(b"model", dict(sorted(files.items())))


def test_without_files_nothing_is_appended() -> None:
    assert append_files(b"model", {}) == b"model"


def test_bytes_that_look_like_the_end_of_a_zip_are_only_bytes(tmp_path: Path) -> None:
    model = b"TFL3" + b"PK\x05\x06" + bytes(18)
    (tmp_path / "m").write_bytes(append_files(model, {"labels.txt": b"cat\n"}))
    assert (tmp_path / "m").read_bytes().startswith(model)
    assert zipfile.ZipFile(tmp_path / "m").read("labels.txt") == b"cat\n"


@pytest.mark.parametrize("label", ["two\nlines", " indented", "", "form\x0cfeed", "line\u2028sep"])
def test_a_label_that_is_not_one_line_is_refused(label: str) -> None:
    with pytest.raises(InputError, match="a label must be one line of text, but got"):
        standard_metadata(manifest(labels=("cat", label)))


def test_labels_may_be_any_language(tmp_path: Path) -> None:
    labels = ("猫", "Schäferhund", None)
    read = read_metadata(read_tflite(written(tmp_path / "m.tflite", labels=labels)))
    assert read is not None
    assert read.labels == labels


def test_an_int8_models_mean_is_its_inputs_zero_point(official: Any) -> None:
    """Whoever normalizes and then quantizes by the tensor gets the grey levels back."""
    (graph,) = parsed(official, precision="int8").subgraphMetadata
    (unit,) = graph.inputTensorMetadata[0].processUnits
    zero = input_zero_point(Graph(D0, "image", [], {}))
    assert (list(unit.options.mean), list(unit.options.std)) == ([zero], [1.0])


def test_the_schemas_own_reader_finds_the_input(official: Any) -> None:
    model = parsed(official, nms="in-graph")
    assert model.name == b"EfficientDet d0 fp32"
    assert b"90 classes" in model.description
    assert model.version == b"edge-edet 9"
    assert model.minParserVersion == b"1.2.0"
    (graph,) = model.subgraphMetadata
    (image,) = graph.inputTensorMetadata
    assert image.name == b"image"
    assert b"resized to fit into 512 x 512" in image.description
    assert image.content.contentPropertiesType == official.ContentProperties.ImageProperties
    properties = image.content.contentProperties
    assert properties.colorSpace == official.ColorSpaceType.RGB
    assert (properties.defaultSize.width, properties.defaultSize.height) == (512, 512)
    assert (list(image.stats.min), list(image.stats.max)) == ([0.0], [255.0])


def test_the_schemas_own_reader_finds_detections(official: Any) -> None:
    (graph,) = parsed(official, nms="in-graph").subgraphMetadata
    names = [tensor.name for tensor in graph.outputTensorMetadata]
    assert names == [b"location", b"category", b"score", b"number of detections"]
    boxes = graph.outputTensorMetadata[0].content
    assert boxes.contentPropertiesType == official.ContentProperties.BoundingBoxProperties
    assert list(boxes.contentProperties.index) == [1, 0, 3, 2]
    assert boxes.contentProperties.type == official.BoundingBoxType.BOUNDARIES
    assert boxes.contentProperties.coordinateType == official.CoordinateType.RATIO
    assert (boxes.range.min, boxes.range.max) == (2, 2)
    (file,) = graph.outputTensorMetadata[1].associatedFiles
    assert file.name == b"labels.txt"
    assert file.type == official.AssociatedFileType.TENSOR_VALUE_LABELS
    (group,) = graph.outputTensorGroups
    assert group.name == b"detection_result"
    assert list(group.tensorNames) == [b"location", b"category", b"score"]


def test_the_schemas_own_reader_finds_raw_outputs(official: Any) -> None:
    model = parsed(official)
    assert model.minParserVersion == b"1.0.0"
    codes, logits = model.subgraphMetadata[0].outputTensorMetadata
    assert (codes.name, logits.name) == (b"box_codes", b"class_logits")
    for tensor in (codes, logits):
        kind = tensor.content.contentPropertiesType
        assert kind == official.ContentProperties.FeatureProperties
    (file,) = logits.associatedFiles
    assert file.type == official.AssociatedFileType.TENSOR_AXIS_LABELS
