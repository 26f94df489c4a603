"""Terminal escapes, formulas and passwords in files of others must not appear in our output."""

from __future__ import annotations

import csv
import dataclasses
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from edge_edet.converters.inspect.figure.layout import Figure, Words
from edge_edet.converters.inspect.figure.to_svg import svg
from edge_edet.errors import ModelFileError
from edge_edet.labels.file import parse_label_text
from edge_edet.studies.table_lines import TableLine, to_csv
from edge_edet.terminal.printable import csv_cell, shown, shown_address, without_passwords
from tests.outputs.conftest import SMALL, everything

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj\r\nerror: all is well"
STEERING = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)
Run = Callable[..., "tuple[int, bytes, bytes]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the real command; neither stream may contain anything that controls a terminal."""

    def command(*arguments: object, **environment: str) -> tuple[int, bytes, bytes]:
        result = subprocess.run(
            [sys.executable, "-m", "edge_edet", *map(os.fsencode, map(str, arguments))],
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
            check=False,
            env=os.environ | {"EDGE_EDET_HOME": str(tmp_path / "home")} | environment,
        )
        for stream in (result.stdout, result.stderr):
            assert not STEERING.search(stream), stream
            assert not re.search(rb"[^\r\n]\r[^\r\n]", stream), stream
        return result.returncode, result.stdout, result.stderr

    return command


def with_labels(path: Path, label: str, model: Path) -> Path:
    """Copy a model whose manifest has that label, as a stranger may send it."""

    from edge_edet.converters.weights.find import find_weights
    from edge_edet.converters.write.tflite.lower import write_tflite
    from edge_edet.manifest import MANIFEST_KEY, read_manifest
    from edge_edet.network.build import build_network

    manifest = read_manifest(model)
    manifest = dataclasses.replace(manifest, labels=(label,) * len(manifest.labels))
    source = find_weights("lite0", "random", 1, None, 64)
    graph = build_network(source.variant, source.weights)
    path.write_bytes(write_tflite(graph, "fp32", None, {MANIFEST_KEY: manifest.to_json().encode()}))
    return path


def test_labels_and_names_of_pictures(run: Run, model: Path, tmp_path: Path) -> None:
    evil = with_labels(tmp_path / "evil.tflite", EVIL, model)
    name = f"{EVIL.replace('/', '')}.png"
    Image.new("RGB", (40, 30), (90, 20, 200)).save(tmp_path / name)
    detect = ("detect", "-m", evil, name, "--score-threshold", "0.001")
    status, out, _ = run(*detect)
    assert status == 0
    assert b"\\u001b]0;owned\\u0007" in out
    assert b"\nerror: all is well" not in out  # no line of its own
    status, out, _ = run(*detect, "--json")
    assert json.loads(out)["image"] == name  # the same text, written in another way
    status, _, _ = run(*detect, "--draw", "out")
    assert status == 0
    for encoding in ("ascii", "latin-1"):
        status, out, _ = run(*detect, "--json", PYTHONIOENCODING=encoding)
        assert (status, json.loads(out.decode(encoding))["image"]) == (0, name)
    assert run("inspect", evil)[0] == 0
    status, _, errors = run("detect", "-m", model, f"missing{EVIL}")
    assert status == 2
    assert len(errors.splitlines()) == 1
    assert run("detect", "-m", f"no{EVIL}.tflite", name)[0] == 2
    assert run(f"{EVIL}")[0] == 2
    assert run("detect", f"--{EVIL}", "x")[0] == 2


def test_a_name_that_is_not_utf8(run: Run, model: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "\udcff\udc9b.png")
    status, out, _ = run("detect", "-m", model, "\udcff\udc9b.png")
    assert status == 0
    assert out.startswith(b"\\udcff\\udc9b.png: 40 x 30")


def test_categories_and_rows(run: Run, model: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": [{"id": 1, "name": EVIL}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [1, 1, 9, 9],
                "area": 81,
                "iscrowd": 0,
            }
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    run("eval", model, "--data", "coco.json", "--bootstrap", "0", "--score-threshold", "0.5")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"schema_version": EVIL, "how": EVIL}) + "\n")
    for command in ("report", "recommend", "compare"):
        extra = {"recommend": ("--board", EVIL), "compare": ("rows.jsonl",)}.get(command, ())
        assert run(command, "rows.jsonl", *extra)[0] == 2
    assert run("devices", "--profile", "rows.jsonl")[0] == 2


@pytest.mark.parametrize(
    "label", ["a\x1b[2Jb", "a\x07", "a\x9bb", "a\u202eb", "a\x0bb", "a\x85b", "a\u2028b"]
)
def test_a_label_with_control_characters_is_refused_before_anything_is_written(
    label: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "names.txt").write_text(f"{label}\n" + "x\n" * 89, "utf-8")
    command = ("convert", "--fp32", "lite0", *SMALL, "--to", "tflite", "--labels", "names.txt")
    status, _, errors = run(*command)
    assert status == 2
    assert b"'names.txt' line 1 has the control character \\u" in errors
    assert set(everything(tmp_path)) == {"names.txt"}


def test_an_escape_that_a_label_map_spells_out_is_refused_too() -> None:
    text = 'item {\n  id: 1\n  name: "a\\033[2J"\n}\n'
    with pytest.raises(ModelFileError, match=r"class 0, .* has the control character \\u001b"):
        parse_label_text(text, "label map")
    assert parse_label_text("crème brûlée\n犬\nnaïve\tcat\n", "labels").names[:2] == (
        "crème brûlée",
        "犬",
    )


@pytest.fixture
def server() -> Iterator[str]:
    """Start a mirror that answers with a hostile reason."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.0 404 \x1b[2J\x1b]0;owned\x07\xc2\x9b1m\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_what_a_server_answers_and_its_password(server: str, run: Run) -> None:
    status, out, errors = run("weights", "pull", "d0", "--from", f"http://me:hunter2@{server}/w")
    assert status != 0
    assert b"hunter2" not in out + errors
    status, out, errors = run("weights", "pull", "d0", "--from", f"http://{server}/w")
    assert status == 1
    assert b"\\u001b[2j" in errors.lower()
    status, out, errors = run(
        "eval", "x.tflite", "--data", "http://me:hunter2@h/x", "--scheduler", "tcp://a:hunter2@h:1"
    )
    assert b"hunter2" not in out + errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:secret@host/x", "https://me:***@host/x"),
        ("get 'ftp://u:p@h' and http://a:b@c", "get 'ftp://u:***@h' and http://a:***@c"),
        ("https://me:s3:cr@t@host/x", "https://me:***@host/x"),
        ("https://me:pa/ss@host/x", "https://me:***@host/x"),
        ("https://:secret@host", "https://:***@host"),
        ("https://ghp_token@host/x", "https://***@host/x"),
        ("https://host:8080/@scope/x", "https://host:8080/@scope/x"),
        ("https://host/a?b=c:d@e", "https://host/a?b=c:d@e"),
        ("http://cam/v?user=me&password=secret&x=1", "http://cam/v?user=me&password=***&x=1"),
        ("rtsp://cam/v?pwd=***: 8 frames", "rtsp://cam/v?pwd=***: 8 frames"),
        ("rtsp://cam/v?usr=me&pwd=secret", "rtsp://cam/v?usr=me&pwd=***"),
        ("mqtt://USER:PASSWORD@HOST:PORT/TOPIC", "mqtt://USER:PASSWORD@HOST:PORT/TOPIC"),
        ("ssh://me@pi", "ssh://me@pi"),
        ("me@pi:22", "me@pi:22"),
    ],
)
def test_passwords_in_addresses(text: str, expected: str) -> None:
    assert without_passwords(text) == expected


@pytest.mark.parametrize("secret", ["pa'ss", 'pa"ss', "pa ss", "pa/ss", "12/34", "p@:ss"])
def test_a_password_of_any_letters_in_one_address(secret: str) -> None:
    assert shown_address(f"rtsp://me:{secret}@cam/live") == "rtsp://me:***@cam/live"
    assert shown_address("rtsp://cam:554/live") == "rtsp://cam:554/live"
    assert shown_address("mqtt://host:1883/a@b") == "mqtt://host:1883/a@b"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1+2", "'=1+2"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("-", "'-"),
        ("-1.5", "-1.5"),
        ("+3", "+3"),
        ("-1e-07", "-1e-07"),
        (-1.5, -1.5),
        (None, None),
        ("", ""),
        ("d0", "d0"),
        ("a=b", "a=b"),
        ("\x1b[2J", "\\u001b[2J"),
    ],
)
def test_cells_of_a_table(cell: object, expected: object) -> None:
    assert csv_cell(cell) == expected


def test_a_table_of_a_study_keeps_its_numbers() -> None:
    line = TableLine("s", "=evil()", "q", "ms", -1.5, "@me", -2.25, note="\x1b[2J")
    (row,) = csv.DictReader(io.StringIO(to_csv([line])))
    assert (row["model"], row["published"], row["source"]) == ("'=evil()", "-1.5", "'@me")
    assert (row["ours"], row["note"]) == ("-2.25", "\\u001b[2J")


def test_a_figure_is_xml_whatever_it_is_called() -> None:
    words = Words(1.0, 2.0, f"{EVIL}\0\ufffe\ud800", title=True)
    text = svg(Figure(EVIL, (words,)))
    ElementTree.fromstring(text.encode())
    assert not STEERING.search(text.replace("\r\n", "").encode())


def test_what_is_shown_is_one_line() -> None:
    assert shown("a\tb\nc\x1b") == "a\\u0009b\\u000ac\\u001b"
    assert shown("crème 犬 🐕") == "crème 犬 🐕"
