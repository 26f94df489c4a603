"""Video files, cameras and streams as sources of frames, read with PyAV: `edge-edet[video]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_edet.video.source import SourceLike, VideoSource, source_of

if TYPE_CHECKING:
    from edge_edet.video.frame import Frame
    from edge_edet.video.statistics import StreamStatistics
    from edge_edet.video.streaming import Stream, stream
    from edge_edet.video.writing import VideoWriter

__all__ = [
    "Frame",
    "SourceLike",
    "Stream",
    "StreamStatistics",
    "VideoSource",
    "VideoWriter",
    "source_of",
    "stream",
]

_LAZY = {  # what needs PyAV or numpy
    "Frame": "frame",
    "Stream": "streaming",
    "StreamStatistics": "statistics",
    "VideoWriter": "writing",
    "stream": "streaming",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"edge_edet.video.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
