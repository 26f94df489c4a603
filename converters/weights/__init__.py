"""Where trained weights come from: a file, a download, or the bundled checkpoint."""

from __future__ import annotations

from edge_edet.converters.weights.downloader import download
from edge_edet.converters.weights.find import (
    CHECKPOINT_SUFFIXES,
    NAMES,
    find_weights,
    is_checkpoint,
    read_labels,
)
from edge_edet.converters.weights.input_size import (
    Auto,
    SizeWish,
    commonest_shape,
    read_size,
    wish_text,
)
from edge_edet.converters.weights.release import (
    RELEASE,
    WEIGHTS_URL,
    bundled,
    find_pulled,
    release_file,
    weights_folder,
)
from edge_edet.converters.weights.source import Source, asset, weights_digest

__all__ = [
    "CHECKPOINT_SUFFIXES",
    "NAMES",
    "RELEASE",
    "WEIGHTS_URL",
    "Auto",
    "SizeWish",
    "Source",
    "asset",
    "bundled",
    "commonest_shape",
    "download",
    "find_pulled",
    "find_weights",
    "is_checkpoint",
    "read_labels",
    "read_size",
    "release_file",
    "weights_digest",
    "weights_folder",
    "wish_text",
]
