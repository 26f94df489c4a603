"""The sum over graph and weights: what it notices, what it lets through."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

import edge_edet
from edge_edet import Manifest, ModelFileError
from edge_edet.cli import main
from edge_edet.content_sum import PLACEHOLDER, check_content, content_sha256
from edge_edet.formats.read import read_model
from edge_edet.manifest import read_manifest

KINDS = (".tflite", ".xml", ".onnx")
Built = Callable[..., Path]
WHOLE = r"was changed after it was converted: the sum over its graph and weights begins with '[0-9a-f]{12}'"


@pytest.fixture
def build(
    build_tiny: Built,
    build_ir: Built,
    build_onnx: Built,
    tmp_path: Path,
    make_manifest: Callable[..., Manifest],
) -> Built:
    """build(suffix, name='model', **manifest): one of our models that states its sum."""
    makers = {".tflite": build_tiny, ".xml": build_ir, ".onnx": build_onnx}

    def made(suffix: str, name: str = "model", **fields: Any) -> Path:
        given = make_manifest(content_sha256=PLACEHOLDER, **fields)
        path = makers[suffix](tmp_path / f"{name}{suffix}", given=given)
        found = content_sha256(read_model(path)).encode()
        path.write_bytes(path.read_bytes().replace(PLACEHOLDER.encode(), found))
        return path

    return made


@pytest.mark.parametrize("suffix", KINDS)
def test_a_file_as_it_was_converted(suffix: str, build: Built) -> None:
    with edge_edet.load(build(suffix), threads=1) as detector:
        assert detector.info.verified is True
    with edge_edet.load(build(suffix), threads=1, verify=False) as detector:
        assert detector.info.verified is False


@pytest.mark.parametrize("suffix", KINDS)
def test_files_from_before_the_sum_are_loaded(
    suffix: str, build_tiny: Built, build_ir: Built, build_onnx: Built, tmp_path: Path
) -> None:
    maker = {".tflite": build_tiny, ".xml": build_ir, ".onnx": build_onnx}[suffix]
    with edge_edet.load(maker(tmp_path / f"old{suffix}"), threads=1) as detector:
        assert detector.info.verified is None


def change_weight(path: Path) -> None:
    """One bit of one stored value."""
    if path.suffix == ".xml":
        path = path.with_suffix(".bin")
    data = bytearray(path.read_bytes())
    at = data.index(np.float32(3.0).tobytes() if path.suffix != ".bin" else bytes(data[-4:]))
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("suffix", KINDS)
def test_a_changed_weight_is_noticed(
    suffix: str, build: Built, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = build(suffix)
    change_weight(path)
    with pytest.raises(ModelFileError, match=WHOLE) as error:
        edge_edet.load(path)
    assert "\n" not in str(error.value)
    with edge_edet.load(path, threads=1, verify=False) as detector:
        assert detector.info.verified is False
    picture = tmp_path / "x.png"
    Image.new("RGB", (64, 64)).save(picture)
    assert main(["detect", str(picture), "-m", str(path)]) == 2
    assert "or give --no-verify (verify=False)" in capsys.readouterr().err
    assert main(["detect", str(picture), "-m", str(path), "--no-verify"]) == 0
    if suffix != ".onnx":
        assert main(["inspect", str(path)]) == 2
        assert main(["inspect", str(path), "--no-verify"]) in (0, 1)


def test_a_changed_graph_is_noticed(build: Built) -> None:
    tflite = build(".tflite")
    model = parsed(tflite)
    model.subgraphs[0].operators[2].builtinOptions.fusedActivationFunction = 1
    tflite.write_bytes(packed(model))
    with pytest.raises(ModelFileError, match=WHOLE):
        edge_edet.load(tflite)
    xml = build(".xml")
    text = xml.read_text()
    assert text.count('pads_begin="1, 1"') == 2
    xml.write_text(text.replace('pads_begin="1, 1"', 'pads_begin="0, 1"', 1))
    with pytest.raises(ModelFileError, match=WHOLE):
        edge_edet.load(xml)


def parsed(path: Path) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def packed(model: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_metadata_labels_and_another_writer_are_let_through(build: Built) -> None:
    """What TFLite Support's metadata writer does: the flatbuffer anew, one more entry, a zip behind."""
    path = build(".tflite")
    model = parsed(path)
    model.description = b"of a person"
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(b"something", np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "other", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    stream = io.BytesIO()
    stream.write(packed(model))
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("labels.txt", "a\n")
    assert stream.getvalue() != path.read_bytes()
    path.write_bytes(stream.getvalue())
    assert check_content(read_model(path), read_manifest(path)) is True


def test_labels_of_the_manifest_may_be_changed(build: Built) -> None:
    first, other = build(".tflite"), build(".tflite", "other", labels=("a", "b", "c"))
    assert content_sha256(read_model(first)) == content_sha256(read_model(other))


def test_line_ends_of_an_xml_do_not_count(build: Built) -> None:
    path = build(".xml")
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert check_content(read_model(path), read_manifest(path)) is True


def test_what_an_edge_tpu_compiler_made_of_it_is_not_compared(build: Built) -> None:
    path = build(".tflite")
    model = parsed(path)
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
    model.operatorCodes[0].customCode = "edgetpu-custom-op"
    for operator in model.subgraphs[0].operators:
        if operator.opcodeIndex == 0:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
    path.write_bytes(packed(model))
    assert check_content(read_model(path), read_manifest(path)) is None


@pytest.mark.parametrize("value", ["", "0" * 63, "G" * 64, 5, None])
def test_a_sum_that_is_none_is_refused(
    value: object, make_manifest: Callable[..., Manifest]
) -> None:
    document = make_manifest().to_dict() | {"content_sha256": value}
    with pytest.raises(ModelFileError, match="content_sha256"):
        Manifest.from_json(json.dumps(document))
