"""Read TensorFlow's checkpoints (bundles with an object graph) and its text protobufs."""

from __future__ import annotations

from edge_edet.converters.checkpoints.tensorflow.bundle import read_tf_bundle
from edge_edet.converters.checkpoints.tensorflow.files import (
    bundle_files,
    checkpoint_prefix,
    choice_notes,
    refuse_export,
)
from edge_edet.converters.checkpoints.tensorflow.text_protobuf import (
    MAX_TEXT_BYTES,
    Message,
    parse_text,
)
from edge_edet.converters.checkpoints.tensorflow.tfod_names import choose_averages

__all__ = [
    "MAX_TEXT_BYTES",
    "Message",
    "bundle_files",
    "checkpoint_prefix",
    "choice_notes",
    "choose_averages",
    "parse_text",
    "read_tf_bundle",
    "refuse_export",
]
