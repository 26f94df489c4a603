"""Recognize by its content a file that an edge-edet command wrote before.

No test here trusts a name. A file that cannot be read is not ours.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "CALIBRATION",
    "CORRECTIONS",
    "DEMO_COMMENT",
    "DEMO_VIDEO",
    "DRAWING",
    "DRAWN_VIDEO",
    "GRAPH",
    "MODEL",
    "PARETO",
    "PARITY_PAGE",
    "PARITY_REPORT",
    "SEARCH_LOG",
    "STUDY_MODEL",
    "TARGET_FILE",
    "VIDEO_COMMENT",
    "Kind",
    "generator_meta",
    "json_with",
    "page_by",
    "png_by",
    "starts_with",
    "svg_by",
]

HEAD_BYTES = 2**16  # what a mark must stand in
MAX_JSON_BYTES = 2**26
PNG_START = b"\x89PNG\r\n\x1a\n"
Test = Callable[[Path], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of output file.

    Attributes
    ----------
    name
        With its article, for messages.
    wrote
        Returns whether the file at a path is one that we wrote.
    durable
        Whether to wait until it is on the disk, for what took long to make.
    """

    name: str
    wrote: Test
    durable: bool = True


def png_by(command: str) -> Test:
    """Make a test for a PNG whose text chunk "Software" is the command's name.

    Parameters
    ----------
    command
        Such as "edge-edet report".

    Returns
    -------
    Test
        Takes a file's bytes, returns whether it is one.
    """

    def test(path: Path) -> bool:
        data = _head(path)
        place, wanted = len(PNG_START), b"Software\0" + command.encode("latin-1")
        if not data.startswith(PNG_START):
            return False
        while place + 8 <= len(data):
            size, kind = struct.unpack_from(">I4s", data, place)
            if kind == b"IDAT":
                return False
            if kind == b"tEXt" and data[place + 8 : place + 8 + size] == wanted:
                return True
            place += 12 + size
        return False

    return test


def page_by(command: str) -> Test:
    """Make a test for an HTML page that names the command as its generator.

    Parameters
    ----------
    command
        Such as "edge-edet report".

    Returns
    -------
    Test
        Takes a file's bytes, returns whether it is one.
    """
    mark = generator_meta(command).encode()
    return lambda path: mark in _head(path) and _head(path).lstrip()[:9].lower() == b"<!doctype"


def generator_meta(command: str) -> str:
    """Return the HTML element that names the command as a page's generator."""
    return f'<meta name="generator" content="{command}">'


def svg_by(command: str) -> Test:
    """Make a test for an SVG that names the command as its creator, or in an element of metadata.

    Parameters
    ----------
    command
        Such as "edge-edet report".

    Returns
    -------
    Test
        Takes a file's bytes, returns whether it is one.
    """
    marks = (f"<dc:title>{command}</dc:title>", f"<metadata>{command}</metadata>")
    return lambda path: any(mark.encode() in _head(path) for mark in marks)


def starts_with(line: str) -> Test:
    """Make a test for a text whose first line is this one.

    Parameters
    ----------
    line
        The first line, without its end.

    Returns
    -------
    Test
        Takes a file's bytes, returns whether it is one.
    """
    return lambda path: _head(path).startswith(line.encode() + b"\n")


def json_with(keys: Collection[str], **fixed: str) -> Test:
    """Make a test for a JSON object with these keys; fixed: regular expressions for its values.

    Parameters
    ----------
    keys
        That it must have.
    fixed
        Regular expressions for values, by key.

    Returns
    -------
    Test
        Takes a file's bytes, returns whether it is one.
    """

    def test(path: Path) -> bool:
        try:
            if path.stat().st_size > MAX_JSON_BYTES:
                return False
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return False
        return (
            isinstance(document, dict)
            and document.keys() >= set(keys)
            and all(re.match(text, str(document.get(key))) for key, text in fixed.items())
        )

    return test


def _model(path: Path) -> bool:
    """Test for a manifest of ours inside."""
    from edge_edet.errors import EdgeEdetError
    from edge_edet.manifest import read_manifest

    try:
        return read_manifest(path).generator.startswith("edge-edet ")
    except EdgeEdetError:
        return False


def _study_model(path: Path) -> bool:
    """Test for a model with random weights: losing it costs nothing, unlike a trained one."""
    from edge_edet.errors import EdgeEdetError
    from edge_edet.manifest import read_manifest

    try:
        manifest = read_manifest(path)
    except EdgeEdetError:
        return False
    return manifest.has_random_weights and manifest.generator.startswith("edge-edet ")


def _graph(path: Path) -> bool:
    """Test for an IR's graph with our manifest in it, whatever weights are beside it."""
    if not _head(path).startswith((b"<?xml", b"<net")) or path.stat().st_size > MAX_JSON_BYTES:
        return False
    data = path.read_bytes()
    return b"<edge_edet_manifest " in data and b"edge_edet_bin_sha256" in data


def _record_with(array: str) -> Test:
    """Return a test for a zip of arrays that holds this one, and whose meta names us as its generator."""

    def test(path: Path) -> bool:
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                if "meta.npy" not in names or f"{array}.npy" not in names:
                    return False
                with archive.open("meta.npy") as stream:
                    return b'"generator": "edge-edet ' in stream.read(HEAD_BYTES)
        except Exception:  # zipfile and its codecs raise a dozen kinds for bad bytes
            return False

    return test


def _search_log(path: Path) -> bool:
    """Test for lines of the search alone; the last one may be torn."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        rows: list[Any] = [json.loads(line) for line in lines[:1]]
    except (OSError, ValueError, RecursionError):
        return False
    return bool(rows) and all(
        isinstance(row, dict) and row.keys() == {"format_version", "key", "what", "result"}
        for row in rows
    )


def _target_file(path: Path) -> bool:
    """Test for a label map, each line "index name", or a configuration or page that names us first."""
    lines = _head(path).decode("utf-8", "replace").splitlines()
    if lines and lines[0].startswith(("# ", "<!-- ")) and ", by edge-edet convert" in lines[0]:
        return True
    return bool(lines) and all(
        re.fullmatch(rf"{index} .+", line) for index, line in enumerate(lines)
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _drawn_video(path: Path) -> bool:
    return _video_with(VIDEO_COMMENT, path)


def _demo_video(path: Path) -> bool:
    return _video_with(DEMO_COMMENT, path)


def _video_with(comment: str, path: Path) -> bool:
    """Test for an MP4 whose description (the box `moov`) holds the comment."""
    try:
        with path.open("rb") as file:
            while len(head := file.read(8)) == 8:
                size, name = struct.unpack(">I4s", head)
                header = 8
                if size == 1:
                    size, header = struct.unpack(">Q", file.read(8))[0], 16
                if name == b"moov":
                    return comment.encode() in file.read(min(size, MAX_JSON_BYTES))
                if size < header:
                    return False
                file.seek(size - header, 1)
    except (OSError, struct.error, ValueError, OverflowError):
        pass
    return False


VIDEO_COMMENT = "drawn by edge-edet detect"
DEMO_COMMENT = "drawn by edge_edet.demo_video"
DEMO_VIDEO = Kind("a video of 'python -m edge_edet.demo_video'", _demo_video, durable=False)
DRAWN_VIDEO = Kind("a drawn video of 'edge-edet detect'", _drawn_video, durable=False)
DRAWING = Kind("a drawing of 'edge-edet detect'", png_by("edge-edet detect"), durable=False)
MODEL = Kind("a model of 'edge-edet convert'", _model)
GRAPH = Kind("a model of 'edge-edet convert'", _graph)
STUDY_MODEL = Kind("a model of 'edge-edet reproduce'", _study_model)
CALIBRATION = Kind("a record of 'edge-edet calibrate'", _record_with("counts"))
CORRECTIONS = Kind("a record of 'edge-edet calibrate'", _record_with("steps"))
PARITY_PAGE = Kind("a parity report of edge-edet", page_by("edge-edet compare-float"))
PARITY_REPORT = Kind(
    "a parity report of edge-edet",
    json_with(("int8", "float", "protocol", "findings"), generator="edge-edet "),
)
PARETO = Kind(
    "a table of 'edge-edet convert --max-drop'",
    json_with(("max_drop", "measured_drop", "float_ms", "chosen", "candidates")),
)
SEARCH_LOG = Kind("a log of 'edge-edet convert --max-drop'", _search_log)
TARGET_FILE = Kind(
    "a label map, configuration or page of 'edge-edet convert'", _target_file, durable=False
)
