"""Pictures as people have them: read, upright, with 8 bits a channel."""

from __future__ import annotations

from edge_edet.pictures.folder import SUFFIXES, find_given, is_hidden, pictures_digest, pictures_in
from edge_edet.pictures.image import (
    DECODES,
    FILE_LIMIT,
    VIDEO_SUFFIXES,
    ImageLike,
    ReadPicture,
    check_decode,
    read_picture,
    refuse_addresses,
    warn_of,
)
from edge_edet.pictures.log import (
    PictureLog,
    add_decode_argument,
    add_picture_arguments,
    add_range_argument,
    usable,
)
from edge_edet.pictures.normalization import (
    Channels,
    Given,
    Normalization,
    read_normalization,
    shown,
)
from edge_edet.pictures.value_range import (
    Finding,
    PictureRange,
    check_range,
    parse_range,
    range_text,
)

__all__ = [
    "DECODES",
    "FILE_LIMIT",
    "SUFFIXES",
    "VIDEO_SUFFIXES",
    "Channels",
    "Finding",
    "Given",
    "ImageLike",
    "Normalization",
    "PictureLog",
    "PictureRange",
    "ReadPicture",
    "add_decode_argument",
    "add_picture_arguments",
    "add_range_argument",
    "check_decode",
    "check_range",
    "find_given",
    "is_hidden",
    "parse_range",
    "pictures_digest",
    "pictures_in",
    "range_text",
    "read_normalization",
    "read_picture",
    "refuse_addresses",
    "shown",
    "usable",
    "warn_of",
]
