"""IR files that are damaged, hostile, foreign or contradictory: one line, before anything runs."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edge_edet
from edge_edet.cli import main
from edge_edet.errors import ModelFileError
from edge_edet.formats.model_file import sha256_of
from edge_edet.formats.openvino_ir import read_ir
from edge_edet.variants import VARIANTS

pytest.importorskip("openvino")

Build = Callable[..., Path]
BOMB = """<?xml version="1.0"?>
<!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<net name="&b;" version="11"><layers/></net>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<net name="&a;" version="11"><layers/></net>"""
DEEP = '<net version="11">' + "<a>" * 100_000


@pytest.fixture(scope="module")
def source(build_ir: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_ir(tmp_path_factory.mktemp("ir") / "source.xml", int8=True)


@pytest.fixture
def copy(source: Path, tmp_path: Path) -> Path:
    shutil.copy(source.with_suffix(".bin"), tmp_path / "m.bin")
    return Path(shutil.copy(source, tmp_path / "m.xml"))


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        edge_edet.load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_an_ir_says_of_itself(source: Path) -> None:
    model = read_ir(source)
    (image,) = model.input_tensors
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", (1, 64, 64, 3))
    assert [t.name for t in model.output_tensors] == ["class_logits", "box_codes"]
    assert model.operator_names.count("Convolution") == 2
    assert "Const" not in model.operator_names
    assert model.bin_bytes == source.with_suffix(".bin").stat().st_size
    assert edge_edet.read_manifest(source).variant.name == "tiny"
    both = source.read_bytes() + source.with_suffix(".bin").read_bytes()
    assert sha256_of(source) == hashlib.sha256(both).hexdigest()


def test_without_its_bin(copy: Path) -> None:
    copy.with_suffix(".bin").unlink()
    assert re.search(r"no 'm\.bin' beside .*copy the \.bin of \d+ bytes too", refusal(copy))


@pytest.mark.parametrize("change", [-1, -100, 1, None], ids=["cut", "cut more", "longer", "empty"])
def test_a_bin_of_another_size(change: int | None, copy: Path) -> None:
    weights = copy.with_suffix(".bin").read_bytes()
    other = b"" if change is None else weights[:change] if change < 0 else weights + b"\0"
    copy.with_suffix(".bin").write_bytes(other)
    assert re.search(rf"has {len(other)} bytes, its \.xml needs {len(weights)}", refusal(copy))


def test_a_bin_of_other_weights(build_ir: Build, tmp_path: Path) -> None:
    path = build_ir(tmp_path / "m.xml")
    data = path.with_suffix(".bin").read_bytes()
    build_ir(path, rt_info={"edge_edet_bin_sha256": hashlib.sha256(data).hexdigest()})
    edge_edet.load(path)
    path.with_suffix(".bin").write_bytes(bytes([data[0] ^ 1]) + data[1:])
    assert "is not what its .xml was written with" in refusal(path)


@pytest.mark.parametrize("version", ["7", "10", "12", ""])
def test_another_ir_version(version: str, copy: Path) -> None:
    text = copy.read_text("utf-8")
    copy.write_text(text.replace('version="11"', f'version="{version}"', 1), "utf-8")
    assert f"its IR version is {version}, 11 is read here" in refusal(copy)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is no model\n", "its XML is broken or truncated"),
        (b"\0" * 1000, "its XML is broken or truncated"),
        (b"\x1c\0\0\0TFL3" + b"\0" * 100, "its XML is broken or truncated"),
        (b'<?xml version="1.0" encoding="no-such"?><net/>', "its XML is broken"),
        (b"<html><body/></html>", "its first element is <html>, expected <net>"),
        (b"<net/>", "its IR version is none"),
        (b'<net version="11"/>', "it has no layers"),
        (BOMB.encode(), "it declares a document type 'net'"),
        (OUTSIDE.encode(), "it declares a document type 'net'"),
        (DEEP.encode(), "nested more than 100 deep"),
        (b'<net version="11">' + b"<a/>" * 2_000_000 + b"</net>", "more than 2000000 elements"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_files_that_are_no_ir(data: bytes, message: str, copy: Path) -> None:
    copy.write_bytes(data)
    assert message in refusal(copy)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<layer id="1" ', '<layer id="0" ', "layer id '0' is missing or there twice"),
        ('from-layer="0"', 'from-layer="999"', "an edge from layer '999' to"),
        ('from-layer="0" from-port="0"', 'from-layer="0" from-port="9"', "at port '9': it has"),
        ("<dim>64</dim>", "<dim>many</dim>", "a dimension is 'many'"),
        ("<dim>64</dim>", f"<dim>{'9' * 5000}</dim>", "a dimension is '999"),
        ("<dim>64</dim>", "<dim>65</dim>", "in the file it is uint8 [1, 65, 64, 3]"),
        ("<dim>64</dim>", "<dim>-1</dim>", "in the file it is uint8 [1, -1, 64, 3]"),
        ('names="image"', 'names="photo"', "the file has ['photo']"),
        ('names="box_codes"', 'names="boxes"', "the file's outputs are ['boxes', 'class_logits']"),
        (' offset="', ' offset="x', "a Const's offset is 'x"),
        (' size="', ' size="1', "needs"),
        ("&quot;format_version&quot;: 1", "&quot;format_version&quot;: 2", "format_version 2"),
        ("&quot;precision&quot;: &quot;int8", "&quot;precision&quot;: &quot;int7", "'precision'"),
        ("edge_edet_manifest", "manifest", "expected a manifest from 'edge-edet convert'"),
    ],
)
def test_a_changed_ir(old: str, new: str, message: str, copy: Path) -> None:
    text = copy.read_text("utf-8")
    assert old in text
    copy.write_text(text.replace(old, new, 1), "utf-8")
    assert message in refusal(copy)


def test_too_long_to_be_read(copy: Path) -> None:
    with copy.open("ab") as file:
        file.truncate(2**25 + 1)  # a hole, no disk space
    assert "it has 33,554,433 bytes, at most 33,554,432 are read: D0's graph has 0.8 MB" in refusal(
        copy
    )


def test_an_ir_of_another_model_is_described(build_ir: Build, tmp_path: Path) -> None:
    text = refusal(build_ir(tmp_path / "m.xml", given=None))
    assert "inputs image uint8 [1, 64, 64, 3]" in text
    assert "class_logits float32 [1, 774, 3]" in text
    assert re.search(r"found \d+ operators", text)


def test_a_manifest_of_another_network(
    build_ir: Build, make_manifest: Callable[..., Any], tmp_path: Path
) -> None:
    other = VARIANTS["d0"].replace(name="other", image_size=128, num_classes=3)
    text = refusal(build_ir(tmp_path / "m.xml", given=make_manifest(variant=other)))
    assert "by the manifest tensor 'image' is uint8 [1, 128, 128, 3]" in text


def test_paths(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no model file" in refusal(tmp_path / "nope.xml")
    (tmp_path / "folder.xml").mkdir()
    assert "is a folder: give the .xml" in refusal(tmp_path / "folder.xml")
    assert "give the .xml beside it" in refusal(source.with_suffix(".bin"))
    assert main(["detect", "x.png", "-m", str(tmp_path / "nope.xml")]) == 2
    assert capsys.readouterr().err.startswith("edge-edet: error: no model file")


def test_the_content_tells_under_any_other_name(
    copy: Path, build_onnx: Build, tiny_float: Path, tmp_path: Path
) -> None:
    copy.with_suffix(".bin").rename(tmp_path / "m.xml.bin")
    onnx = build_onnx(tmp_path / "m.onnx")
    for path in (copy, onnx, Path(shutil.copy(tiny_float, tmp_path))):
        other = path.rename(tmp_path / f"{path.name}.tmp")
        assert edge_edet.read_manifest(other).variant.name == "tiny"


def test_every_truncation_is_refused(source: Path, copy: Path) -> None:
    data = source.read_bytes().rstrip()
    for length in range(0, len(data) - 1, len(data) // 97):
        copy.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            read_ir(copy)


FUZZ = """
import random, sys
from pathlib import Path
import numpy as np
import edge_edet
source, target = Path(sys.argv[1]), Path(sys.argv[2])
text = source.read_text("utf-8")
words = sorted(set(__import__("re").findall(r'"[^"&]{1,20}"', text)))
picture = np.zeros((64, 64, 3), np.uint8)
refused = 0
for seed in range(int(sys.argv[3]), int(sys.argv[4])):
    rng = random.Random(seed)
    damaged = text
    for _ in range(rng.choice([1, 2, 4])):
        at = rng.randrange(len(text) - 3000)  # the manifest is at the end
        if rng.random() < 0.5:
            damaged = damaged[:at] + damaged[at:].replace(rng.choice(words), rng.choice(words), 1)
        else:
            damaged = damaged[:at] + rng.choice('0123456789-"<>, ') + damaged[at + 1:]
    target.write_text(damaged, "utf-8")
    print(seed, file=sys.stderr, flush=True)
    try:
        edge_edet.load(target, threads=1).detect(picture)
    except edge_edet.EdgeEdetError as error:
        refused += 1
        assert "\\n" not in str(error), error
print(refused)
"""


def test_changed_text_never_crashes_the_runtime(source: Path, copy: Path) -> None:
    command = [sys.executable, "-c", FUZZ, str(source), str(copy), "0", "150"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert int(done.stdout) > 50
