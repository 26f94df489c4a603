"""What a text on the command line names: a video file, a camera or an address of a stream."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from edge_edet.errors import InputError
from edge_edet.pictures import SUFFIXES, VIDEO_SUFFIXES
from edge_edet.terminal import shown_address

__all__ = ["SourceLike", "VideoSource", "as_source", "source_of"]

SourceLike: TypeAlias = "VideoSource | str | os.PathLike[str]"

ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://.+", re.DOTALL)
SCHEMES = ("http", "https", "rtsp", "rtsps", "udp")
# over UDP, which FFmpeg tries first, a lost packet damages all pictures up to the next key frame
RTSP = MappingProxyType({"rtsp_transport": "tcp"})


@dataclass(frozen=True)
class VideoSource:
    """A place that frames come from.

    Attributes
    ----------
    kind
        "file" has an end and every frame of it is read; "camera" and "network" may be live.
    address
        As FFmpeg opens it, with its password.
    name
        As it is shown, without one.
    format
        FFmpeg's name of the input format; None where it is recognized by its content.
    options
        Options of FFmpeg's input.
    play_fps
        Of a file: play it once, as a camera with so many frames a second would send it; None for as fast as
        it is read.
    """

    kind: Literal["file", "camera", "network"]
    address: str
    name: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    play_fps: float | None = None


def source_of(text: str) -> VideoSource | None:
    """Return the video source that a text names; None where it names pictures.

    Parameters
    ----------
    text
        `camera:0` or `camera:/dev/video0`; an address rtsp://, http:// or udp://; or the path of a file whose
        name ends as one of a video.

    Returns
    -------
    VideoSource | None
        The source.

    Raises
    ------
    InputError
        `camera:` is followed by something else, or this system's cameras cannot be opened by number.
    """
    if text.startswith("camera:"):
        return _camera(text)
    address = ADDRESS.fullmatch(text)
    if address is None:
        is_video = Path(text).suffix.lower() in VIDEO_SUFFIXES and not Path(text).is_dir()
        return VideoSource("file", text, text) if is_video else None
    scheme = address["scheme"].lower()
    path = text.partition("?")[0].lower()
    if scheme not in SCHEMES or path.endswith(SUFFIXES):
        return None  # refused as a picture, with what to do
    options = RTSP if scheme.startswith("rtsp") else {}
    return VideoSource("network", text, shown_address(text), options=options)


def as_source(given: SourceLike) -> VideoSource:
    """Return the source that a caller of the library gave: a path is a video whatever its suffix.

    Raises
    ------
    InputError
        It names nothing that frames come from.
    """
    if isinstance(given, VideoSource):
        return given
    if not isinstance(given, str | os.PathLike):
        raise InputError(
            f"source must be a path, 'camera:0' or an address, but got {type(given).__name__}"
        )
    text = os.fspath(given)
    found = source_of(text)
    if found is None and ADDRESS.fullmatch(text):
        raise InputError(
            f"{shown_address(text)!r} is no address of a stream: known are "
            f"{', '.join(f'{s}://' for s in SCHEMES)}"
        )
    return found or VideoSource("file", text, text)


def _camera(text: str) -> VideoSource:
    which = text.removeprefix("camera:")
    if not re.fullmatch(r"\d{1,3}|/dev/[\w./-]+", which):
        raise InputError(
            f"{text!r} is no camera: write camera:0, or camera:/dev/video0, as "
            "'v4l2-ctl --list-devices' lists them"
        )
    if not sys.platform.startswith("linux"):
        raise InputError(
            f"cameras are read through V4L2, which {sys.platform} does not have: "
            "give a video file or an address"
        )
    path = which if which.startswith("/") else f"/dev/video{which}"
    return VideoSource("camera", path, text, format="v4l2")
