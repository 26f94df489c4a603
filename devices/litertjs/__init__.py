"""LiteRT.js, Google's runtime of .tflite files in browsers: fetched from npm, checked, never committed."""

from __future__ import annotations

from edge_edet.devices.litertjs.find import find_litertjs
from edge_edet.devices.litertjs.pinned import ENTRY, FILES, VERSION

__all__ = ["ENTRY", "FILES", "VERSION", "find_litertjs"]
