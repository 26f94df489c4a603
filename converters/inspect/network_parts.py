"""The part and block of the network that a tensor belongs to, by its name.

Such a name is `backbone/blocks.2.1/conv_dw/swish`.
"""

from __future__ import annotations

import re

PARTS = ("input", "stem", "backbone", "fpn", "class_net", "box_net", "outputs", "other")
_BLOCK = re.compile(
    r"backbone/conv_stem|backbone/blocks\.\d+\.\d+|fpn/cell\.\d+/fnode\.\d+|fpn/[^/]+"
    r"|(?:class|box)_net/p\d+"
)
_INPUTS = ("image", "normalized")
_OUTPUTS = ("class_logits", "box_codes", "detection_")


def block_of(name: str) -> str:
    """Return the block that a tensor belongs to; of foreign names, the first two parts of the path."""
    if found := _BLOCK.match(name):
        return found.group()
    return "/".join(name.split(";")[0].split("/")[:2])


def part_of(name: str) -> str:
    """Return the part of the network, one of PARTS, that a tensor belongs to."""
    if name.startswith("backbone/conv_stem"):
        return "stem"
    first = name.split("/")[0]
    if first in PARTS:
        return first
    if first in _INPUTS:
        return "input"
    return "outputs" if name.startswith(_OUTPUTS) else "other"
